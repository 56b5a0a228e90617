/** Single logout of SAML: the portal tells the provider, the provider ends sessions here, and nobody else does. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createVerify } from "node:crypto";
import { inflateRawSync } from "node:zlib";
import { ProviderRefusal } from "../../platform/sso/provider_refusal.ts";
import { checkSamlSignOut, isSignedOutThere } from "../../platform/sso/saml_sign_out.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { createSamlPeer, encryptedFor, type WantedSignOut } from "../fixtures/saml_peer.ts";
import { samlAddresses, samlProvider, type SamlScene, samlScene } from "./saml_scene.ts";
import type { Visitor } from "./portal_scene.ts";

const minute = 60_000;
const signOutAddress = "https://idp.example.com/saml/logout?tenant=1";
const peer = await createSamlPeer(), other = await createSamlPeer();
const now = new Date("2026-11-30T10:00:00Z");
const right: WantedSignOut = { destination: samlAddresses.signOut, now, sessions: ["_session"] };
const own = {
  keyId: "key-1",
  certificatePem: other.keyOfTest.certificatePem,
  privateKeyPem: other.keyOfTest.privateKeyPem,
  createdAt: 0,
  endsAt: null,
};

type Kind = "query" | "form";

function check(kind: Kind, wanted: Partial<WantedSignOut> = {}, { of = peer, at = now } = {}) {
  const all = { ...right, ...wanted };
  const message = kind === "query" ? { query: of.signOutQuery(all) } : { form: of.signOutForm(all) };
  return checkSamlSignOut(samlProvider(peer, { "sign-out-address": signOutAddress }), message, {
    addresses: samlAddresses,
    keys: [own],
    now: at.getTime(),
  });
}

const isRefused = (error: unknown) => {
  assert(error instanceof ProviderRefusal && error.reason === "answer", String(error instanceof Error && error.stack));
  return true;
};

const encryptedId = encryptedFor(own.certificatePem, { element: "EncryptedID" })(
  `<saml:NameID xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">mia-1</saml:NameID>`,
);

for (const kind of ["query", "form"] as const) {
  Deno.test(`a signed request to sign out counts (${kind})`, async () => {
    const { subject, sessions, endsAt } = await check(kind);
    assert.deepEqual([subject, sessions], ["mia-1", ["_session"]]);
    assert(endsAt > now.getTime() + 5 * minute);
    assert.equal((await check(kind, { relayState: "a b+c&d" })).subject, "mia-1");
    assert.deepEqual((await check(kind, { sessions: ["a", "b"] })).sessions, ["a", "b"]);
    assert.equal((await check(kind, { nameId: encryptedId })).subject, "mia-1");
    assert.equal((await check(kind, {}, { at: new Date(now.getTime() + 5 * minute) })).subject, "mia-1");
  });

  const wrong: Record<string, [Partial<WantedSignOut>, Parameters<typeof check>[2]?]> = {
    "unsigned": [{ isUnsigned: true }],
    "signed by somebody else": [{}, { of: other }],
    "SHA-1": [{ signature: "sha1" }],
    "another issuer": [{ issuer: "https://other.example/saml" }],
    "for another portal": [{ destination: "https://other.example/sign-out" }],
    "for no address": [{ destination: "" }],
    "kept for too long": [{}, { at: new Date(now.getTime() + 7 * minute) }],
    "of the future": [{}, { at: new Date(now.getTime() - 2 * minute) }],
    "after its own end": [{ attributes: ` NotOnOrAfter="${new Date(now.getTime() - minute).toISOString()}"` }],
    "nobody": [{ nameId: "" }],
    "an empty name": [{ nameId: "<saml:NameID></saml:NameID>" }],
    "two people": [{ nameId: "<saml:NameID>mia-1</saml:NameID><saml:NameID>max-1</saml:NameID>" }],
    "two people, one encrypted": [{ nameId: `<saml:NameID>max-1</saml:NameID>${encryptedId}` }],
    "encrypted for somebody else": [{
      nameId: encryptedFor(peer.certificatePem, { element: "EncryptedID" })("<NameID>mia-1</NameID>"),
    }],
    "something else encrypted": [{
      nameId: encryptedFor(own.certificatePem, { element: "EncryptedID" })("<Other>mia-1</Other>"),
    }],
    "nothing encrypted": [{ nameId: encryptedFor(own.certificatePem, { element: "EncryptedID" })("mia-1") }],
    "RSA 1.5": [{
      nameId: encryptedFor(own.certificatePem, {
        element: "EncryptedID",
        transport: "http://www.w3.org/2001/04/xmlenc#rsa-1_5",
      })("<NameID>mia-1</NameID>"),
    }],
    "a document type": [{ change: (text) => `<!DOCTYPE x>${text}` }],
    "no XML": [{ change: () => "hello" }],
    "another message": [{ change: (text) => text.replaceAll("LogoutRequest", "ManageNameIDRequest") }],
  };
  for (const [what, [wanted, options]] of Object.entries(wrong)) {
    Deno.test(`a request to sign out is refused (${kind}): ${what}`, async () => {
      await assert.rejects(check(kind, wanted, options), isRefused);
    });
  }
}

const signature = /<(?:\w+:)?Signature[\s\S]*<\/(?:\w+:)?Signature>/;
const max = (text: string) => text.replace("mia-1", "max-1");
const wrappings: Record<string, (signed: string) => string> = {
  "the name changed": max,
  "it is within another one": (signed) => {
    const evil = max(signed.replace(signature, "")).replace(/ ID="[^"]*"/, ' ID="_evil"');
    return evil.replace("</saml:Issuer>", `</saml:Issuer><samlp:Extensions>${signed}</samlp:Extensions>`);
  },
  "its signature is in another one, around it": (signed) => {
    const found = signature.exec(signed)![0], evil = max(signed.replace(signature, "")).replace(/ ID="/, ' ID="_e');
    const around = found.replace(/(<\/(?:\w+:)?Signature>)$/, `<Object>${signed.replace(signature, "")}</Object>$1`);
    return evil.replace("</saml:Issuer>", `</saml:Issuer>${around}`);
  },
  "another one with the same id": (signed) => `<x>${max(signed.replace(signature, ""))}${signed}</x>`,
};
for (const [what, change] of Object.entries(wrappings)) {
  Deno.test(`a signed request to sign out is refused where it is not the one that is read: ${what}`, async () => {
    await assert.rejects(check("form", { change }), isRefused);
  });
}

Deno.test("a comment within the name cuts nothing off", async () => {
  const nameId = "<saml:NameID>boss<!-- -->.evil</saml:NameID>";
  for (const kind of ["query", "form"] as const) assert.equal((await check(kind, { nameId })).subject, "boss.evil");
});

Deno.test("of a signed query each part counts once, and only what was signed", async () => {
  const settings = { "sign-out-address": signOutAddress }, query = peer.signOutQuery(right);
  const evil = peer.signOutQuery({ ...right, nameId: "<saml:NameID>max-1</saml:NameID>", isUnsigned: true });
  const message = evil.split("&")[0]!;
  for (
    const text of [
      `${message}&${query}`,
      `${query}&${message}`,
      query.replace("SAMLRequest=", "xSAMLRequest=") + `&${message}`,
      query.replace(/SAMLRequest=[^&]*/, message),
      `${query}&RelayState=x`,
      query.replace(/&SigAlg=[^&]*/, ""),
      query.replace(/&SigAlg=[^&]*/, "&SigAlg=__proto__"),
      query.replace(/&Signature=[^&]*/, "&Signature=%%%"),
      query.replace("SAMLRequest=", "SAMLRequest=AAAA"),
      "",
    ]
  ) {
    const checked = checkSamlSignOut(samlProvider(peer, settings), { query: text }, {
      addresses: samlAddresses,
      keys: [],
      now: now.getTime(),
    });
    await assert.rejects(checked, isRefused, text);
  }
  // A message that is small on the way and large here.
  await assert.rejects(check("query", { change: (text) => text + " ".repeat(10_000_000) }), isRefused);
});

Deno.test("whether the provider has signed the person out is in its answer", () => {
  const answer = (status: string) =>
    Buffer.from(`<p:LogoutResponse><p:Status><p:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:${status}"/>`)
      .toString("base64");
  assert(isSignedOutThere({ form: answer("Success") }));
  for (const form of [answer("Responder"), "", "%", "x".repeat(1000)]) assert(!isSignedOutThere({ form }));
  for (const query of ["", "SAMLResponse=%", "SAMLResponse=AAAA"]) assert(!isSignedOutThere({ query }));
});

async function isIn(browser: Visitor): Promise<boolean> {
  return (await browser.get("/account")).status === 200;
}

function endings({ scene }: SamlScene): Promise<{ sessions: number; reason: string }[]> {
  return scene.platform.platform.store.transaction(async (tx) => {
    const rows = await tx.all<{ detail: string }>(
      "SELECT detail FROM audit_log WHERE action = 'userSessionsEnded' ORDER BY entry",
    );
    return rows.map(({ detail }) => JSON.parse(detail));
  });
}

slowInPostgres("signing out of the portal leads to the provider, by a signed request for its session", async () => {
  await using saml = await samlScene(peer, { "sign-out-address": signOutAddress });
  const { scene, providerId } = saml, browser = scene.visitor();
  await saml.signIn(browser);
  const left = await browser.post("/sign-out");
  assert.equal(left.status, 200);
  assert(!await isIn(browser));
  const address = new URL(/^0; url=(.*)$/.exec(String(left.headers["refresh"]))![1]!);
  assert.equal(address.origin + address.pathname, "https://idp.example.com/saml/logout");
  assert.equal(address.searchParams.get("tenant"), "1");
  const xml = inflateRawSync(Buffer.from(address.searchParams.get("SAMLRequest")!, "base64")).toString();
  assert.match(xml, /<saml:NameID Format="[^"]*persistent">mia-1<[\s\S]*SessionIndex[^>]*>_session</);
  assert.match(xml, new RegExp(`<saml:Issuer[^>]*>${saml.root}/metadata<`));
  const metadata = (await browser.get(`/sign-in/saml/${providerId}/metadata`)).body;
  const certificate = /use="signing"[\s\S]*?X509Certificate>([^<]+)</.exec(metadata)![1]!;
  assert.match(metadata, new RegExp(`SingleLogoutService Binding="[^"]*Redirect" Location="[^"]*/sign-out/saml/`));
  const pem = `-----BEGIN CERTIFICATE-----\n${certificate.match(/.{1,64}/g)!.join("\n")}\n-----END CERTIFICATE-----\n`;
  const [, signed, sent] = /^\?(?:tenant=1&)?(.*)&Signature=([^&]*)$/.exec(address.search)!;
  assert(createVerify("sha256").update(signed!).verify(pem, decodeURIComponent(sent!), "base64"), "not signed");
  // Back from there.
  const back = (status: string) =>
    browser.post(`/sign-out/saml/${providerId}`, {
      SAMLResponse: Buffer.from(`<p:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:${status}"/>`)
        .toString("base64"),
    }, { origin: "https://idp.example.com" });
  assert.equal((await back("Success")).location, "/sign-in");
  assert.match((await back("PartialLogout")).body, /does not say that it has signed you out everywhere/);
});

slowInPostgres("the provider ends a person's sessions here, in all browsers of that session, once", async () => {
  await using saml = await samlScene(peer, { "sign-out-address": signOutAddress });
  const { scene, providerId } = saml, { clock } = scene.platform, path = `/sign-out/saml/${providerId}`;
  const destination = `${scene.origin}${path}`;
  const [desk, phone, max] = [scene.visitor(), scene.visitor(), scene.visitor()];
  await saml.signIn(desk);
  await saml.signIn(phone, { session: "_phone" });
  await saml.signIn(max, { nameId: "max-1", email: "max@partner.example" });
  const wanted = () => ({ destination, now: clock.now(), sessions: ["_session"], relayState: "a b&c" });
  const elsewhere = scene.visitor();
  for (const wrong of [other.signOutQuery(wanted()), peer.signOutQuery({ ...wanted(), isUnsigned: true })]) {
    const refused = await elsewhere.get(`${path}?${wrong}`);
    assert.equal(refused.status, 401);
    assert.match(refused.body, /<h1>Sign-out did not succeed<\/h1>/);
  }
  assert(await isIn(desk));
  const query = peer.signOutQuery({ ...wanted(), id: "_once" });
  const done = await elsewhere.get(`${path}?${query}`);
  assert.equal(done.status, 303, done.body);
  const answer = new URL(done.location);
  assert.equal(answer.searchParams.get("RelayState"), "a b&c");
  const xml = inflateRawSync(Buffer.from(answer.searchParams.get("SAMLResponse")!, "base64")).toString();
  assert.match(xml, /InResponseTo="_once"[\s\S]*status:Success/);
  assert(answer.searchParams.has("Signature"));
  assert.deepEqual([await isIn(desk), await isIn(phone), await isIn(max)], [false, true, true]);
  assert.equal((await elsewhere.get(`${path}?${query}`)).status, 401, "a message counts once");
  // Without a session, or with one that is not known here: all of the person. By a form.
  const form = { SAMLRequest: peer.signOutForm({ ...wanted(), sessions: ["_older"] }), RelayState: "x" };
  const led = await elsewhere.post(path, form, { origin: "https://idp.example.com" });
  assert.equal(new URL(led.location).searchParams.get("RelayState"), "x");
  assert.deepEqual([await isIn(phone), await isIn(max)], [false, true]);
  // Of somebody who is not known here, nothing is told.
  const stranger = peer.signOutQuery({ ...wanted(), nameId: "<saml:NameID>nobody</saml:NameID>" });
  assert.equal((await elsewhere.get(`${path}?${stranger}`)).status, 303);
  assert.deepEqual(
    (await endings(saml)).map(({ sessions, reason }) => [sessions, reason]),
    [[1, "signed out at the provider"], [1, "signed out at the provider"]],
  );
});

Deno.test("without an address for it there is no single logout", async () => {
  await using saml = await samlScene(peer);
  const { scene, providerId } = saml, browser = scene.visitor();
  await saml.signIn(browser);
  const destination = `${scene.origin}/sign-out/saml/${providerId}`;
  const query = peer.signOutQuery({ destination, now: scene.platform.clock.now() });
  assert.equal((await scene.visitor().get(`/sign-out/saml/${providerId}?${query}`)).status, 401);
  assert(await isIn(browser));
  assert.equal((await browser.post("/sign-out")).location, "/sign-in");
  assert.equal((await scene.visitor().get("/sign-out/saml/idp-000000000000")).status, 401);
});

/** Sign-in by SAML: the whole way through the portal, and what a provider, or somebody between, may not say. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { signXml } from "@node-saml/node-saml/lib/xml.js";
import { ProviderRefusal } from "../../platform/sso/provider_refusal.ts";
import { checkSaml, claimedRequest } from "../../platform/sso/saml.ts";
import { mostResponseBytes } from "../../platform/sso/saml_xml.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { movedClock } from "../fixtures/platform_fixture.ts";
import { createSamlPeer, type Wanted } from "../fixtures/saml_peer.ts";
import { samlAddresses, samlProvider, samlScene } from "./saml_scene.ts";

const minute = 60_000;
const requestId = "_request";
const right: Wanted = { audience: samlAddresses.entityId, recipient: samlAddresses.consumer, requestId };

const peer = await createSamlPeer(), other = await createSamlPeer();

const check = (samlResponse: string, { clock = movedClock(), isFresh = false } = {}) =>
  checkSaml({ clock }, samlProvider(peer), { samlResponse, requestId, addresses: samlAddresses, isFresh });

const isRefused = (error: unknown) => {
  assert(error instanceof ProviderRefusal, String(error instanceof Error ? error.stack : error));
  return true;
};

Deno.test("a signed assertion counts if everything of it is right", async () => {
  const { identity, assertion } = await check(peer.response(right), { isFresh: true });
  assert.deepEqual([identity.subject, identity.email, identity.groups], ["mia-1", "mia@partner.example", ["techs"]]);
  assert(Math.abs(identity.authenticatedAt! - Date.now()) < minute);
  assert(assertion.endsAt > Date.now());
  assert.equal(claimedRequest(peer.response(right)), requestId);
  const many = await check(peer.response({ ...right, groups: Array.from({ length: 300 }, (_, i) => `group ${i}`) }));
  assert.equal(many.identity.groups.length, 300);
});

const wrong: Record<string, Partial<Wanted>> = {
  "unsigned": { isUnsigned: true },
  "another audience": { audience: "https://other.example/metadata" },
  "another recipient": { recipient: "https://other.example/acs" },
  "another request": { requestId: "_another" },
  "no request": { requestId: undefined },
  "another issuer": { issuer: "https://other.example/saml" },
  "an attribute changed": { change: (text) => text.replace("techs", "admins") },
  "the subject changed": { change: (text) => text.replace("mia-1", "boss-1") },
  "the signature cut out": { change: (text) => text.replace(/<(\w+:)?Signature[\s\S]*<\/(\w+:)?Signature>/, "") },
  "SHA-1": { signature: "rsa-sha1", digest: "sha1" },
  "SHA-1 as digest": { digest: "sha1" },
  "SHA-1, its name encoded": {
    signature: "rsa-sha1",
    digest: "sha1",
    change: (text) => text.replaceAll("rsa-sha1", "rsa-sh&#97;1").replaceAll("#sha1", "#sh&#97;1"),
  },
  "a document type": { wrap: (text) => `<!DOCTYPE x>${text}` },
  "an entity bomb": {
    wrap: (text) =>
      `<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>${
        text.replace("techs", "&b;")
      }`,
  },
  "a file as entity": {
    wrap: (text) => `<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>${text.replace("techs", "&f;")}`,
  },
  "not XML": { wrap: () => "hello" },
  "nothing": { wrap: () => "" },
  "too long": { wrap: (text) => text + " ".repeat(mostResponseBytes) },
  "no end": { lifetimeSeconds: 0 },
  "a long end": { lifetimeSeconds: 7200 },
};

for (const [what, changes] of Object.entries(wrong)) {
  Deno.test(`an answer of SAML is refused: ${what}`, async () => {
    await assert.rejects(check(peer.response({ ...right, ...changes })), isRefused);
  });
}

Deno.test("an answer of SAML is refused: signed by the certificate of another provider", async () => {
  await assert.rejects(check(other.response({ ...right, issuer: peer.issuer })), isRefused);
});

Deno.test("an assertion counts by the platform's clock, from its beginning to its end", async () => {
  const clock = movedClock(), response = peer.response({ ...right, lifetimeSeconds: 100 });
  clock.advance(2 * minute + 30_000);
  await check(response, { clock });
  clock.advance(20_000);
  await assert.rejects(check(response, { clock }), /expired/);
  const long = peer.response({ ...right, lifetimeSeconds: 1000 });
  await check(long, { clock });
  clock.advance(20_000);
  await assert.rejects(check(long, { clock }), /not issued just now/);
  clock.advance(-20 * minute);
  await assert.rejects(check(response, { clock }), /not valid yet/);
});

/* Signature wrapping: the signed assertion stays somewhere, and another one is where it is looked for. */
function evilOf(wanted: Wanted): string {
  return peer.assertion({ ...wanted, isUnsigned: true, nameId: "boss-1", groups: ["admins"] });
}

const signature = /<(?:\w+:)?Signature[\s\S]*<\/(?:\w+:)?Signature>/;
const signedInfo = /<(?:\w+:)?SignedInfo[\s\S]*<\/(?:\w+:)?SignedInfo>/;

const wrappings: Record<string, (signed: string, evil: string) => string> = {
  "its signature twice": (signed) => signed.replace(signature, "$&$&").replace("mia-1", "boss-1"),
  // xml-crypto before 6.0.1 took these two (CVE-2025-29774, CVE-2025-29775).
  "another list of what is signed": (signed) =>
    signed.replace(signedInfo, (found) => found.replace(/(DigestValue>)[^<]*/, "$1AAAA") + found).replace(
      "mia-1",
      "boss-1",
    ),
  "a comment in the digest": (signed) =>
    signed.replace(/(<(?:\w+:)?DigestValue>)/, "$1<!--AAAA-->").replace("mia-1", "boss-1"),
  "another part signed beside it": (signed) =>
    signed.replace(/<(?:\w+:)?Reference[\s\S]*<\/(?:\w+:)?Reference>/, "$&$&").replace("mia-1", "boss-1"),
  "the whole document signed in its place": (signed) =>
    signed.replace(/ URI="[^"]*"/, ' URI=""').replace("mia-1", "boss-1"),
  "the answer signed in its place": (signed) =>
    signed.replace(/ URI="[^"]*"/, ' URI="#_response"').replace("mia-1", "boss-1"),
  "no transformation": (signed) => signed.replace(/<(?:\w+:)?Transforms>[\s\S]*<\/(?:\w+:)?Transforms>/, ""),
  "nothing signed": (signed) =>
    signed.replace(/<(?:\w+:)?Reference[\s\S]*<\/(?:\w+:)?Reference>/, "").replace("mia-1", "boss-1"),
  "an instruction in the name": (signed) => signed.replace("mia-1", "mia<?x -1?>-1"),
  "another one before it": (signed, evil) => evil + signed,
  "another one behind it": (signed, evil) => signed + evil,
  "it is within another one": (signed, evil) => evil.replace(/(<\/(?:\w+:)?Issuer>)/, `$1${signed}`),
  "it is within another one's signature": (signed, evil) => {
    const signature = /<(?:\w+:)?Signature[\s\S]*<\/(?:\w+:)?Signature>/.exec(signed)![0];
    const bare = signed.replace(signature, "");
    const around = signature.replace(/(<\/(?:\w+:)?Signature>)$/, `<Object>${bare}</Object>$1`);
    return evil.replace(/(<\/(?:\w+:)?Issuer>)/, `$1${around}`);
  },
  "it is in extensions": (signed, evil) =>
    `<samlp:Extensions xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol">${signed}</samlp:Extensions>${evil}`,
  "another one with the same id": (signed, evil) =>
    evil.replace(/ ID="[^"]*"/, ` ${/ID="[^"]*"/.exec(signed)![0]}`) + signed,
  "another one with its signature": (signed, evil) => {
    const signature = /<(?:\w+:)?Signature[\s\S]*<\/(?:\w+:)?Signature>/.exec(signed)![0];
    return evil.replace(/(<\/(?:\w+:)?Issuer>)/, `$1${signature}`);
  },
  "another one in a response around the response": (signed, evil) =>
    `${evil}<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol">${signed}</samlp:Response>`,
};
for (const [what, wrap] of Object.entries(wrappings)) {
  Deno.test(`a signed assertion is refused where it is not the one that is read: ${what}`, async () => {
    const response = peer.response({ ...right, change: (signed) => wrap(signed, evilOf(right)) });
    const found = await check(response).catch((error) => error);
    if (found instanceof ProviderRefusal) return;
    assert.equal(found.identity?.subject, "mia-1", `${what}: ${found}`);
    assert.deepEqual(found.identity.groups, ["techs"]);
  });
}

Deno.test("a signature of the answer makes up for none of the assertion", async () => {
  const signAnswer = (text: string) =>
    signXml(text, "/*[local-name()='Response']", { reference: "/*/*[local-name()='Issuer']", action: "after" }, {
      privateKey: peer.keyOfTest.privateKeyPem,
      signatureAlgorithm: "sha256",
      digestAlgorithm: "sha256",
    });
  assert.equal((await check(peer.response({ ...right, wrap: signAnswer }))).identity.subject, "mia-1");
  const others: Partial<Wanted>[] = [
    { isUnsigned: true, wrap: signAnswer },
    { wrap: (text) => signAnswer(text).replace(/<saml:Assertion[\s\S]*<\/saml:Assertion>/, evilOf(right)) },
    { wrap: (text) => signAnswer(text).replace("</samlp:Response>", `${evilOf(right)}</samlp:Response>`) },
  ];
  for (const wanted of others) await assert.rejects(check(peer.response({ ...right, ...wanted })), isRefused);
});

Deno.test("a valid signature over what others may read otherwise is refused", async () => {
  const enveloped = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
  const exclusive = "http://www.w3.org/2001/10/xml-exc-c14n#",
    inclusive = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315";
  const signedBy = (xmlSignatureTransforms: string[]) => (text: string) =>
    signXml(
      text,
      "//*[local-name()='Assertion']",
      { reference: "//*[local-name()='Assertion']/*[local-name()='Issuer']", action: "after" },
      {
        privateKey: peer.keyOfTest.privateKeyPem,
        signatureAlgorithm: "sha256",
        digestAlgorithm: "sha256",
        xmlSignatureTransforms,
      },
    );
  const answer = (transforms: string[]) =>
    check(peer.response({ ...right, isUnsigned: true, wrap: signedBy(transforms) }));
  assert.equal((await answer([enveloped, exclusive])).identity.subject, "mia-1");
  for (const canonical of [`${exclusive}WithComments`, inclusive, `${inclusive}#WithComments`]) {
    await assert.rejects(answer([enveloped, canonical]), isRefused, canonical);
  }
});

Deno.test("what takes long to look at is refused at once", async () => {
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  const began = performance.now();
  assert.equal(claimedRequest(base64("<Response ".repeat(25_000))), undefined);
  assert.equal(claimedRequest(base64(`<Response ${"InResponseTo ".repeat(20_000)}>`)), undefined);
  const long = ["<a>".repeat(60_000), "<a/>".repeat(50_000), "<a '".repeat(50_000), "<!--".repeat(50_000), "</a>", "<"];
  for (const text of long) {
    const wrap = (response: string) => response.replace("</samlp:Response>", `${text}</samlp:Response>`);
    await assert.rejects(check(peer.response({ ...right, wrap })), isRefused, text.slice(0, 10));
  }
  // Less than a second on a free machine; the library alone takes the square of the length, which is many minutes.
  assert(performance.now() - began < 60_000);
});

Deno.test("a comment within a name cuts nothing off", async () => {
  const nameId = "boss@partner.example.evil.example";
  const response = peer.response({
    ...right,
    nameId,
    change: (text) => text.replace(nameId, "boss@partner.example<!---->.evil.example"),
  });
  const found = await check(response).catch((error) => error);
  if (!(found instanceof ProviderRefusal)) assert.equal(found.identity.subject, nameId);
});

slowInPostgres("a person signs in by SAML; each answer counts once, for its request and in its browser", async () => {
  await using saml = await samlScene(peer);
  const { scene, providerId, root } = saml, browser = scene.visitor();
  const metadata = await browser.get(`/sign-in/saml/${providerId}/metadata`);
  assert.match(
    metadata.body,
    new RegExp(`entityID="${root}/metadata"[\\s\\S]*WantAssertionsSigned="true"[\\s\\S]*Location="${root}"`),
  );
  const begun = await saml.begin(browser, `/sign-in/with/${providerId}?next=%2Faccount`);
  assert.equal(begun.address.origin + begun.address.pathname, "https://idp.example.com/saml/login");
  assert.match(begun.xml, new RegExp(`AssertionConsumerServiceURL="${root}"`));
  const response = saml.answer(begun.id);
  // A wrong answer that anybody can send uses no request up.
  assert.equal((await saml.post(browser, saml.answer(begun.id, { isUnsigned: true }))).status, 401);
  const done = await saml.post(browser, response);
  assert.equal(done.location, "/account");
  assert.match((await browser.get("/account")).body, /mia@partner\.example/);
  assert.equal((await saml.post(browser, response)).status, 401);
  // For another request, also by the same provider; without any; and in another browser.
  const next = await saml.begin(browser);
  assert.equal((await saml.post(browser, saml.answer(next.id).replace("x", "x"))).location, "/");
  assert.equal((await saml.post(scene.visitor(), saml.answer((await saml.begin(browser)).id))).status, 401);
  assert.equal(
    (await saml.post(browser, peer.response({ audience: `${root}/metadata`, recipient: root, requestId: undefined })))
      .status,
    401,
  );
  const refused = await saml.signIn(scene.visitor(), { groups: ["staff"] });
  assert.equal(refused.status, 403);
});

Deno.test("only the form of a SAML answer may come from another origin, and not too long", async () => {
  await using saml = await samlScene(peer);
  const { scene, providerId } = saml, elsewhere = { origin: "https://idp.example.com" };
  const post = (path: string, value = "x") => scene.visitor().post(path, { SAMLResponse: value }, elsewhere);
  assert.equal((await post(`/sign-in/saml/${providerId}`)).status, 401);
  assert.equal((await post(`/sign-in/saml/${providerId}`, "x".repeat(600_000))).status, 413);
  assert.equal((await post(`/sign-in/saml/idp-000000000000`)).status, 401);
  for (
    const path of [`/sign-in/saml/${providerId}/done`, `/sign-in/saml/${providerId}/`, "/sign-in", "/sign-in/company"]
  ) {
    assert.equal((await post(path)).status, 403, path);
  }
});

Deno.test("an answer of another kind than the provider's is none, and is no bug", async () => {
  await using saml = await samlScene(peer);
  const { scene, providerId } = saml, browser = scene.visitor(), { id } = await saml.begin(browser);
  const paths = [`/sign-in/oidc/${providerId}?code=c&state=${id}`, `/sign-in/saml/${providerId}/done?answer=${id}`];
  for (const path of paths) assert.equal((await browser.get(path)).status, 401, path);
  const form = { logout_token: "x", name: "mia", password: "x" };
  for (const path of [`/sign-out/oidc/${providerId}`, `/sign-in/directory/${providerId}`]) {
    const { status } = await browser.post(path, form);
    assert(status === 400 || status === 404, `${path}: ${status}`);
  }
  assert.equal((await browser.get(`/sign-in/windows/${providerId}`)).status, 404);
});

Deno.test("a session by SAML goes on by a sign-in without questions, and ends where the provider says", async () => {
  await using saml = await samlScene(peer);
  const { scene, providerId } = saml, { clock } = scene.platform, browser = scene.visitor();
  await saml.signIn(browser);
  clock.advance(5 * minute);
  const asked = await browser.get("/account");
  assert.equal(asked.location, `/sign-in/with/${providerId}?again=1&next=%2Faccount`);
  const begun = await saml.begin(browser, asked.location);
  assert.match(begun.xml, /IsPassive="true"/);
  const answer = saml.answer(begun.id);
  assert.equal((await saml.post(browser, answer)).location, "/account");
  assert.equal((await browser.get("/account")).status, 200);
  clock.advance(5 * minute);
  const again = await saml.begin(browser, (await browser.get("/account")).location);
  const passive = peer.response({ audience: "", recipient: saml.root, requestId: again.id, change: () => "" });
  const text = Buffer.from(passive, "base64").toString().replace(
    `<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/>`,
    `<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Responder"><samlp:StatusCode ` +
      `Value="urn:oasis:names:tc:SAML:2.0:status:NoPassive"/></samlp:StatusCode>`,
  );
  const led = await saml.post(browser, Buffer.from(text).toString("base64"));
  assert.match(led.body, /Sign in with Example/);
  assert.equal((await browser.get("/account")).status, 303);
});

Deno.test("before dangerous things the provider is asked to ask (ForceAuthn)", async () => {
  await using saml = await samlScene(peer);
  const { scene, providerId } = saml, browser = scene.visitor();
  await saml.signIn(browser, { groups: ["admins"] });
  const begun = await saml.begin(browser, `/confirm/with/${providerId}?next=%2Fusers`);
  assert.match(begun.xml, /ForceAuthn="true"/);
  assert.equal((await saml.post(browser, saml.answer(begun.id, { groups: ["admins"], nameId: "max-1" }))).status, 401);
  const second = await saml.begin(browser, `/confirm/with/${providerId}?next=%2Fusers`);
  assert.equal((await saml.post(browser, saml.answer(second.id, { groups: ["admins"] }))).location, "/users");
});

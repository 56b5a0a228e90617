/** Encrypted assertions of SAML: what is opened, what is not, and that nothing is believed for being encrypted. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { ProviderRefusal } from "../../platform/sso/provider_refusal.ts";
import { checkSaml } from "../../platform/sso/saml.ts";
import { ensuredSamlKeys, keyOverlapMs, samlCertificate, samlKeys } from "../../platform/sso/saml_keys.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { movedClock } from "../fixtures/platform_fixture.ts";
import { createSamlPeer, encryptedFor, type Encryption, type Wanted } from "../fixtures/saml_peer.ts";
import { samlAddresses, samlProvider, samlScene } from "./saml_scene.ts";
import { operator } from "./users_fixture.ts";

const xmlenc = "http://www.w3.org/2001/04/xmlenc#", xmlenc11 = "http://www.w3.org/2009/xmlenc11#";
const requestId = "_request";
const right: Wanted = { audience: samlAddresses.entityId, recipient: samlAddresses.consumer, requestId };

const peer = await createSamlPeer(), other = await createSamlPeer();
/* Keys of the portal: only what opens is of interest here. */
const [own, before] = [await createSamlPeer(), await createSamlPeer()].map(({ keyOfTest }, index) => ({
  keyId: `key-${index}`,
  certificatePem: keyOfTest.certificatePem,
  privateKeyPem: keyOfTest.privateKeyPem,
  createdAt: 0,
  endsAt: null,
})) as [Awaited<ReturnType<typeof samlKeys>>[0], Awaited<ReturnType<typeof samlKeys>>[0]];

const check = (wanted: Partial<Wanted>, { settings = {}, keys = [own, before], of = peer } = {}) =>
  checkSaml({ clock: movedClock() }, samlProvider(peer, settings), {
    samlResponse: of.response({ ...right, ...wanted }),
    requestId,
    addresses: samlAddresses,
    isFresh: false,
    keys,
  });

const encrypt = (encryption?: Encryption, certificatePem = own.certificatePem) =>
  encryptedFor(certificatePem, encryption);

const isRefused = (error: unknown) => {
  assert(error instanceof ProviderRefusal && error.reason === "answer", String(error instanceof Error && error.stack));
  return true;
};

for (
  const [what, wanted, options] of [
    ["AES-256-GCM", { encrypt: encrypt() }],
    ["AES-128-GCM", { encrypt: encrypt({ content: `${xmlenc11}aes128-gcm` }) }],
    ["AES-256-CBC, as AD FS and Entra do", { encrypt: encrypt({ content: `${xmlenc}aes256-cbc` }) }],
    ["AES-128-CBC", { encrypt: encrypt({ content: `${xmlenc}aes128-cbc` }) }],
    ["by the key before, while it counts", { encrypt: encrypt({}, before.certificatePem) }],
    ["where nothing else is taken", { encrypt: encrypt() }, { settings: { "encrypted-only": "yes" } }],
    ["and plain, where that is taken too", {}],
    ["with a declaration of XML within", { encrypt: (text: string) => encrypt()(`<?xml version="1.0"?>\n${text}`) }],
  ] as [string, Partial<Wanted>, Parameters<typeof check>[1]?][]
) {
  Deno.test(`an encrypted assertion is opened: ${what}`, async () => {
    const { identity } = await check(wanted, options);
    assert.deepEqual([identity.subject, identity.groups], ["mia-1", ["techs"]]);
  });
}

Deno.test("every key is tried, whichever opens it: how long it takes tells nothing of the key", async () => {
  const noted = () => {
    const used: string[] = [];
    const keys = [own, before].map((key) => ({
      ...key,
      get privateKeyPem() {
        used.push(key.keyId);
        return key.privateKeyPem;
      },
    }));
    return { used, keys };
  };
  for (const { certificatePem } of [own, before]) {
    const { used, keys } = noted();
    await check({ encrypt: encrypt({}, certificatePem) }, { keys });
    assert.deepEqual(used, ["key-0", "key-1"]);
  }
  const { used, keys } = noted();
  await assert.rejects(check({ encrypt: encrypt({}, other.keyOfTest.certificatePem) }, { keys }), isRefused);
  assert.deepEqual(used, ["key-0", "key-1"]);
});

const signature = /<(?:\w+:)?Signature[\s\S]*<\/(?:\w+:)?Signature>/;
const evil = (wanted: Partial<Wanted> = {}) =>
  peer.assertion({ ...right, isUnsigned: true, nameId: "boss-1", groups: ["admins"], ...wanted });

const wrong: Record<string, [Partial<Wanted>, Parameters<typeof check>[1]?]> = {
  "RSA 1.5": [{ encrypt: encrypt({ transport: `${xmlenc}rsa-1_5` }) }],
  "RSA 1.5, its name encoded": [{
    encrypt: (text) => encrypt({ transport: `${xmlenc}rsa-1_5` })(text).replace("rsa-1_5", "rsa-1&#95;5"),
  }],
  "3DES": [{ encrypt: (text) => encrypt()(text).replace(`${xmlenc11}aes256-gcm`, `${xmlenc}tripledes-cbc`) }],
  "no algorithm": [{ encrypt: (text) => encrypt()(text).replace(/ Algorithm="[^"]*aes256-gcm"/, "") }],
  "plain, where it must be encrypted": [{}, { settings: { "encrypted-only": "yes" } }],
  "no key of the portal": [{ encrypt: encrypt() }, { keys: [] }],
  "for somebody else": [{ encrypt: encrypt({}, other.keyOfTest.certificatePem) }],
  "a byte changed, GCM": [{ encrypt: encrypt({ spoil: (all) => (all[40]! ^= 1, all) }) }],
  "the end cut off, GCM": [{ encrypt: encrypt({ spoil: (all) => all.subarray(0, -20) }) }],
  "a byte changed, CBC": [{
    encrypt: encrypt({ content: `${xmlenc}aes256-cbc`, spoil: (all) => (all[all.length - 20]! ^= 1, all) }),
  }],
  "half a block, CBC": [{
    encrypt: encrypt({ content: `${xmlenc}aes256-cbc`, spoil: (all) => all.subarray(0, -8) }),
  }],
  "nothing within": [{ encrypt: () => encrypt()("") }],
  "no XML within": [{ encrypt: () => encrypt()("hello") }],
  "something else within": [{ encrypt: () => encrypt()("<Other/>") }],
  "a document type within": [{ encrypt: (text) => encrypt()(`<!DOCTYPE x [<!ENTITY a "b">]>${text}`) }],
  "the end of the answer within": [{ encrypt: (text) => encrypt()(`</samlp:Response><x>${text}</x><samlp:Response>`) }],
  "too many elements within": [{ encrypt: () => encrypt()("<a>".repeat(100) + "</a>".repeat(100)) }],
  "unsigned within": [{ isUnsigned: true, encrypt: encrypt() }],
  "signed by another provider within": [{ issuer: peer.issuer, encrypt: encrypt() }, { of: other }],
  "SHA-1 within": [{ signature: "rsa-sha1", digest: "sha1", encrypt: encrypt() }],
  "SHA-1 as digest within": [{ digest: "sha1", encrypt: encrypt() }],
  "the subject changed within": [{ change: (text) => text.replace("mia-1", "boss-1"), encrypt: encrypt() }],
  "two within": [{ encrypt: (text) => encrypt()(text + evil()) }],
  "two within, the other one first": [{ encrypt: (text) => encrypt()(evil() + text) }],
  "the signed one around another one within": [{
    encrypt: (text) => encrypt()(evil().replace(/(<\/(?:\w+:)?Issuer>)/, `$1${text}`)),
  }],
  "the signature of it around another one within": [{
    encrypt: (text) => encrypt()(evil().replace(/(<\/(?:\w+:)?Issuer>)/, `$1${signature.exec(text)![0]}`)),
  }],
  "two encrypted ones": [{ encrypt: (text) => encrypt()(text) + encrypt()(text) }],
  "a plain one beside it": [{ encrypt: (text) => encrypt()(evil()) + text }],
  "a plain one before it": [{ encrypt: (text) => evil() + encrypt()(text) }],
  "a plain one that is not signed, and it in extensions": [{
    encrypt: (text) =>
      `<samlp:Extensions xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol">${
        encrypt()(text)
      }</samlp:Extensions>${evil()}`,
  }],
  "it within another one": [{
    encrypt: (text) => encrypt()(`<Response>${encrypt()(text)}</Response>`),
  }],
  "another audience within": [{ audience: "https://other.example/metadata", encrypt: encrypt() }],
  "another request within": [{ requestId: "_another", encrypt: encrypt() }],
};
for (const [what, [wanted, options]] of Object.entries(wrong)) {
  Deno.test(`an encrypted assertion is refused: ${what}`, async () => {
    await assert.rejects(check(wanted, options), isRefused);
  });
}

Deno.test("what a stranger encrypts for the portal is refused by one sentence, whatever is wrong", async () => {
  const texts = await Promise.all(
    [
      encrypt({}, other.keyOfTest.certificatePem),
      encrypt({ spoil: (all) => (all[40]! ^= 1, all) }),
      encrypt({ content: `${xmlenc}aes256-cbc`, spoil: (all) => (all[all.length - 1]! ^= 0x55, all) }),
      encrypt({ content: `${xmlenc}aes256-cbc`, spoil: (all) => all.subarray(0, -8) }),
      // What padding leaves that is right by chance.
      (text: string) => encrypt()(text.slice(0, -20)),
    ].map((one) => check({ encrypt: one }).then(() => "", ({ message }) => message)),
  );
  assert.equal(new Set(texts).size, 1, texts.join("\n"));
  assert.match(texts[0]!, /^nothing of it can be decrypted: /);
});

slowInPostgres(
  "a person signs in by an encrypted assertion; one that cannot be opened uses its request up",
  async () => {
    await using saml = await samlScene(peer, { "encrypted-only": "yes" });
    const { scene, providerId } = saml, browser = scene.visitor();
    const metadata = await browser.get(`/sign-in/saml/${providerId}/metadata`);
    const offered = /use="encryption"[\s\S]*?X509Certificate>([^<]+)<([\s\S]*?)<\/KeyDescriptor>/.exec(metadata.body)!;
    assert.match(offered[2]!, /aes256-gcm"[\s\S]*aes128-cbc"[\s\S]*rsa-oaep-mgf1p"/);
    assert(!/rsa-1_5|tripledes/.test(metadata.body));
    assert.equal((await browser.get(`/sign-in/saml/${providerId}/metadata`)).body, metadata.body);
    const forPortal = encryptedFor(
      `-----BEGIN CERTIFICATE-----\n${offered[1]!.match(/.{1,64}/g)!.join("\n")}\n-----END CERTIFICATE-----\n`,
    );
    const begun = await saml.begin(browser, `/sign-in/with/${providerId}?next=%2Faccount`);
    const plain = await saml.post(browser, saml.answer(begun.id));
    assert.equal(plain.status, 401);
    const response = saml.answer(begun.id, { encrypt: forPortal });
    assert.equal((await saml.post(browser, response)).location, "/account");
    assert.match((await browser.get("/account")).body, /mia@partner\.example/);
    assert.equal((await saml.post(browser, response)).status, 401);
    const next = await saml.begin(browser), foreign = encryptedFor(other.keyOfTest.certificatePem);
    const refused = await saml.post(browser, saml.answer(next.id, { encrypt: foreign }));
    assert.equal(refused.status, 401);
    // Byte for byte what a wrong signature is told: nothing of how far it came.
    assert.equal(refused.body, plain.body);
    assert.equal((await saml.post(browser, saml.answer(next.id, { encrypt: forPortal }))).status, 401);
    const { store } = scene.platform.platform;
    const [row] = await store.transaction((tx) => tx.all<{ private_key: Uint8Array }>("SELECT * FROM provider_keys"));
    assert(!Buffer.from(row!.private_key).includes("PRIVATE KEY"), "the key is stored in the clear");
  },
);

Deno.test("a source whose encrypted answers were refused thirty times waits with these, and with nothing else", async () => {
  await using saml = await samlScene(peer);
  const { scene, providerId } = saml, { platform, clock } = scene.platform, browser = scene.visitor();
  const [{ certificatePem }] = await ensuredSamlKeys(platform, providerId) as [Awaited<ReturnType<typeof samlKeys>>[0]];
  const foreign = encryptedFor(other.keyOfTest.certificatePem),
    answer = async (encrypt?: Wanted["encrypt"]) =>
      await saml.post(browser, saml.answer((await saml.begin(browser)).id, encrypt === undefined ? {} : { encrypt }));
  for (let i = 0; i < 30; i++) assert.equal((await answer(foreign)).status, 401);
  assert.equal((await answer(encryptedFor(certificatePem))).status, 429);
  assert.equal((await answer()).location, "/");
  clock.advance(15 * 60_000);
  assert.equal((await answer(encryptedFor(certificatePem))).location, "/");
});

Deno.test(
  "a provider's key is made once; another one takes its place, and the one before counts for 30 days",
  async () => {
    await using saml = await samlScene(peer);
    const { scene, providerId } = saml, { platform, clock } = scene.platform;
    assert.deepEqual(await samlKeys(platform, providerId), []);
    const made = await Promise.all([1, 2].map(() => ensuredSamlKeys(platform, providerId)));
    assert.deepEqual(made.map((keys) => keys.length), [1, 1]);
    const first = made[0]![0]!;
    assert.equal(made[1]![0]!.keyId, first.keyId);
    clock.advance(1000);
    const second = await samlCertificate(platform, operator, { provider: "Example", isNew: true });
    const ids = async () => (await samlKeys(platform, providerId)).map(({ keyId }) => keyId);
    assert.deepEqual(await ids(), [second.keyId, first.keyId]);
    clock.advance(keyOverlapMs);
    assert.deepEqual(await ids(), [second.keyId]);
    const third = await samlCertificate(platform, operator, { provider: providerId, isNew: true, isAtOnce: true });
    assert.deepEqual(await ids(), [third.keyId]);
    assert.equal((await samlCertificate(platform, operator, { provider: "example" })).keyId, third.keyId);
  },
);

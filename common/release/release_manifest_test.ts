import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { sampleManifest, signedManifest, signingKeys, trusted } from "../../tests/fixtures/signed_release.ts";
import { NotPermittedError } from "../core/errors.ts";
import { addSignature, encodeManifest, type ReleaseManifest, verifyManifest } from "./release_manifest.ts";

const keys = signingKeys(3);
const [first, second, third] = keys as [typeof keys[0], typeof keys[0], typeof keys[0]];
const known = trusted(keys);
const signed = signedManifest(sampleManifest, [first, second]);

for (const signers of [[first, second], [first, third], [third, second], [first, second, third]]) {
  Deno.test(`verifyManifest() takes the signatures of ${signers.map((key) => keys.indexOf(key) + 1).join(" and ")}`, () => {
    assert.deepEqual(verifyManifest(signedManifest(sampleManifest, signers), known), {
      manifest: sampleManifest,
      signers: signers.map(({ keyId }) => keyId),
    });
  });
}

Deno.test("addSignature() adds one line a key, and none twice", () => {
  assert.equal(
    addSignature(addSignature(encodeManifest(sampleManifest), first), first).split("\nsignature ").length,
    2,
  );
  assert.equal(addSignature(signed, second), signed);
});

Deno.test("verifyManifest() passes over the signature of a key that it does not know, and does not count it", () => {
  const [stranger] = signingKeys(1);
  assert.equal(verifyManifest(addSignature(signed, stranger!), known).signers.length, 2);
  const one = addSignature(signedManifest(sampleManifest, [first]), stranger!);
  assert.throws(() => verifyManifest(one, known), /signed by 1 of 3 known keys: 2 are needed/);
});

/** The manifest with other bytes under the signatures of both. */
const resigned = (body: string) => [first, second].reduce(addSignature, body);
const changed = (change: Record<string, unknown>) =>
  resigned(encodeManifest({ ...sampleManifest, ...change } as ReleaseManifest));
const file = sampleManifest.files[0]!;
const line = (key: typeof first, text: string) => {
  const body = encodeManifest(sampleManifest);
  return `${text}signature ${key.keyId} ${
    Buffer.from(key.sign("opendca.release.v1", Buffer.from(body))).toString("base64")
  }\n`;
};

const refusals: { name: string; text: string; want: RegExp }[] = [
  { name: "no signature", text: encodeManifest(sampleManifest), want: /signed by 0 of 3 known keys: 2 are needed/ },
  { name: "one signature", text: signedManifest(sampleManifest, [first]), want: /signed by 1 of 3/ },
  {
    name: "the same key twice",
    text: line(first, line(first, encodeManifest(sampleManifest))),
    want: /two signatures of the same key/,
  },
  {
    name: "only keys that are not known",
    text: signedManifest(sampleManifest, signingKeys(3)),
    want: /signed by 0 of 3/,
  },
  {
    name: "the signature of one key under the id of another",
    text: signed.replace(`signature ${second.keyId}`, `signature ${third.keyId}`),
    want: /signature by key .* is not valid/,
  },
  { name: "another version", text: signed.replace('"0.2.0"', '"0.3.0"'), want: /is not valid: it was altered/ },
  { name: "another hash", text: signed.replace("abab", "abac"), want: /is not valid: it was altered/ },
  { name: "another expiry", text: signed.replace("2027-05", "2028-05"), want: /is not valid: it was altered/ },
  { name: "another print", text: signed.replace('  "product"', '   "product"'), want: /it was altered/ },
  { name: "a missing end", text: signed.slice(0, -1), want: /incomplete/ },
  { name: "half a signature", text: `${signed.slice(0, -20)}\n`, want: /not a signature/ },
  { name: "a line that is no signature", text: `${signed}# note\n`, want: /not a signature/ },
  { name: "another Base64 of the same signature", text: signed.replace(/.==\n$/, "9==\n"), want: /not a signature/ },
  { name: "many signatures", text: signedManifest(sampleManifest, signingKeys(17)), want: /more than 16 signatures/ },
  { name: "a long text", text: signed + "x".repeat(70_000), want: /longer than/ },
  { name: "an empty text", text: "", want: /incomplete/ },
  { name: "a page of a web server", text: "<html>\n}\n</html>\n", want: /not a signature/ },
  { name: "signed: no JSON", text: resigned("{\n  nothing\n}\n"), want: /not JSON/ },
  { name: "signed: a list", text: resigned("[\n{\n}\n"), want: /not JSON/ },
  { name: "signed: another schema", text: changed({ schema: "opendca.release/2" }), want: /"schema"/ },
  { name: "signed: another product", text: changed({ product: "word" }), want: /"product"/ },
  { name: "signed: no version", text: changed({ version: undefined }), want: /"version"/ },
  { name: "signed: a version with zeros", text: changed({ version: "0.02.0" }), want: /"version"/ },
  { name: "signed: a commit that is none", text: changed({ commit: "main" }), want: /"commit"/ },
  { name: "signed: a day that is none", text: changed({ issuedAt: "2026-02-30T00:00:00Z" }), want: /"issuedAt"/ },
  { name: "signed: no expiry", text: changed({ expiresAt: null }), want: /"expiresAt"/ },
  { name: "signed: expired when issued", text: changed({ expiresAt: sampleManifest.issuedAt }), want: /"expiresAt"/ },
  { name: "signed: a minimum above it", text: changed({ minimumVersion: "0.2.1" }), want: /"minimumVersion"/ },
  { name: "signed: 101 percent", text: changed({ rollout: { percent: 101 } }), want: /"rollout"/ },
  { name: "signed: half a percent", text: changed({ rollout: { percent: 0.5 } }), want: /"rollout"/ },
  { name: "signed: no files", text: changed({ files: [] }), want: /"files"/ },
  { name: "signed: the same target twice", text: changed({ files: [file, { ...file, name: "x" }] }), want: /"files"/ },
  { name: "signed: a path as a name", text: changed({ files: [{ ...file, name: "../x" }] }), want: /"files"/ },
  { name: "signed: a short hash", text: changed({ files: [{ ...file, sha256: "ab" }] }), want: /"files"/ },
  { name: "signed: a size of none", text: changed({ files: [{ ...file, size: 0 }] }), want: /"files"/ },
  { name: "signed: a huge size", text: changed({ files: [{ ...file, size: 1e12 }] }), want: /"files"/ },
  { name: "signed: a further entry", text: changed({ more: 1 }), want: /unknown entry/ },
  {
    name: "signed: a further entry of a file",
    text: changed({ files: [{ ...file, url: "x" }] }),
    want: /unknown entry/,
  },
  {
    name: "signed: an entry twice",
    text: resigned(encodeManifest(sampleManifest).replace('  "version"', '  "version": "9.9.9",\n  "version"')),
    want: /unknown entry/,
  },
];
for (const { name, text, want } of refusals) {
  Deno.test(`verifyManifest() refuses ${name}`, () => {
    assert.throws(() => verifyManifest(text, known), (error: Error) => {
      assert(error instanceof NotPermittedError);
      assert.match(error.message, /^Cannot trust the release manifest as /);
      assert.match(error.message, want);
      return true;
    });
  });
}

Deno.test("verifyManifest() refuses a signed manifest in which any one character is another", () => {
  for (let at = 0; at < signed.length; at++) {
    const other = signed[at] === "x" ? "y" : "x";
    assert.throws(() => verifyManifest(signed.slice(0, at) + other + signed.slice(at + 1), known), NotPermittedError);
  }
});

Deno.test("verifyManifest() refuses any text, and any part of a manifest, with NotPermittedError alone", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary-ascii", maxLength: 300 }), fc.nat(signed.length - 1), (text, length) => {
      for (const bad of [text, signed.slice(0, length), signed.slice(0, length) + text]) {
        if (bad === signed) continue;
        assert.throws(() => verifyManifest(bad, known), NotPermittedError);
      }
    }),
  );
});

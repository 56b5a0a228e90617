import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { signingKeys, trusted } from "../../tests/fixtures/signed_release.ts";
import { NotPermittedError } from "../core/errors.ts";
import { builtInReleaseKeys, encodeReleaseKeys, parseReleaseKeys, publicKeyText } from "./release_keys.ts";

const keys = signingKeys(3);
const texts = keys.map(({ publicKey }) => publicKeyText(publicKey));

Deno.test("parseReleaseKeys() reads what encodeReleaseKeys() writes", () => {
  assert.deepEqual(parseReleaseKeys(encodeReleaseKeys(trusted(keys))), trusted(keys));
});

Deno.test("builtInReleaseKeys() has none in the sources: a release has those of tools/release", () => {
  assert.equal(builtInReleaseKeys(), undefined);
});

/** The key with another key id, as somebody would write it who wants to be taken for another. */
const underOtherId = Buffer.from(texts[0]!, "base64");
underOtherId.set(Buffer.from(texts[1]!, "base64").subarray(2, 10), 2);

const bad: Record<string, unknown> = {
  "a list": [],
  "nothing": null,
  "no threshold": { keys: texts },
  "a further entry": { threshold: 2, keys: texts, more: 1 },
  "a threshold of 0": { threshold: 0, keys: texts },
  "a threshold above the number of keys": { threshold: 4, keys: texts },
  "half a threshold": { threshold: 1.5, keys: texts },
  "a threshold as text": { threshold: "2", keys: texts },
  "the same key twice": { threshold: 2, keys: [texts[0], texts[0], texts[1]] },
  "no keys": { threshold: 0, keys: [] },
  "many keys": { threshold: 2, keys: signingKeys(17).map(({ publicKey }) => publicKeyText(publicKey)) },
  "a short key": { threshold: 1, keys: [texts[0]!.slice(0, 40)] },
  "a number as a key": { threshold: 1, keys: [7] },
  "a key under another id": { threshold: 1, keys: [underOtherId.toString("base64")] },
  "a key with a space": { threshold: 1, keys: [` ${texts[0]}`] },
};
for (const [name, value] of Object.entries(bad)) {
  Deno.test(`parseReleaseKeys() refuses ${name}`, () => {
    assert.throws(() => parseReleaseKeys(JSON.stringify(value)), NotPermittedError);
  });
}

Deno.test("parseReleaseKeys() refuses what is not JSON", () => {
  assert.throws(() => parseReleaseKeys("untrusted comment: minisign public key"), /it is not JSON/);
});

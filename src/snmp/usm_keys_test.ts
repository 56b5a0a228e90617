import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { expandKey, localizeKey, passwordToUserKey, usmHashes } from "./usm_keys.ts";
import type { AuthProtocolName } from "./usm_protocols.ts";

const names = Object.keys(usmHashes) as AuthProtocolName[];
const engineId = Uint8Array.fromHex("000000000000000000000002");

const rfc3414 = [
  {
    section: "A.3.1",
    auth: "md5",
    userKey: "9faf3283884e92834ebc9847d8edd963",
    localized: "526f5eed9fcce26f8964c2930787d82b",
  },
  {
    section: "A.3.2",
    auth: "sha1",
    userKey: "9fb5cc0381497b3793528939ff788d5d79145211",
    localized: "6695febc9288e36282235fc7151f128497b38f3f",
  },
] as const;
for (const { section, auth, userKey, localized } of rfc3414) {
  Deno.test(`passwordToUserKey() and localizeKey() give RFC 3414 ${section}`, () => {
    const key = passwordToUserKey(auth, "maplesyrup");
    assert.equal(key.toString("hex"), userKey);
    assert.equal(localizeKey(auth, key, engineId).toString("hex"), localized);
  });
}

/** RFC 3414 A.2 as it reads: the password repeated to 1 MB. RFC 7860 changes nothing but the hash. */
function plainUserKey(auth: AuthProtocolName, password: string): Buffer {
  return createHash(usmHashes[auth].algorithm).update(Buffer.alloc(1_048_576, password)).digest();
}

for (const auth of names) {
  Deno.test(`passwordToUserKey() hashes 1 MB of the password with ${auth}`, () => {
    for (const password of ["maplesyrup", "12345678", "ü€😀-key-of-some-length", "x".repeat(16_385)]) {
      assert.deepEqual(passwordToUserKey(auth, password), plainUserKey(auth, password));
    }
    assert.equal(passwordToUserKey(auth, "maplesyrup").length, usmHashes[auth].length);
  });
}

Deno.test("passwordToUserKey() refuses an empty password", () => {
  assert.throws(() => passwordToUserKey("md5", ""), RangeError);
});

/** draft-reeder-snmpv3-usm-3desede-00 appendix B: the localised key and what follows it. */
const reeder = [
  { auth: "md5", key: "526f5eed9fcce26f8964c2930787d82b79eff44a90650ee0a3a40abfac5acc12" },
  { auth: "sha1", key: "6695febc9288e36282235fc7151f128497b38f3f9b8b6d78936ba6e7d19dfd9cd2d5065547743fb5" },
] as const;
for (const { auth, key } of reeder) {
  Deno.test(`expandKey() gives the vector of Reeder's draft with ${auth}`, () => {
    const localized = localizeKey(auth, passwordToUserKey(auth, "maplesyrup"), engineId);
    const length = key.length / 2;
    assert.equal(expandKey(localized, { auth, engineId, expansion: "reeder", length }).toString("hex"), key);
  });
}

Deno.test("expandKey() appends the hash of everything before, as Blumenthal's draft says", () => {
  const sha1 = (octets: Uint8Array) => createHash("sha1").update(octets).digest();
  const localized = Buffer.from("6695febc9288e36282235fc7151f128497b38f3f", "hex");
  const once = Buffer.concat([localized, sha1(localized)]);
  const twice = Buffer.concat([once, sha1(once)]);
  const options = { auth: "sha1", engineId, expansion: "blumenthal" } as const;
  assert.deepEqual(expandKey(localized, { ...options, length: 60 }), twice);
  assert.deepEqual(expandKey(localized, { ...options, length: 32 }), twice.subarray(0, 32));
});

Deno.test("expandKey() leaves the start of the localised key as it is", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...names),
      fc.constantFrom<("blumenthal" | "reeder")[]>("blumenthal", "reeder"),
      fc.constantFrom(16, 24, 32),
      (auth, expansion, length) => {
        const localized = localizeKey(auth, new Uint8Array(usmHashes[auth].length), engineId);
        const key = expandKey(localized, { auth, engineId, expansion, length });
        assert.equal(key.length, length);
        const shared = Math.min(length, localized.length);
        assert.deepEqual(key.subarray(0, shared), localized.subarray(0, shared));
      },
    ),
    { numRuns: 30 },
  );
});

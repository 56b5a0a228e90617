/**
 * Keys of the User-based Security Model. From a password of any length, 1 MB of its repetition is hashed (Ku), then Ku
 * with the engine's id (Kul). The first step takes milliseconds and does not depend on the engine, so it is kept for
 * each user; the second takes microseconds.
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import type { AuthProtocolName } from "./usm_protocols.ts";

/** Octets of the digest, and the name that node:crypto has for the hash. */
export const usmHashes: Readonly<Record<AuthProtocolName, { length: number; algorithm: string }>> = {
  md5: { length: 16, algorithm: "md5" },
  sha1: { length: 20, algorithm: "sha1" },
  sha224: { length: 28, algorithm: "sha224" },
  sha256: { length: 32, algorithm: "sha256" },
  sha384: { length: 48, algorithm: "sha384" },
  sha512: { length: 64, algorithm: "sha512" },
};

/** How a localised key that is too short for the cipher is expanded; not defined by an RFC. */
export type KeyExpansion = "blumenthal" | "reeder";

/** RFC 3414 appendix A.2. */
const expandedPasswordLength = 1_048_576;

/** Ku: the digest of the password repeated to 1,048,576 octets. Throws `RangeError` for an empty password. */
export function passwordToUserKey(auth: AuthProtocolName, password: string | Uint8Array): Buffer {
  const octets = Buffer.from(password);
  if (octets.length === 0) throw new RangeError("Cannot make a key of an empty password");
  const hash = createHash(usmHashes[auth].algorithm);
  // Hashing a few whole repetitions over and over is three times as fast as filling 1 MB first.
  const chunk = Buffer.alloc(octets.length * Math.ceil(16_384 / octets.length), octets);
  let left = expandedPasswordLength;
  for (; left >= chunk.length; left -= chunk.length) hash.update(chunk);
  return hash.update(chunk.subarray(0, left)).digest();
}

/** Kul of RFC 3414 section 2.6: the user's key localised for one engine. */
export function localizeKey(auth: AuthProtocolName, userKey: Uint8Array, engineId: Uint8Array): Buffer {
  return createHash(usmHashes[auth].algorithm).update(userKey).update(engineId).update(userKey).digest();
}

/**
 * Makes `localizedKey` at least `length` octets long and cuts it there. Blumenthal (draft-blumenthal-aes-usm-04 section
 * 3.1.2.1) appends the hash of the whole key so far; Reeder (draft-reeder-snmpv3-usm-3desede-00 section 2.1) uses the
 * key as a password and localises it, which hashes another 1 MB for each engine.
 */
export function expandKey(
  localizedKey: Uint8Array,
  options: { auth: AuthProtocolName; engineId: Uint8Array; expansion: KeyExpansion; length: number },
): Buffer {
  const { auth, engineId, expansion, length } = options;
  let last: Uint8Array = localizedKey;
  let key = Buffer.from(localizedKey);
  while (key.length < length) {
    last = expansion === "blumenthal"
      ? createHash(usmHashes[auth].algorithm).update(key).digest()
      : localizeKey(auth, passwordToUserKey(auth, last), engineId);
    key = Buffer.concat([key, last]);
  }
  return key.subarray(0, length);
}

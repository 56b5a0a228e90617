/** Keys of the User-based Security Model: RFC 3414 appendix A.2, RFC 7860, and the two drafts for AES-192 and AES-256. */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { AuthProtocol, PrivProtocol } from "./usm_user.ts";

/** Octets of the truncated digest in msgAuthenticationParameters (RFC 3414 sections 6, 7; RFC 7860 section 4.1). */
const digestOctets: Record<AuthProtocol, number> = {
  md5: 12,
  sha1: 12,
  sha224: 16,
  sha256: 24,
  sha384: 32,
  sha512: 48,
};

/** Octets of the localised privacy key; for DES half of it is the pre-IV (RFC 3414 section 8.1.1.1). */
const privKeyOctets: Record<PrivProtocol, number> = {
  des: 16,
  aes128: 16,
  aes192b: 24,
  aes192r: 24,
  aes256b: 32,
  aes256r: 32,
};

const megabyte = 1048576;

/** One megabyte of hashing a password: keep what was computed, as 1,000 replicas share their users. */
const passwordKeys = new Map<string, Uint8Array>();

/** Ku of RFC 3414 section A.2 for a password of at least one octet. */
export function passwordKey(protocol: AuthProtocol, password: string): Uint8Array {
  const name = `${protocol}:${password}`;
  const known = passwordKeys.get(name);
  if (known) return known;
  const octets = new TextEncoder().encode(password);
  if (octets.length === 0) throw new RangeError("Cannot make a key of an empty password");
  return rememberedKey(name, hashOfRepeated(protocol, octets));
}

function rememberedKey(name: string, key: Uint8Array): Uint8Array {
  passwordKeys.set(name, key);
  return key;
}

function hashOfRepeated(protocol: AuthProtocol, octets: Uint8Array): Uint8Array {
  const repeated = new Uint8Array(megabyte);
  for (let i = 0; i < megabyte; i += octets.length) repeated.set(octets.subarray(0, megabyte - i), i);
  return createHash(protocol).update(repeated).digest();
}

/** Kul of RFC 3414 section A.2: the key of one user at one engine. */
export function localizedKey(protocol: AuthProtocol, key: Uint8Array, engineId: Uint8Array): Uint8Array {
  return createHash(protocol).update(key).update(engineId).update(key).digest();
}

/** The localised privacy key, extended where the hash is shorter than the cipher's key. */
export function localizedPrivKey(
  auth: AuthProtocol,
  options: { priv: PrivProtocol; password: string; engineId: Uint8Array },
): Uint8Array {
  const { priv, password, engineId } = options;
  const needed = privKeyOctets[priv];
  let key = localizedKey(auth, passwordKey(auth, password), engineId);
  let last = key;
  while (key.length < needed) {
    last = priv.endsWith("r")
      // Reeder: the last part is taken for a password and localised again.
      ? localizedKey(auth, hashOfRepeated(auth, last), engineId)
      // Blumenthal: the hash of everything so far.
      : createHash(auth).update(key).digest();
    key = concatenated(key, last);
  }
  return key.slice(0, needed);
}

/** msgAuthenticationParameters over a packet in which they are zeros. */
export function packetDigest(protocol: AuthProtocol, key: Uint8Array, packet: Uint8Array): Uint8Array {
  return createHmac(protocol, key).update(packet).digest().subarray(0, digestOctets[protocol]);
}

/** As many zeros as the digest has octets. */
export function emptyDigest(protocol: AuthProtocol): Uint8Array {
  return new Uint8Array(digestOctets[protocol]);
}

/** Whether the digest at `offset` is the right one for the packet. */
export function isAuthentic(
  packet: Uint8Array,
  options: { protocol: AuthProtocol; key: Uint8Array; digest: Uint8Array; offset: number },
): boolean {
  const { protocol, key, digest, offset } = options;
  if (digest.length !== digestOctets[protocol]) return false;
  const zeroed = packet.slice();
  zeroed.fill(0, offset, offset + digest.length);
  return timingSafeEqual(packetDigest(protocol, key, zeroed), digest);
}

function concatenated(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

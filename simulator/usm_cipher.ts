/**
 * Encryption of scoped PDUs: CBC-DES (RFC 3414 section 8), CFB128-AES (RFC 3826, and the drafts for longer keys).
 * The runtime's own crypto has neither.
 */
import { cfb } from "@noble/ciphers/aes.js";
import des from "des.js";
import type { PrivProtocol } from "./usm_user.ts";

/** des.js comes without types. */
interface DesLibrary {
  DES: unknown;
  CBC: { instantiate(cipher: unknown): { create(options: DesOptions): DesStream } };
}

interface DesOptions {
  type: "encrypt" | "decrypt";
  key: Uint8Array;
  iv: Uint8Array;
  padding: boolean;
}

interface DesStream {
  update(octets: Uint8Array): number[];
  final(): number[];
}

const { DES, CBC } = des as unknown as DesLibrary;
const cbc = CBC.instantiate(DES);

export interface CipherOptions {
  protocol: PrivProtocol;
  /** Localised; for DES the key and the pre-IV. */
  key: Uint8Array;
  /** msgPrivacyParameters, 8 octets. */
  salt: Uint8Array;
  engineBoots: number;
  engineTime: number;
}

/** Encrypts; DES pads to a multiple of 8 octets. */
export function encryptScopedPdu(plain: Uint8Array, options: CipherOptions): Uint8Array {
  if (options.protocol !== "des") return aes(options).encrypt(plain);
  const padded = new Uint8Array(paddedSize(options.protocol, plain.length));
  padded.set(plain);
  return desCbc("encrypt", padded, options);
}

/** Decrypts, with DES including the padding; undefined where the octets cannot be a ciphertext of this protocol. */
export function maybeDecrypted(cipher: Uint8Array, options: CipherOptions): Uint8Array | undefined {
  if (options.salt.length !== 8) return undefined;
  if (options.protocol !== "des") return aes(options).decrypt(cipher);
  return cipher.length % 8 === 0 ? desCbc("decrypt", cipher, options) : undefined;
}

/** Octets of the ciphertext of so many plain octets. */
export function paddedSize(protocol: PrivProtocol, octets: number): number {
  return protocol === "des" ? (octets + 7) & ~7 : octets;
}

/** RFC 3826 section 3.1.2.1: engineBoots, engineTime and the salt are the IV. */
function aes({ key, salt, engineBoots, engineTime }: CipherOptions) {
  const iv = new Uint8Array(16);
  const view = new DataView(iv.buffer);
  view.setUint32(0, engineBoots);
  view.setUint32(4, engineTime);
  iv.set(salt, 8);
  return cfb(key, iv);
}

/** RFC 3414 section 8.1.1.1: the salt XOR the second half of the key is the IV. */
function desCbc(type: "encrypt" | "decrypt", octets: Uint8Array, { key, salt }: CipherOptions): Uint8Array {
  const iv = salt.map((octet, i) => octet ^ key[8 + i]!);
  const stream = cbc.create({ type, key: key.subarray(0, 8), iv, padding: false });
  return Uint8Array.from([...stream.update(octets), ...stream.final()]);
}

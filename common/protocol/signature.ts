/**
 * Signatures with Ed25519 keys of the platform and of releases. Each use has its own context, so that a signature for one is not valid
 * for another: the signed bytes are the context in ASCII, one zero byte, and the message.
 */
import { Buffer } from "node:buffer";
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from "node:crypto";

export type SigningContext = "opendca.task.v1" | "opendca.unlock.v1" | "opendca.release.v1" | "opendca.statement.v1";

export interface SigningKey {
  /** 32 bytes. */
  publicKey: Uint8Array;
  keyId: string;
  /** 64 bytes. */
  sign(context: SigningContext, message: Uint8Array): Uint8Array;
}

/** A new key as PKCS #8 PEM. */
export function createSigningKeyPem(): string {
  return generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

export function loadSigningKey(pem: string): SigningKey {
  const privateKey = createPrivateKey(pem);
  // RFC 8410: the SubjectPublicKeyInfo of Ed25519 is 12 fixed bytes and the key.
  const publicKey = new Uint8Array(createPublicKey(pem).export({ type: "spki", format: "der" })).subarray(12);
  return {
    publicKey,
    keyId: keyIdOf(publicKey),
    sign: (context, message) => new Uint8Array(sign(null, signedBytes(context, message), privateKey)),
  };
}

/** First 16 hexadecimal digits of the SHA-256 of a raw public key: the key id in signatures. */
export function keyIdOf(rawKey: Uint8Array): string {
  return createHash("sha256").update(rawKey).digest("hex").slice(0, 16);
}

/** Checks with a raw public key of 32 bytes; also false for an invalid key, such as one with a typing error. */
export function isSignedBy(
  rawKey: Uint8Array,
  { context, message, signature }: { context: SigningContext; message: Uint8Array; signature: Uint8Array },
): boolean {
  if (rawKey.length !== 32 || signature.length !== 64) return false;
  try {
    const jwk = { kty: "OKP", crv: "Ed25519", x: Buffer.from(rawKey).toString("base64url") };
    return verify(null, signedBytes(context, message), createPublicKey({ key: jwk, format: "jwk" }), signature);
  } catch {
    return false; // Half of all numbers are not a point of the curve.
  }
}

function signedBytes(context: SigningContext, message: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`${context}\0`, "ascii"), message]);
}

/** The platform's Ed25519 key: signs tasks and unlock tokens. Each use has a context of its own, so that one cannot pass for the other. */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { Buffer } from "node:buffer";

export type SigningContext = "opendca.task.v1" | "opendca.unlock.v1";

export interface SigningKey {
  /** 32 bytes. */
  publicKey: Uint8Array;
  /** First 16 hexadecimal digits of the SHA-256 of the public key. */
  keyId: string;
  /** Ed25519 over the context, a zero byte and the message: 64 bytes. */
  sign(context: SigningContext, message: Uint8Array): Uint8Array;
}

/** A new key as PKCS #8 PEM. */
export function createSigningKeyPem(): string {
  return generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

export function loadSigningKey(pem: string): SigningKey {
  const privateKey = createPrivateKey(pem);
  const publicKey = rawPublicKey(createPublicKey(pem));
  return {
    publicKey,
    keyId: createHash("sha256").update(publicKey).digest("hex").slice(0, 16),
    sign: (context, message) => new Uint8Array(sign(null, signedBytes(context, message), privateKey)),
  };
}

/** What is signed: the context in ASCII, one zero byte, the message. */
export function signedBytes(context: SigningContext, message: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`${context}\0`, "ascii"), message]);
}

/* RFC 8410: the SubjectPublicKeyInfo of Ed25519 is 12 fixed bytes and the key. */
function rawPublicKey(key: KeyObject): Uint8Array {
  return new Uint8Array(key.export({ type: "spki", format: "der" })).subarray(12);
}

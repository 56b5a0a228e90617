/**
 * A text that only one agent can read, independent of its transport: ECDH of an ephemeral P-256 key with the key of the
 * agent's certificate, HKDF-SHA-256 and AES-256-GCM. Format: 65 bytes of the ephemeral point, the ciphertext, and 16
 * bytes of tag.
 */
import { Buffer } from "node:buffer";
import { createCipheriv, createDecipheriv, createECDH, createPrivateKey, hkdfSync, X509Certificate } from "node:crypto";

const curve = "prime256v1";
const pointBytes = 65, tagBytes = 16;
/* Each key encrypts one text. */
const nonce = new Uint8Array(12);

/**
 * `certificate` in DER. `context` must be the same when it is opened, so that a text cannot be used for another
 * purpose. Throws for a certificate without a P-256 key.
 */
export function sealSecret(
  text: string,
  { certificate, context }: { certificate: Uint8Array; context: string },
): Buffer {
  const { x, y, crv } = new X509Certificate(certificate).publicKey.export({ format: "jwk" });
  if (crv !== "P-256" || x === undefined || y === undefined) throw new Error("The certificate has no P-256 key");
  const recipient = Buffer.concat([Buffer.of(4), Buffer.from(x, "base64url"), Buffer.from(y, "base64url")]);
  const ephemeral = createECDH(curve);
  const point = ephemeral.generateKeys();
  const key = keyOf(ephemeral.computeSecret(recipient), { point, recipient, context });
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  return Buffer.concat([point, cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()]);
}

/** Undefined if it was sealed for another key or context, or was changed. */
export function maybeOpenedSecret(
  sealed: Uint8Array,
  { privateKeyPem, context }: { privateKeyPem: string; context: string },
): string | undefined {
  if (sealed.length < pointBytes + tagBytes) return undefined;
  try {
    const own = createECDH(curve);
    own.setPrivateKey(Buffer.from(createPrivateKey(privateKeyPem).export({ format: "jwk" }).d!, "base64url"));
    const point = sealed.subarray(0, pointBytes);
    const key = keyOf(own.computeSecret(point), { point, recipient: own.getPublicKey(), context });
    const decipher = createDecipheriv("aes-256-gcm", key, nonce);
    decipher.setAuthTag(sealed.subarray(-tagBytes));
    return Buffer.concat([decipher.update(sealed.subarray(pointBytes, -tagBytes)), decipher.final()]).toString("utf8");
  } catch {
    return undefined; // Not a point of the curve, or a wrong tag.
  }
}

function keyOf(
  shared: Uint8Array,
  { point, recipient, context }: { point: Uint8Array; recipient: Uint8Array; context: string },
): Uint8Array {
  const info = Buffer.concat([Buffer.from(`opendca.sealed.v1\0${context}\0`, "utf8"), point, recipient]);
  return new Uint8Array(hkdfSync("sha256", shared, new Uint8Array(0), info, 32));
}

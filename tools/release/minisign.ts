/**
 * Signatures as `minisign` has them (jedisct1.github.io/minisign, "Signature format"), prehashed: Ed25519
 * over the BLAKE2b-512 of the file.
 *
 *     untrusted comment: TEXT
 *     BASE64("ED", key id of 8 bytes, signature of the hash)
 *     trusted comment: TEXT
 *     BASE64(signature of the first signature and the trusted comment)
 */
import { Buffer } from "node:buffer";
import { createHash, createPrivateKey, sign } from "node:crypto";
import { loadSigningKey } from "../../common/protocol/signature.ts";

/** The text of FILE.minisig. */
export function minisignature(file: Uint8Array, pem: string, trustedComment: string): string {
  const { keyId } = loadSigningKey(pem), key = createPrivateKey(pem);
  const hash = createHash("blake2b512").update(file).digest();
  const signature = sign(null, hash, key);
  const global = sign(null, Buffer.concat([signature, Buffer.from(trustedComment)]), key);
  return [
    `untrusted comment: signature by release key ${keyId}`,
    Buffer.concat([Buffer.from("ED"), Buffer.from(keyId, "hex"), signature]).toString("base64"),
    `trusted comment: ${trustedComment}`,
    global.toString("base64"),
    "",
  ].join("\n");
}

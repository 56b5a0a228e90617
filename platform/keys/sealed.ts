/**
 * Secrets in the store, sealed by a key of the data directory, so that a copy of the database alone tells none of them.
 * AES-256-GCM: nonce (12 bytes), ciphertext, tag (16 bytes). Bound to their purpose and row, so that one cannot be put in
 * the place of another.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";

export interface Sealing {
  /** Of the data directory. */
  pepper: Uint8Array;
  purpose: "totp" | "mail" | "form" | "answer" | "webhook" | "provider" | "feed";
  /** Id of the row. */
  of: string;
}

function keyOf({ pepper, purpose }: Sealing): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", pepper, "", `opendca.${purpose}.v1`, 32));
}

export function seal(secret: Uint8Array, sealing: Sealing): Uint8Array {
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", keyOf(sealing), nonce);
  cipher.setAAD(new TextEncoder().encode(sealing.of));
  return new Uint8Array([...nonce, ...cipher.update(secret), ...cipher.final(), ...cipher.getAuthTag()]);
}

/** Throws if the row was altered, or is of another platform. */
export function openSealed(sealed: Uint8Array, sealing: Sealing): Uint8Array {
  const decipher = createDecipheriv("aes-256-gcm", keyOf(sealing), sealed.subarray(0, 12));
  decipher.setAAD(new TextEncoder().encode(sealing.of));
  decipher.setAuthTag(sealed.subarray(-16));
  return new Uint8Array([...decipher.update(sealed.subarray(12, -16)), ...decipher.final()]);
}

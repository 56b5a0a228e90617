/** The key pair of one session: the private half goes to the agent sealed, of the public one the digest is kept. */
import { createHash } from "node:crypto";

export interface OneTimeKey {
  /** OpenSSH's format. */
  privateKey: string;
  digest: Uint8Array;
}

export async function makeOneTimeKey(): Promise<OneTimeKey> {
  // Most commands need none of it.
  const { createPrivateKey, publicKeyOf } = await import("../../common/host/ssh2.ts");
  const privateKey = createPrivateKey();
  return { privateKey, digest: keyDigest(publicKeyOf(privateKey)) };
}

/** SHA-256 of a public key as SSH encodes it. */
export function keyDigest(publicKey: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(publicKey).digest());
}

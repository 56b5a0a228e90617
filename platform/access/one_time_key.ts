/**
 * The key pair of one session: the private key is sent to the agent sealed; of the public key only the digest is
 * stored.
 */
import { createHash } from "node:crypto";
import { forwardKeyOf } from "../../common/protocol/forward_hello.ts";

export interface OneTimeKey {
  /** OpenSSH's format. */
  privateKey: string;
  digest: Uint8Array;
  /** See `common/protocol/forward_hello.ts`. */
  forwardKey: Uint8Array;
}

export async function makeOneTimeKey(): Promise<OneTimeKey> {
  // Loaded here, as most commands do not need it.
  const { createPrivateKey, publicKeyOf } = await import("../../common/host/ssh2.ts");
  const privateKey = createPrivateKey();
  return { privateKey, digest: keyDigest(publicKeyOf(privateKey)), forwardKey: forwardKeyOf(privateKey) };
}

/** SHA-256 of a public key in SSH encoding. */
export function keyDigest(publicKey: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(publicKey).digest());
}

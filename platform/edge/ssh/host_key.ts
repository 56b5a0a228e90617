import { createPrivateKey, publicKeyOf } from "../../../common/host/ssh2.ts";
import type { DataDirectory } from "../../keys/data_directory.ts";

export interface HostKey {
  /** OpenSSH's format. */
  privateKey: string;
  /** The public key in SSH encoding. */
  publicKey: Uint8Array;
}

const name = "ssh-host.key";

/**
 * The gateway's key in the data directory, created if there is none. Tasks pin it: a new key only ends present
 * sessions.
 */
export async function keptHostKey(directory: DataDirectory): Promise<HostKey> {
  using _ = await directory.lock();
  const known = directory.maybeText(name);
  const privateKey = known ?? createPrivateKey();
  if (known === undefined) directory.write(name, privateKey);
  return { privateKey, publicKey: publicKeyOf(privateKey) };
}

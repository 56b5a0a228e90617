/** Identifies the machine, to detect a state directory that was copied from another one. */
import { createHmac } from "node:crypto";
import { type Disk, tryRead } from "../../common/host/disk.ts";

/** machine-id(5), and the older place of the same number. */
const identityFiles = ["/etc/machine-id", "/var/lib/dbus/machine-id"];

/**
 * The machine-id if there is one, otherwise the host name, which is weaker: on Windows and macOS the machine number can
 * only be read with another program, and the agent starts none.
 */
export function machineIdentity(disk: Pick<Disk, "read">, hostname: string): string {
  for (const path of identityFiles) {
    const id = tryRead(disk, path)?.trim();
    if (id !== undefined && /^[0-9a-f]{32}$/i.test(id)) return `machine-id:${id.toLowerCase()}`;
  }
  return `hostname:${hostname.toLowerCase()}`;
}

/** The digest that is sent to the platform; specific to this application, as machine-id(5) requires. */
export function machineFingerprint(identity: string): string {
  return createHmac("sha256", identity).update("opendca.machine/1").digest("hex");
}

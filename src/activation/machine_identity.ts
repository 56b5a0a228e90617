/** What a machine is known by, so that a state directory copied to another one is noticed. */
import { createHmac } from "node:crypto";
import { type Disk, tryRead } from "../../common/host/disk.ts";

/** machine-id(5), and the older place of the same number. */
const identityFiles = ["/etc/machine-id", "/var/lib/dbus/machine-id"];

/**
 * The machine-id where there is one, else the host name, which is weaker: Windows and macOS keep their machine number
 * where only another program can read it, and the agent starts none.
 */
export function machineIdentity(disk: Pick<Disk, "read">, hostname: string): string {
  for (const path of identityFiles) {
    const id = tryRead(disk, path)?.trim();
    if (id !== undefined && /^[0-9a-f]{32}$/i.test(id)) return `machine-id:${id.toLowerCase()}`;
  }
  return `hostname:${hostname.toLowerCase()}`;
}

/** What the platform is told: a digest that no other program would compute, as machine-id(5) asks. */
export function machineFingerprint(identity: string): string {
  return createHmac("sha256", identity).update("opendca.machine/1").digest("hex");
}

/** What `opendca doctor` asks of the machine; changes nothing but a file of one line that it removes again. */
import { statfsSync } from "node:fs";
import { openUdpPort } from "../scan/udp_port.ts";
import { type DatagramHub, startDatagramHub } from "../snmp/datagram_hub.ts";
import type { FileFacts } from "./diagnose_permissions.ts";

export interface DoctorMachine {
  /** A socket that only sends and is answered; one for the family of the address. */
  openHub(family: 4 | 6): DatagramHub;
  /** Null where there is nothing of the name. */
  facts(path: string): FileFacts | null;
  /** What lies in a directory. Throws where it may not be listed. */
  list(directory: string): FileFacts[];
  /** Writes, syncs and removes a small file. Throws what the disk says. */
  tryWrite(directory: string): void;
  /** Octets that this user may still write on the disk of `path`; null where the system does not tell. */
  freeBytes(path: string): number | null;
  /** Null on Windows. */
  userId(): number | null;
  /** What the runtime was started with. */
  granted(permission: Deno.PermissionDescriptor): boolean;
}

export const denoDoctorMachine: DoctorMachine = {
  openHub: (family) =>
    startDatagramHub({
      ipv4: family === 4 ? openUdpPort(4) : undefined,
      ipv6: family === 6 ? openUdpPort(6) : undefined,
    }),
  facts(path) {
    try {
      return factsOf(path, path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return null;
      throw error;
    }
  },
  list: (directory) =>
    [...Deno.readDirSync(directory)].flatMap(({ name }) => {
      try {
        return [factsOf(`${directory}/${name}`, name)];
      } catch (error) {
        // SQLite's journals come and go while the agent works.
        if (error instanceof Deno.errors.NotFound) return [];
        throw error;
      }
    }),
  tryWrite(directory) {
    const path = Deno.makeTempFileSync({ dir: directory, prefix: "doctor-" });
    try {
      using file = Deno.openSync(path, { write: true });
      file.writeSync(new TextEncoder().encode("opendca doctor\n"));
      file.syncSync();
    } finally {
      Deno.removeSync(path);
    }
  },
  freeBytes(path) {
    try {
      const { bavail, bsize } = statfsSync(path);
      return bavail * bsize;
    } catch {
      return null; // Not every system and file system tells; the test of writing decides then.
    }
  },
  userId: () => Deno.uid(),
  granted: (permission) => Deno.permissions.querySync(permission).state === "granted",
};

function factsOf(path: string, name: string): FileFacts {
  const { uid, mode, isDirectory } = Deno.lstatSync(path);
  return { name, isDirectory, uid, mode: mode === null ? null : mode & 0o777 };
}

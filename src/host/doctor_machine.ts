import { statfsSync } from "node:fs";
import { hasCode, isAbsent } from "../../common/core/system_error.ts";
import type { FileFacts } from "../doctor/diagnose_permissions.ts";
import type { DoctorMachine } from "../doctor/doctor_machine.ts";
import { startDatagramHub } from "../snmp/datagram_hub.ts";
import { openUdpPort } from "./udp_port.ts";

/** The machine of `opendca doctor`. */
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
      if (isAbsent(error)) return null;
      throw error;
    }
  },
  list: (directory) =>
    [...Deno.readDirSync(directory)].flatMap(({ name }) => {
      try {
        return [factsOf(`${directory}/${name}`, name)];
      } catch (error) {
        // SQLite's journals may disappear while the agent runs.
        if (hasCode(error, "ENOENT")) return [];
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
      return null; // Not available on every system and file system; then only the write test decides.
    }
  },
  userId: () => Deno.uid(),
  granted: (permission) => Deno.permissions.querySync(permission).state === "granted",
};

function factsOf(path: string, name: string): FileFacts {
  const { uid, mode, isDirectory } = Deno.lstatSync(path);
  return { name, isDirectory, uid, mode: mode === null ? null : mode & 0o777 };
}

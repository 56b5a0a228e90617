import type { DatagramHub } from "../snmp/datagram_hub.ts";
import type { FileFacts } from "./diagnose_permissions.ts";

/** What `opendca doctor` asks of the machine; changes nothing but a file of one line that it removes again. */
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

/** A directory that may not be looked at is there, as far as is known. */
export function tryFacts(path: string, machine: DoctorMachine): FileFacts | null {
  try {
    return machine.facts(path);
  } catch {
    return { name: path, isDirectory: true, uid: null, mode: null };
  }
}

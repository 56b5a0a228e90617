import type { DatagramHub } from "../snmp/datagram_hub.ts";
import type { FileFacts } from "./diagnose_permissions.ts";

/** What `opendca doctor` needs from the machine; it changes nothing except a test file, which it removes again. */
export interface DoctorMachine {
  /** A socket for requests and their answers, for one address family. */
  openHub(family: 4 | 6): DatagramHub;
  /** Null if the path does not exist. */
  facts(path: string): FileFacts | null;
  /** The entries of a directory. Throws if it may not be listed. */
  list(directory: string): FileFacts[];
  /** Writes, syncs and removes a small file. Throws the system's error. */
  tryWrite(directory: string): void;
  /** Octets that this user may still write on the disk of `path`; null if unknown. */
  freeBytes(path: string): number | null;
  /** Null on Windows. */
  userId(): number | null;
  /** Whether the runtime was started with the permission. */
  granted(permission: Deno.PermissionDescriptor): boolean;
}

/** A path that may not be inspected counts as existing. */
export function tryFacts(path: string, machine: DoctorMachine): FileFacts | null {
  try {
    return machine.facts(path);
  } catch {
    return { name: path, isDirectory: true, uid: null, mode: null };
  }
}

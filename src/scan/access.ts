/** How a device was opened, and what it is worth remembering of it. Plain data: it crosses the worker's boundary. */
import type { View } from "../printers/view.ts";
import type { SnmpVersion } from "../snmp/session.ts";

/** What one credential met. */
export interface CredentialAttempt {
  /** Name of the credential. */
  name: string;
  version: SnmpVersion;
  /** Null when it did not get so far. */
  view: View | null;
  /** The end of a sentence about it. */
  saw: string;
}

export interface Access {
  /** The credential that the device was read with; null when none works. */
  credential: string | null;
  view: View;
  /** What it shows is a printer. */
  printer: boolean;
  /** It shows too little, and no other one shows more: all were tried. */
  triedAll: boolean;
  /** In the order in which they were tried, the one that was read with among them. */
  seen: CredentialAttempt[];
  /** What a status read of it can do with. */
  known?: KnownDevice;
  /** Whether what was known of it still held; absent where nothing was. */
  held?: boolean;
}

/** What a printer answered last time, so that a status read asks for less. */
export interface KnownDevice {
  version: SnmpVersion;
  /** Variable bindings (varbind_list.ts). */
  objects: Uint8Array;
}

/** What is known of a device from before. */
export interface Remembered {
  /** Tried first; null: none worked, and it is too early to try them again. */
  credential: string | null;
  /** As much as the others show, too, so that they are left alone; null: it is not known, or time to see again. */
  enough: View | null;
  /** For a status read. */
  known?: KnownDevice;
}

/** By "address port". */
export type RememberedAccess = Readonly<Record<string, Remembered>>;

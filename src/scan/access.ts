/** How a device was accessed, and what is remembered for later reads. Plain data, as it is posted between threads. */
import type { View } from "../printers/view.ts";
import type { SnmpVersion } from "../snmp/session.ts";

/** The result of trying one credential. */
export interface CredentialAttempt {
  /** Name of the credential. */
  name: string;
  version: SnmpVersion;
  /** Null if it failed before anything was shown. */
  view: View | null;
  /** The result in words, for the end of a sentence. */
  saw: string;
}

export interface Access {
  /** The credential that the device was read with; null when none works. */
  credential: string | null;
  view: View;
  /** Whether the device is a printer by what it shows. */
  printer: boolean;
  /** All credentials were tried, and none showed as much as is needed. */
  triedAll: boolean;
  /** In the order in which they were tried, including the one that was used. */
  seen: CredentialAttempt[];
  /** What a later status read can use instead of asking again. */
  known?: KnownDevice;
  /** Whether the remembered objects were still valid; absent if there were none. */
  held?: boolean;
}

/** What a printer answered last time, so that a status read asks for less. */
export interface KnownDevice {
  version: SnmpVersion;
  /** Variable bindings (varbind_list.ts). */
  objects: Uint8Array;
}

/** What is remembered about a device from earlier scans. */
export interface Remembered {
  /** Tried first; null: none worked, and it is too early to try them again. */
  credential: string | null;
  /**
   * What this credential shows if no other one shows more, so that the others are not tried; null: unknown or expired.
   */
  enough: View | null;
  /** For a status read. */
  known?: KnownDevice;
}

/** By "address port". */
export type RememberedAccess = Readonly<Record<string, Remembered>>;

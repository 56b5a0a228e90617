/**
 * What the supervisor and a scanner worker say to each other. Plain data only: an error does not survive the boundary
 * with its fields, so failures travel as code and message.
 */
import type { IpRange } from "../../common/core/ip_range.ts";
import type { WireCredentialPlan } from "../snmp/credential.ts";
import type { OtherDevice, Problem, Reading, ReadingScope, UnreadDevice } from "../../common/reading/reading.ts";
import type { ColumnGroup } from "../snmp/read_objects.ts";
import type { Varbind } from "../snmp/value.ts";
import type { AddressSpace } from "../targets/address_space.ts";
import type { Access, RememberedAccess } from "./access.ts";

export interface ScannerConfig {
  space: AddressSpace;
  /** Seed of the shuffled order in which addresses are visited. */
  seed: number;
  credentials: WireCredentialPlan;
  /** What is known of devices from before; nothing where it is left out. */
  remembered?: RememberedAccess | undefined;
  /** Packets per second of this worker; 0 is unlimited. */
  ratePerSecond: number;
  /** Of these, requests to devices that are being read, and how many of them at once; without it as many as packets. */
  reads?: { perSecond: number; burst: number } | undefined;
  /** How long one request waits for its answer. */
  timeoutMs: number;
  retries: number;
  /** Longest time that one device may take. */
  deviceDeadlineMs: number;
  /** Devices read at the same time. */
  maxReading: number;
  scope: ReadingScope;
  /** Tells what later status reads can do with. */
  learns?: boolean | undefined;
  /** Sends the answers themselves back as well, and walks these groups in addition; null in a normal scan. */
  capture: ColumnGroup[] | null;
  /** When datagrams may leave; at any time where it is left out. */
  window?: SendWindow | undefined;
  /** Set where the space has more addresses on links of this machine than it has room to look for at once. */
  neighbourLimit?: NeighbourLimit | undefined;
}

/** Code of the problem that a neighbour answered only the second time. */
export const neighbourTableCode = "neighbour-table";

export interface NeighbourLimit {
  links: readonly IpRange[];
  /** How many addresses of them the worker may look for at once. */
  max: number;
}

/** Milliseconds of the wall clock: from `fromMs` on, and before `untilMs`. */
export interface SendWindow {
  fromMs: number;
  untilMs: number;
}

/** A slice `[from, to)` of the shuffled order; `skip` are the "address port" keys whose results have arrived already. */
export interface Shard {
  id: number;
  from: number;
  to: number;
  skip: string[];
}

export type ToScanner =
  /** `furtherSockets` is how many sockets the sweep may open beyond the first. */
  | { type: "start"; config: ScannerConfig; furtherSockets?: number }
  | { type: "shard"; shard: Shard }
  /** `atOnce`: nothing is sent any more; else the devices that are being read are read to their end. */
  /** There are no further shards, unless one fails. */
  | { type: "last" }
  | { type: "stop"; atOnce: boolean };

export interface ScannerCounters {
  packetsSent: number;
  packetsReceived: number;
  /** Datagrams that nobody had asked for. */
  stray: number;
  /** Datagrams that are not SNMP. */
  malformed: number;
  probed: number;
  answered: number;
  /** Devices being read or waiting for it. */
  reading: number;
}

/** A device that has answered the sweep and is to be read; `key` is "address port". */
export interface FoundDevice extends Omit<UnreadDevice, "reason"> {
  key: string;
}

/** One device's outcome; `key` is "address port". */
export interface DeviceResult {
  shard: number;
  key: string;
  readings: Reading[];
  other?: OtherDevice;
  /** Absent where nothing was tried. */
  access?: Access;
  /** What the device answered, when the configuration says to capture. */
  captured?: Varbind[];
  /** Its time was over before it was known what it is. */
  isUnread?: true;
  problems: Problem[];
}

export type FromScanner =
  | { type: "ready" }
  /** Every quarter of a second, so that its absence shows a worker that hangs. */
  | { type: "progress"; counters: ScannerCounters }
  /** The worker can take another shard while it waits for answers. */
  | { type: "pull" }
  /** Before their results. */
  | { type: "found"; devices: FoundDevice[] }
  /** Of these no results come. */
  | { type: "unread"; devices: (UnreadDevice & { key: string })[] }
  | { type: "results"; results: DeviceResult[] }
  /** Not complete where the worker was stopped meanwhile: only what was reported of it is done. */
  | { type: "shardDone"; shard: number; complete: boolean; problems: Problem[] }
  | { type: "stopped" }
  | { type: "failed"; code: string; message: string };

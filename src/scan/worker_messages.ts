/**
 * Messages between the supervisor and a scanner worker. Plain data only: an error loses its fields in `postMessage`, so
 * failures are sent as code and message.
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
  /** What is remembered about devices from earlier scans; default: nothing. */
  remembered?: RememberedAccess | undefined;
  /** Packets per second of this worker; 0 is unlimited. */
  ratePerSecond: number;
  /** The part of the rate for requests to devices that are being read, and their burst; default: the whole rate. */
  reads?: { perSecond: number; burst: number } | undefined;
  /** Milliseconds that one request waits for its answer. */
  timeoutMs: number;
  retries: number;
  /** Longest time that one device may take. */
  deviceDeadlineMs: number;
  /** Devices read at the same time. */
  maxReading: number;
  scope: ReadingScope;
  /** Whether to report what later status reads can use. */
  learns?: boolean | undefined;
  /** Reports the raw answers as well, and walks these groups in addition; null in a normal scan. */
  capture: ColumnGroup[] | null;
  /** When datagrams may be sent; default: always. */
  window?: SendWindow | undefined;
  /** Set if the space has more addresses on links of this machine than the neighbour table can resolve at once. */
  neighbourLimit?: NeighbourLimit | undefined;
}

/** Code of the problem that a neighbour answered only in the second pass. */
export const neighbourTableCode = "neighbour-table";

export interface NeighbourLimit {
  links: readonly IpRange[];
  /** How many of these addresses the worker may resolve at once. */
  max: number;
}

/** Milliseconds of the wall clock: from `fromMs` on, and before `untilMs`. */
export interface SendWindow {
  fromMs: number;
  untilMs: number;
}

/**
 * A slice `[from, to)` of the shuffled order; `skip` are the "address port" keys whose results have arrived already.
 */
export interface Shard {
  id: number;
  from: number;
  to: number;
  skip: string[];
}

export type ToScanner =
  /** `furtherSockets`: number of sockets that the sweep may open in addition to the first. */
  | { type: "start"; config: ScannerConfig; furtherSockets?: number }
  | { type: "shard"; shard: Shard }
  /** `atOnce`: nothing more is sent; otherwise reads in progress complete. */
  /** There are no further shards, unless one fails. */
  | { type: "last" }
  | { type: "stop"; atOnce: boolean };

export interface ScannerCounters {
  packetsSent: number;
  packetsReceived: number;
  /** Datagrams that answer no request. */
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
  /** The deadline passed before the device was identified. */
  isUnread?: true;
  problems: Problem[];
}

export type FromScanner =
  | { type: "ready" }
  /** Sent every quarter of a second; if it stays away, the worker hangs. */
  | { type: "progress"; counters: ScannerCounters }
  /** The worker can take another shard while it waits for answers. */
  | { type: "pull" }
  /** Sent before the results of the devices. */
  | { type: "found"; devices: FoundDevice[] }
  /** Devices for which no result will follow. */
  | { type: "unread"; devices: (UnreadDevice & { key: string })[] }
  | { type: "results"; results: DeviceResult[] }
  /** Not `complete` if the worker was stopped meanwhile: then only the reported devices are done. */
  | { type: "shardDone"; shard: number; complete: boolean; problems: Problem[] }
  | { type: "stopped" }
  | { type: "failed"; code: string; message: string };

/** As a thread posts it: readings are JSON, as cloning their objects takes twice the processor time. */
export type PostedByScanner =
  | Exclude<FromScanner, { type: "results" }>
  | { type: "results"; results: Omit<DeviceResult, "readings">[]; readings: string };

export function encodeForPost(message: FromScanner): PostedByScanner {
  if (message.type !== "results") return message;
  const results = message.results.map(({ readings: _, ...rest }) => rest);
  return { type: "results", results, readings: JSON.stringify(message.results.map(({ readings }) => readings)) };
}

export function decodePosted(message: PostedByScanner): FromScanner {
  if (message.type !== "results") return message;
  const readings: Reading[][] = JSON.parse(message.readings);
  return { type: "results", results: message.results.map((rest, i) => ({ ...rest, readings: readings[i] ?? [] })) };
}

/** What the command line and the service make of targets, credentials and limits: the request of one scan. */
import type { WireCredentialPlan } from "../snmp/credential.ts";
import type { AddressSpace } from "../targets/address_space.ts";
import type { ScanRequest } from "./supervise_scan.ts";

export interface ScanPlan {
  space: AddressSpace;
  credentials: WireCredentialPlan;
  /** Packets per second; 0 is unlimited. */
  ratePerSecond: number;
  /** Of the configuration, or of the command line; `workers` is null where the size of the scan decides. */
  limits: { timeoutMs: number; retries: number; deviceDeadlineMs: number; workers: number | null };
  processors: number;
}

/** What only some scans have; the others are complete reads in a random order, at any time. */
export type ScanExtras = Partial<
  Pick<
    ScanRequest,
    "remembered" | "reads" | "scope" | "learns" | "seed" | "capture" | "window" | "position" | "stopsAtOnce"
  >
>;

/** Devices that one worker reads at the same time, with one outstanding request each: a socket holds so many answers. */
const maxReading = 48;
/** Where reads are spread over time few are under way at once, so that none takes long. */
const leastReading = 4;
/** Requests per second of a device that takes turns with others. */
const requestsPerSecond = 4;
const maxWorkers = 4;
/**
 * What is worth a further thread, which takes a tenth of a second of processor time to start and some 60 MB: each of them
 * could send and receive several times as much. By a rate they are there from the beginning, as they share it.
 */
const addressesPerWorker = 2048, packetsPerWorker = 5000;

export function scanRequest(order: ScanPlan, choices: ScanExtras = {}): ScanRequest {
  const { space, credentials, ratePerSecond, limits } = order;
  const workers = limits.workers ?? (ratePerSecond === 0 ? 1 : workersFor(order));
  const { reads } = choices;
  return {
    space,
    credentials,
    ratePerSecond,
    timeoutMs: limits.timeoutMs,
    retries: limits.retries,
    workers,
    mostWorkers: limits.workers ?? workersFor(order),
    deviceDeadlineMs: limits.deviceDeadlineMs,
    maxReading: reads === undefined
      ? maxReading
      : Math.min(maxReading, Math.max(leastReading, Math.floor(reads.perSecond / workers / requestsPerSecond))),
    seed: randomSeed(),
    scope: "full",
    capture: null,
    ...choices,
  };
}

function workersFor({ space, ratePerSecond, processors }: ScanPlan): number {
  const byRate = ratePerSecond === 0 ? maxWorkers : Math.ceil(ratePerSecond / packetsPerWorker);
  return Math.max(1, Math.min(maxWorkers, processors, byRate, Math.ceil(space.size / addressesPerWorker)));
}

/** Seed of the order in which addresses are visited. */
export function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]!;
}

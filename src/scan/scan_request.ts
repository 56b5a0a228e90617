/** Builds the request of one scan from targets, credentials and limits, for the command line and the service. */
import type { WireCredentialPlan } from "../snmp/credential.ts";
import type { AddressSpace } from "../targets/address_space.ts";
import type { ScanRequest } from "./supervise_scan.ts";

export interface ScanPlan {
  space: AddressSpace;
  credentials: WireCredentialPlan;
  /** Packets per second; 0 is unlimited. */
  ratePerSecond: number;
  /** From the configuration or the command line; `workers` null: depends on the size of the scan. */
  limits: { timeoutMs: number; retries: number; deviceDeadlineMs: number; workers: number | null };
  processors: number;
}

/** Optional parts; without them a scan reads everything in a random order, at any time. */
export type ScanExtras = Partial<
  Pick<
    ScanRequest,
    "remembered" | "reads" | "scope" | "learns" | "seed" | "capture" | "window" | "position" | "stopsAtOnce"
  >
>;

/**
 * Devices that one worker reads at the same time, with one outstanding request each: their answers fit into one socket.
 */
const maxReading = 48;
/** Limit for reads that are spread over time: few run at once, so that none takes long. */
const leastReading = 4;
/** Requests per second to one device that is read together with others. */
const requestsPerSecond = 4;
const maxWorkers = 4;
/**
 * Work that justifies a further thread, which takes a tenth of a second of processor time to start and about 60 MB; a
 * thread could handle several times as much. Under a rate all threads start at once, as they share it.
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

/**
 * Runs a scan over a pool of sandboxed workers. Idle workers pull the next shard, so a slow subnet never holds the others
 * up. A worker that throws or falls silent is replaced after a growing pause and its shards are done again by others;
 * what it had reported is kept and not asked twice.
 */
import type { Clock } from "../../common/core/clock.ts";
import { UnavailableError } from "../../common/core/errors.ts";
import type { IpRange } from "../../common/core/ip_range.ts";
import type { WireCredentialPlan } from "../snmp/credential.ts";
import type { OtherDevice, Problem, Reading, ReadingScope, UnreadDevice } from "../../common/reading/reading.ts";
import type { Access, RememberedAccess } from "./access.ts";
import type {
  DeviceResult,
  FoundDevice,
  FromScanner,
  ScannerCounters,
  SendWindow,
  ToScanner,
} from "./worker_messages.ts";
import type { ColumnGroup } from "../snmp/read_objects.ts";
import type { Varbind } from "../snmp/value.ts";
import { type AddressSpace, netPermissions, targetAt } from "../targets/address_space.ts";
import { countNear } from "../targets/near_targets.ts";
import { permute } from "../targets/permute.ts";
import { createShardQueue, mergeSlices, type QueuedShard, type ScanPosition } from "./shard_queue.ts";

export interface ScanRequest {
  space: AddressSpace;
  credentials: WireCredentialPlan;
  /** What is known of devices from before. */
  remembered?: RememberedAccess | undefined;
  /** Packets per second of the whole scan; 0 is unlimited. */
  ratePerSecond: number;
  /** Of these, requests to devices that are being read, and how many of them at once; without it as many as packets. */
  reads?: { perSecond: number; burst: number } | undefined;
  timeoutMs: number;
  retries: number;
  workers: number;
  deviceDeadlineMs: number;
  /** Devices that one worker reads at the same time. */
  maxReading: number;
  scope: ReadingScope;
  /** Tells what later status reads can do with. */
  learns?: boolean;
  seed: number;
  /** Keeps what the devices answered, and has these groups walked in addition; null in a normal scan. */
  capture: ColumnGroup[] | null;
  /** When datagrams may leave; at any time where it is left out. */
  window?: SendWindow | undefined;
  /** Where an earlier scan of the same space with the same seed stopped. */
  position?: ScanPosition | undefined;
  /** Nothing is sent after an interruption; else devices that are being read may be read to their end. */
  stopsAtOnce?: boolean;
}

/** A thread with a scanner in it. */
export interface ScannerWorker {
  post(message: ToScanner): void;
  onMessage: (message: FromScanner) => void;
  /** The thread has thrown and is gone. */
  onCrash: (message: string) => void;
  terminate(): void;
}

export interface ScanParts {
  /**
   * Starts a thread that may send to exactly these hosts and ports, the first of `ofThese` that are started now. Throws
   * `UnavailableError` where it cannot be had.
   */
  createWorker: (netPermissions: string[], ofThese?: number) => ScannerWorker;
  /** What this machine reaches without a router; nothing where it is left out. */
  links?: () => readonly IpRange[];
  clock: Clock;
  signal: AbortSignal;
  onProgress: (progress: ScanProgress) => void;
  onReading: (reading: Reading, access: Access | undefined) => void;
  /** How a device, by "address port", was opened or was not; before its readings. */
  onAccess?: (key: string, access: Access) => void;
  /** Some more of the space is done. */
  onShardDone?: (position: () => ScanPosition) => void;
}

export interface ScanProgress extends ScannerCounters {
  addresses: number;
  printers: number;
  /** Devices that were found and have no result so far. */
  waiting: number;
  /** Devices that have a result. */
  finished: number;
}

export interface ScanResult {
  printers: Reading[];
  others: OtherDevice[];
  /** Devices that answered and were not read. */
  unread: UnreadDevice[];
  /** Answers by device, when the request says to capture. */
  captured: { key: string; varbinds: Varbind[]; access: Access | undefined }[];
  problems: Problem[];
  counters: ScannerCounters;
  interrupted: boolean;
  /** Where it stopped. */
  position: ScanPosition;
  /** Addresses that no probe was sent to, because the scan was stopped. */
  notProbed: number;
}

/** The scan could not go on, as no worker could be started; with what it had read until then. */
export class ScanFailedError extends UnavailableError {
  constructor(why: UnavailableError, readonly soFar: ScanResult) {
    super(why.message, why.hint, why.retryAfterMs, { cause: why });
  }
}

interface Slot {
  worker: ScannerWorker;
  ready: boolean;
  shards: Map<number, QueuedShard>;
  counters: ScannerCounters;
  heardAt: number;
  /** When its counters last changed. */
  movedAt: number;
  crashes: number;
  stopped: boolean;
}

/** A worker reports every quarter of a second; one that is silent for so long hangs. */
const silentMs = 10_000;
/** Until its first word a worker loads its code, which takes long on a busy machine. */
const startMs = 60_000;
/** Beyond the device deadline, a worker with shards that makes no step hangs as well. */
const stalledMs = 30_000;
const watchEveryMs = 1_000;
const maxStartFailures = 5;
/** Neighbours that Linux has room for unless told otherwise (gc_thresh3): a /22 is no more than that. */
const wholeTable = 1_024;
/** Of these, those that are looked for at once: who was found is kept for two seconds longer, and others need some. */
const atOnce = 640;
/** How long workers may take to finish after a stop. */
const stopWithinMs = 2_000;

const noCounters: ScannerCounters = {
  packetsSent: 0,
  packetsReceived: 0,
  stray: 0,
  malformed: 0,
  probed: 0,
  answered: 0,
  reading: 0,
};

/** Scans the whole space. Resolves also when it was stopped; throws `ScanFailedError` when no worker can be started. */
export async function superviseScan(request: ScanRequest, parts: ScanParts): Promise<ScanResult> {
  const { space, reads } = request;
  const { clock, signal } = parts;
  const permissions = netPermissions(space);
  const links = parts.links?.() ?? [];
  const most = countNear(space, links) > wholeTable ? Math.floor(atOnce / request.workers) : undefined;
  // Short enough for both questions while the system looks for an address.
  const queue = createShardQueue(
    space.size,
    most === undefined ? request : { ...request, longest: Math.floor(most / 2) },
  );
  const done: [from: number, to: number][] = [...request.position?.done ?? []];
  const workers = Math.min(request.workers, queue.length);
  const printers: Reading[] = [];
  const others: OtherDevice[] = [];
  /** Found and without a result so far, by "address port". */
  const found = new Map<string, FoundDevice>();
  const expired: FoundDevice[] = [];
  /** Answers that were of no use, by "address port"; such a device may still be found. */
  const unread = new Map<string, UnreadDevice>();
  const captured: ScanResult["captured"] = [];
  const problems: Problem[] = [];
  const slots = new Set<Slot>();
  const buried = { ...noCounters };
  let startFailures = 0, finished = 0;
  let isLast = false;
  const over = Promise.withResolvers<void>();
  const closing = new AbortController();

  function startWorker(crashes: number, ofThese = 1): void {
    const worker = parts.createWorker(permissions, ofThese);
    const now = clock.monotonicMs();
    const slot: Slot = {
      worker,
      ready: false,
      shards: new Map(),
      counters: { ...noCounters },
      heardAt: now,
      movedAt: now,
      crashes,
      stopped: false,
    };
    slots.add(slot);
    worker.onMessage = (message) => onMessage(slot, message);
    worker.onCrash = (message) => bury(slot, `crashed: ${message}`);
    worker.post({
      type: "start",
      config: {
        space,
        seed: request.seed,
        credentials: request.credentials,
        ...(request.remembered === undefined ? {} : { remembered: request.remembered }),
        ratePerSecond: request.ratePerSecond / workers,
        ...(reads === undefined
          ? {}
          : { reads: { perSecond: reads.perSecond / workers, burst: reads.burst / workers } }),
        timeoutMs: request.timeoutMs,
        retries: request.retries,
        deviceDeadlineMs: request.deviceDeadlineMs,
        maxReading: request.maxReading,
        scope: request.scope,
        learns: request.learns ?? false,
        capture: request.capture,
        ...(request.window === undefined ? {} : { window: request.window }),
        ...(most === undefined ? {} : { crowded: { links, most } }),
      },
    });
    if (isLast) worker.post({ type: "last" });
  }

  function onMessage(slot: Slot, message: FromScanner): void {
    slot.heardAt = clock.monotonicMs();
    switch (message.type) {
      case "ready":
        slot.ready = true;
        startFailures = 0;
        return assign(slot);
      case "pull":
        return assign(slot);
      case "progress":
        return onProgress(slot, message.counters);
      case "found":
        for (const device of message.devices) {
          found.set(device.key, device);
          unread.delete(device.key);
        }
        return;
      case "unread":
        for (const { key, ...device } of message.devices) if (!found.has(key)) unread.set(key, device);
        return;
      case "results":
        for (const result of message.results) onResult(slot, result);
        return;
      case "shardDone":
        problems.push(...message.problems);
        return message.complete ? onShardDone(slot, message.shard) : undefined;
      case "stopped":
        slot.stopped = true;
        if ([...slots].every((other) => other.stopped)) over.resolve();
        return;
      case "failed":
        return bury(slot, `failed: ${message.message}`);
    }
  }

  function onShardDone(slot: Slot, id: number): void {
    const shard = slot.shards.get(id);
    if (shard !== undefined) done.push([shard.from, shard.to]);
    slot.shards.delete(id);
    slot.crashes = 0;
    slot.movedAt = slot.heardAt;
    parts.onShardDone?.(position);
    assign(slot);
    finishIfDone();
  }

  function position(): ScanPosition {
    const begun = [...queue.waiting(), ...[...slots].flatMap(({ shards }) => [...shards.values()])]
      .filter(({ reported }) => reported.size > 0);
    return {
      done: mergeSlices(done),
      begun: begun.map(({ from, to, reported }) => ({ from, to, reported: [...reported] })),
    };
  }

  function onProgress(slot: Slot, counters: ScannerCounters): void {
    if (Object.entries(counters).some(([name, value]) => slot.counters[name as keyof ScannerCounters] !== value)) {
      slot.movedAt = slot.heardAt;
    }
    slot.counters = counters;
    reportProgress();
  }

  function reportProgress(): void {
    parts.onProgress({ ...totals(), addresses: space.size, printers: printers.length, waiting: found.size, finished });
  }

  function totals(): ScannerCounters {
    const sum = { ...buried };
    for (const slot of slots) add(sum, slot.counters);
    sum.probed = Math.min(sum.probed, space.size);
    return sum;
  }

  function onResult(slot: Slot, result: DeviceResult): void {
    slot.shards.get(result.shard)?.reported.add(result.key);
    const device = found.get(result.key);
    if (result.isUnread && device !== undefined) expired.push(device);
    finished++;
    found.delete(result.key);
    problems.push(...result.problems);
    if (result.captured !== undefined) {
      captured.push({ key: result.key, varbinds: result.captured, access: result.access });
    }
    if (result.other !== undefined) others.push(result.other);
    if (result.access !== undefined) parts.onAccess?.(result.key, result.access);
    for (const reading of result.readings) {
      printers.push(reading);
      parts.onReading(reading, result.access);
    }
  }

  function assign(slot: Slot): void {
    if (!slot.ready || signal.aborted) return;
    const idle = slot.shards.size === 0;
    if ([...slot.shards.values()].some((shard) => shard.failures > 0)) return;
    if (!idle && queue.onlySuspects) return;
    const shard = queue.next(idle);
    if (queue.length === 0) tellLast();
    if (shard === undefined) return;
    slot.shards.set(shard.id, shard);
    slot.movedAt = clock.monotonicMs();
    const { id, from, to, reported } = shard;
    slot.worker.post({ type: "shard", shard: { id, from, to, skip: [...reported] } });
  }

  function tellLast(): void {
    if (isLast) return;
    isLast = true;
    for (const { worker } of slots) worker.post({ type: "last" });
  }

  /** Ends a worker that crashed or hangs, and has its work done by others. */
  function bury(slot: Slot, why: string): void {
    if (!slots.delete(slot)) return;
    slot.worker.terminate();
    const kept = { ...slot.counters, reading: 0 };
    add(buried, kept);
    if (!slot.ready && ++startFailures >= maxStartFailures) {
      over.reject(
        new UnavailableError(
          `Cannot start a scanner worker: it ${why}`,
          "see whether the machine allows more sockets and threads",
        ),
      );
      return;
    }
    for (const shard of slot.shards.values()) {
      const index = queue.fail(shard);
      if (index === undefined) continue;
      done.push([index, index + 1]);
      const { address, port } = targetAt(space, permute(index, space.size, request.seed));
      problems.push({
        code: "worker-crash",
        message: `Cannot scan ${address} port ${port} as the scanner ${why}, three times; the address was left out`,
        address,
      });
    }
    if (signal.aborted) {
      if ([...slots].every((other) => other.stopped)) over.resolve();
      return;
    }
    replaceWorker(slot.crashes, 0);
    finishIfDone();
  }

  function replaceWorker(crashes: number, failures: number): void {
    const pauseMs = Math.min(5_000, 50 * 2 ** (crashes + failures));
    // Rejects only when the scan is over, and then nobody needs the worker.
    void clock.sleep(pauseMs, closing.signal).then(() => {
      try {
        startWorker(crashes + 1);
      } catch (error) {
        if (!(error instanceof UnavailableError)) over.reject(error);
        else if (slots.size > 0) { for (const slot of slots) assign(slot); }
        else if (failures + 1 >= maxStartFailures) over.reject(error);
        else replaceWorker(crashes, failures + 1);
      }
    }, () => {});
  }

  /** As many as the process has room for, but one at least. */
  function startWorkers(): void {
    for (let i = 0; i < workers; i++) {
      try {
        startWorker(0, workers - i);
      } catch (error) {
        if (i === 0 || !(error instanceof UnavailableError)) throw error;
        return;
      }
    }
  }

  function finishIfDone(): void {
    if (queue.length > 0 || [...slots].some((slot) => slot.shards.size > 0)) return;
    stopAll();
  }

  function stopAll(): void {
    for (const slot of slots) slot.worker.post({ type: "stop", atOnce: request.stopsAtOnce ?? false });
    if (slots.size === 0) over.resolve();
  }

  function watch(): void {
    const now = clock.monotonicMs();
    for (const slot of slots) {
      if (slot.stopped) continue;
      const patienceMs = slot.ready ? silentMs : startMs;
      if (now - slot.heardAt > patienceMs) bury(slot, `was silent for ${patienceMs / 1000} s`);
      else if (slot.shards.size > 0 && now - slot.movedAt > stalledMs + request.deviceDeadlineMs) {
        bury(slot, "made no progress");
      }
    }
  }

  async function keepWatch(): Promise<void> {
    for (;;) {
      await clock.sleep(watchEveryMs, closing.signal);
      watch();
    }
  }

  // Ends by the rejection of its sleep when the scan is over.
  void keepWatch().catch(() => {});
  const onAbort = () => {
    stopAll();
    void clock.sleep(stopWithinMs, closing.signal).then(() => over.resolve(), () => {});
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  let failure: UnavailableError | undefined;
  try {
    if (!signal.aborted) {
      startWorkers();
      finishIfDone();
    }
    await over.promise;
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error;
    failure = error;
  } finally {
    closing.abort();
    signal.removeEventListener("abort", onAbort);
    for (const slot of slots) slot.worker.terminate();
  }
  const counters = totals();
  const isStopped = signal.aborted ||
    (failure === undefined && (queue.length > 0 || [...slots].some(({ shards }) => shards.size > 0)));
  const result: ScanResult = {
    printers,
    others,
    unread: [
      ...unreadDevices(found.values(), isStopped ? "stopped" : "failed"),
      ...unreadDevices(expired, "deadline"),
      ...unread.values(),
    ],
    captured,
    problems,
    counters,
    interrupted: isStopped,
    position: position(),
    notProbed: signal.aborted ? space.size - counters.probed : 0,
  };
  if (failure !== undefined) throw new ScanFailedError(failure, result);
  return result;
}

function unreadDevices(devices: Iterable<FoundDevice>, reason: UnreadDevice["reason"]): UnreadDevice[] {
  return [...devices].map(({ key: _, ...device }) => ({ ...device, reason }));
}

function add(sum: ScannerCounters, counters: ScannerCounters): void {
  for (const name of Object.keys(sum) as (keyof ScannerCounters)[]) sum[name] += counters[name];
}

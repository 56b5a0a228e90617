/**
 * Runs a scan over a pool of sandboxed workers. Idle workers pull the next shard, so a slow subnet never delays the
 * others. A worker that throws or stops reporting is replaced after a growing pause, and others repeat its shards;
 * devices that it had reported are not asked again.
 */
import type { Clock } from "../../common/core/clock.ts";
import { UnavailableError } from "../../common/core/errors.ts";
import type { IpRange } from "../../common/core/ip_range.ts";
import { type CollectedFindings, createFindings, type FindingListeners, type ScanFindings } from "./scan_findings.ts";
import type { FromScanner, ScannerConfig, ScannerCounters, ToScanner } from "./worker_messages.ts";
import { netPermissions, targetAt } from "../targets/address_space.ts";
import { countNear } from "../targets/near_targets.ts";
import { permute } from "../targets/permute.ts";
import { createShardQueue, mergeSlices, type QueuedShard, type ScanPosition, type ShardQueue } from "./shard_queue.ts";

/** Of the whole scan: the rate, and devices that are read at the same time by each of its workers. */
export interface ScanRequest extends Omit<ScannerConfig, "neighbourLimit"> {
  /** Number of workers at the start. */
  workers: number;
  /** Maximum number: more are started while a scan without a rate has shards that no worker has taken. */
  mostWorkers?: number;
  /** Where an earlier scan of the same space with the same seed stopped. */
  position?: ScanPosition | undefined;
  /** If true, nothing is sent after an interruption; otherwise reads in progress may complete. */
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

export interface ScanParts extends FindingListeners {
  /**
   * Starts a thread that may send to exactly these hosts and ports; `ofThese` is the number of threads that are started
   * now, including this one. Throws `UnavailableError` if it cannot be started.
   */
  createWorker: (netPermissions: string[], ofThese?: number) => ScannerWorker;
  /** The networks that this machine reaches without a router; default: none. */
  links?: () => readonly IpRange[];
  clock: Clock;
  signal: AbortSignal;
  onProgress: (progress: ScanProgress) => void;
  /** Called when a further shard is done. */
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

export interface ScanResult extends CollectedFindings {
  counters: ScannerCounters;
  interrupted: boolean;
  /** Where the scan stopped. */
  position: ScanPosition;
  /** Number of addresses that were not probed because the scan was stopped. */
  notProbed: number;
}

/** The scan could not continue because no worker could be started; contains what it had read until then. */
export class ScanFailedError extends UnavailableError {
  constructor(why: UnavailableError, readonly soFar: ScanResult) {
    super(why.message, why.hint, why.retryAfterMs, { cause: why });
  }
}

/** A worker reports every quarter of a second; after this time without a report it hangs. */
const silentMs = 10_000;
/** Limit for the first report: a worker loads its code before, which takes long on a busy machine. */
const startMs = 60_000;
/** A worker with shards that makes no progress for the device deadline plus this time hangs as well. */
const stalledMs = 30_000;
const watchEveryMs = 1_000;
const maxStartFailures = 5;
/** Delay before further workers start: a short scan needs only one thread. */
const furtherAfterMs = 2_000;
/** Default size of Linux's neighbour table (gc_thresh3): the size of a /22. */
const neighbourTableSize = 1_024;
/**
 * Neighbours to resolve at once: entries of found ones stay two seconds longer, and other programs need entries too.
 */
const maxPending = 640;
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

/** A worker of the pool and its shards. */
interface PoolWorker {
  thread: ScannerWorker;
  ready: boolean;
  shards: Map<number, QueuedShard>;
  counters: ScannerCounters;
  lastMessageAt: number;
  /** When its counters last changed. */
  lastProgressAt: number;
  /** Crashes of its predecessors since the last finished shard. */
  crashes: number;
  stopped: boolean;
}

/** A running scan. */
interface ScanPool {
  request: ScanRequest;
  parts: ScanParts;
  queue: ShardQueue;
  /** Number of shards at the start. */
  shards: number;
  done: [from: number, to: number][];
  findings: ScanFindings;
  /** Number of workers that share the rate, or that work without one so far. */
  size: number;
  workers: Set<PoolWorker>;
  /** Counters of the workers that were replaced. */
  counted: ScannerCounters;
  /** Configuration of each worker. */
  config: ScannerConfig;
  permissions: string[];
  startFailures: number;
  /** Whether the workers know that there are no further shards. */
  toldLast: boolean;
  over: PromiseWithResolvers<void>;
  /** Aborted when the scan has ended. */
  closing: AbortController;
}

/** Scans the whole space. Also resolves if it was stopped; throws `ScanFailedError` if no worker can be started. */
export async function superviseScan(request: ScanRequest, parts: ScanParts): Promise<ScanResult> {
  const pool = createPool(request, parts);
  const { clock, signal } = parts;
  // Its sleep rejects when the scan has ended.
  void watchWorkers(pool).catch(() => {});
  const onAbort = () => {
    stopAll(pool);
    void clock.sleep(stopWithinMs, pool.closing.signal).then(() => pool.over.resolve(), () => {});
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  let failure: UnavailableError | undefined;
  try {
    if (!signal.aborted) {
      startWorkers(pool);
      finishIfDone(pool);
    }
    await pool.over.promise;
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error;
    failure = error;
  } finally {
    pool.closing.abort();
    signal.removeEventListener("abort", onAbort);
    for (const { thread } of pool.workers) thread.terminate();
  }
  const result = resultOf(pool, failure);
  if (failure !== undefined) throw new ScanFailedError(failure, result);
  return result;
}

function createPool(request: ScanRequest, parts: ScanParts): ScanPool {
  const { space, reads } = request;
  const links = parts.links?.() ?? [];
  const max = countNear(space, links) > neighbourTableSize
    ? Math.floor(maxPending / mostWorkersOf(request))
    : undefined;
  // Short enough for both probes of an address while the system resolves it.
  const longest = max === undefined ? undefined : Math.floor(max / 2);
  const queue = createShardQueue(space.size, { ...request, workers: mostWorkersOf(request), longest });
  const size = Math.min(request.workers, queue.length);
  return {
    request,
    parts,
    queue,
    shards: queue.length,
    done: [...request.position?.done ?? []],
    findings: createFindings(parts),
    size,
    workers: new Set(),
    counted: { ...noCounters },
    config: {
      space,
      seed: request.seed,
      credentials: request.credentials,
      remembered: request.remembered,
      ratePerSecond: request.ratePerSecond / size,
      reads: reads && { perSecond: reads.perSecond / size, burst: reads.burst / size },
      timeoutMs: request.timeoutMs,
      retries: request.retries,
      deviceDeadlineMs: request.deviceDeadlineMs,
      maxReading: request.maxReading,
      scope: request.scope,
      learns: request.learns ?? false,
      capture: request.capture,
      window: request.window,
      neighbourLimit: max === undefined ? undefined : { links, max },
    },
    permissions: netPermissions(space),
    startFailures: 0,
    toldLast: false,
    over: Promise.withResolvers(),
    closing: new AbortController(),
  };
}

/** Workers that share a rate all start at the beginning. */
function mostWorkersOf({ workers, mostWorkers = workers, ratePerSecond, reads }: ScanRequest): number {
  return ratePerSecond === 0 && reads === undefined ? Math.max(workers, mostWorkers) : workers;
}

/** Starts as many as the process can start, but at least one. */
function startWorkers(pool: ScanPool): void {
  for (let i = 0; i < pool.size; i++) {
    try {
      startWorker(pool, { crashes: 0, ofThese: pool.size - i });
    } catch (error) {
      if (i === 0 || !(error instanceof UnavailableError)) throw error;
      return;
    }
  }
}

function startWorker(pool: ScanPool, { crashes, ofThese }: { crashes: number; ofThese: number }): void {
  const thread = pool.parts.createWorker(pool.permissions, ofThese);
  const now = pool.parts.clock.monotonicMs();
  const worker: PoolWorker = {
    thread,
    ready: false,
    shards: new Map(),
    counters: { ...noCounters },
    lastMessageAt: now,
    lastProgressAt: now,
    crashes,
    stopped: false,
  };
  pool.workers.add(worker);
  thread.onMessage = (message) => onMessage(pool, worker, message);
  thread.onCrash = (message) => replaceWorker(pool, worker, `crashed: ${message}`);
  thread.post({ type: "start", config: pool.config });
  if (pool.toldLast) thread.post({ type: "last" });
}

function onMessage(pool: ScanPool, worker: PoolWorker, message: FromScanner): void {
  const { findings } = pool;
  worker.lastMessageAt = pool.parts.clock.monotonicMs();
  switch (message.type) {
    case "ready":
      worker.ready = true;
      pool.startFailures = 0;
      return assign(pool, worker);
    case "pull":
      return assign(pool, worker);
    case "progress":
      return onProgress(pool, worker, message.counters);
    case "found":
      return findings.addFound(message.devices);
    case "unread":
      return findings.addUnread(message.devices);
    case "results":
      for (const result of message.results) {
        worker.shards.get(result.shard)?.reported.add(result.key);
        findings.addResult(result);
      }
      return;
    case "shardDone":
      findings.problems.push(...message.problems);
      return message.complete ? onShardDone(pool, worker, message.shard) : undefined;
    case "stopped":
      worker.stopped = true;
      return endIfStopped(pool);
    case "failed":
      return replaceWorker(pool, worker, `failed: ${message.message}`);
  }
}

function onShardDone(pool: ScanPool, worker: PoolWorker, id: number): void {
  const shard = worker.shards.get(id);
  if (shard !== undefined) pool.done.push([shard.from, shard.to]);
  worker.shards.delete(id);
  worker.crashes = 0;
  worker.lastProgressAt = worker.lastMessageAt;
  pool.parts.onShardDone?.(() => positionOf(pool));
  assign(pool, worker);
  finishIfDone(pool);
}

function onProgress(pool: ScanPool, worker: PoolWorker, counters: ScannerCounters): void {
  if (Object.entries(counters).some(([name, value]) => worker.counters[name as keyof ScannerCounters] !== value)) {
    worker.lastProgressAt = worker.lastMessageAt;
  }
  worker.counters = counters;
  pool.parts.onProgress({ ...totalsOf(pool), addresses: pool.request.space.size, ...pool.findings.counts() });
}

/** Gives the worker its next shard, if it may have one. */
function assign(pool: ScanPool, worker: PoolWorker): void {
  const { queue, parts: { signal, clock } } = pool;
  if (!worker.ready || signal.aborted) return;
  const idle = worker.shards.size === 0;
  if ([...worker.shards.values()].some((shard) => shard.failures > 0)) return;
  if (!idle && queue.onlySuspects) return;
  const shard = queue.next(idle);
  if (queue.length === 0) tellLast(pool);
  if (shard === undefined) return;
  worker.shards.set(shard.id, shard);
  worker.lastProgressAt = clock.monotonicMs();
  const { id, from, to, reported } = shard;
  worker.thread.post({ type: "shard", shard: { id, from, to, skip: [...reported] } });
}

function tellLast(pool: ScanPool): void {
  if (pool.toldLast) return;
  pool.toldLast = true;
  for (const { thread } of pool.workers) thread.post({ type: "last" });
}

/** Ends a worker that crashed or hangs, and puts its shards back for others. */
function replaceWorker(pool: ScanPool, worker: PoolWorker, why: string): void {
  if (!pool.workers.delete(worker)) return;
  worker.thread.terminate();
  addCounters(pool.counted, { ...worker.counters, reading: 0 });
  if (!worker.ready && ++pool.startFailures >= maxStartFailures) {
    const hint = "check the machine's limits for sockets and threads";
    return pool.over.reject(new UnavailableError(`Cannot start a scanner worker: it ${why}`, hint));
  }
  for (const shard of worker.shards.values()) requeue(pool, shard, why);
  if (pool.parts.signal.aborted) return endIfStopped(pool);
  startAfterPause(pool, { crashes: worker.crashes, failures: 0 });
  finishIfDone(pool);
}

/** Puts a shard back; an address that made three workers fail is skipped. */
function requeue({ request: { space, seed }, queue, done, findings }: ScanPool, shard: QueuedShard, why: string): void {
  const index = queue.fail(shard);
  if (index === undefined) return;
  done.push([index, index + 1]);
  const { address, port } = targetAt(space, permute(index, space.size, seed));
  findings.problems.push({
    code: "worker-crash",
    message: `Cannot scan ${address} port ${port} as the scanner ${why}, three times; the address is skipped`,
    address,
  });
}

function startAfterPause(pool: ScanPool, { crashes, failures }: { crashes: number; failures: number }): void {
  const { parts: { clock }, closing, workers, over } = pool;
  const pauseMs = Math.min(5_000, 50 * 2 ** (crashes + failures));
  // Rejects only when the scan has ended, and then no worker is needed.
  void clock.sleep(pauseMs, closing.signal).then(() => {
    try {
      startWorker(pool, { crashes: crashes + 1, ofThese: 1 });
    } catch (error) {
      if (!(error instanceof UnavailableError)) over.reject(error);
      else if (workers.size > 0) { for (const worker of workers) assign(pool, worker); }
      else if (failures + 1 >= maxStartFailures) over.reject(error);
      else startAfterPause(pool, { crashes, failures: failures + 1 });
    }
  }, () => {});
}

function finishIfDone(pool: ScanPool): void {
  if (!hasShards(pool)) stopAll(pool);
}

function hasShards({ queue, workers }: ScanPool): boolean {
  return queue.length > 0 || [...workers].some(({ shards }) => shards.size > 0);
}

function stopAll({ request, workers, over }: ScanPool): void {
  for (const { thread } of workers) thread.post({ type: "stop", atOnce: request.stopsAtOnce ?? false });
  if (workers.size === 0) over.resolve();
}

function endIfStopped({ workers, over }: ScanPool): void {
  if ([...workers].every(({ stopped }) => stopped)) over.resolve();
}

async function watchWorkers(pool: ScanPool): Promise<never> {
  const { parts: { clock }, request, closing, workers } = pool;
  const startedAt = clock.monotonicMs();
  for (;;) {
    await clock.sleep(watchEveryMs, closing.signal);
    const now = clock.monotonicMs();
    for (const worker of workers) {
      if (worker.stopped) continue;
      const patienceMs = worker.ready ? silentMs : startMs;
      if (now - worker.lastMessageAt > patienceMs) replaceWorker(pool, worker, `was silent for ${patienceMs / 1000} s`);
      else if (worker.shards.size > 0 && now - worker.lastProgressAt > stalledMs + request.deviceDeadlineMs) {
        replaceWorker(pool, worker, "made no progress");
      }
    }
    if (now - startedAt >= furtherAfterMs) startFurther(pool);
  }
}

/**
 * Starts one more worker if the process can start it, and if at least as many shards are left as have been taken: fewer
 * are soon done, and loading the code of a thread takes as much processor time as some twenty thousand probes.
 */
function startFurther(pool: ScanPool): void {
  const { request, queue, workers, parts: { signal } } = pool;
  if (signal.aborted || queue.length === 0 || queue.onlySuspects) return;
  if (queue.length * 2 < pool.shards) return;
  // Failed workers are replaced separately.
  if (workers.size < pool.size || pool.size >= mostWorkersOf(request)) return;
  try {
    startWorker(pool, { crashes: 0, ofThese: 1 });
    pool.size++;
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error;
  }
}

function positionOf({ queue, workers, done }: ScanPool): ScanPosition {
  const begun = [...queue.waiting(), ...[...workers].flatMap(({ shards }) => [...shards.values()])]
    .filter(({ reported }) => reported.size > 0);
  return {
    done: mergeSlices(done),
    begun: begun.map(({ from, to, reported }) => ({ from, to, reported: [...reported] })),
  };
}

function totalsOf({ counted, workers, request: { space } }: ScanPool): ScannerCounters {
  const sum = { ...counted };
  for (const { counters } of workers) addCounters(sum, counters);
  sum.probed = Math.min(sum.probed, space.size);
  return sum;
}

function addCounters(sum: ScannerCounters, counters: ScannerCounters): void {
  for (const name of Object.keys(sum) as (keyof ScannerCounters)[]) sum[name] += counters[name];
}

function resultOf(pool: ScanPool, failure: UnavailableError | undefined): ScanResult {
  const { parts: { signal }, request: { space }, findings } = pool;
  const counters = totalsOf(pool);
  const interrupted = signal.aborted || (failure === undefined && hasShards(pool));
  return {
    ...findings.collected(interrupted ? "stopped" : "failed"),
    counters,
    interrupted,
    position: positionOf(pool),
    notProbed: signal.aborted ? space.size - counters.probed : 0,
  };
}

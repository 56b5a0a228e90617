/**
 * The slices of the address space that are still to be done. A failed slice is repeated alone on its worker, so that
 * the cause is certain; from the third failure on it is halved, until the one bad address is found and skipped.
 */

export interface QueuedShard {
  id: number;
  from: number;
  to: number;
  failures: number;
  /** "address port" of devices whose results have arrived; they are not asked again. */
  reported: Set<string>;
}

/** Failures after which a shard is halved, or skipped when it holds one address. */
const maxFailures = 3;

export interface ShardQueue {
  /** The next shard; with `alone` one that failed before, which must be the only one on its worker. */
  next(alone: boolean): QueuedShard | undefined;
  /** Whether the next shard must be alone on its worker. */
  readonly onlySuspects: boolean;
  readonly length: number;
  /** Puts a failed shard back; returns the index of the skipped address, if one is skipped. */
  fail(shard: QueuedShard): number | undefined;
  /** All shards that have not been taken. */
  waiting(): readonly QueuedShard[];
}

/** Position of a scan as data: slices `[from, to)` of the shuffled order. */
export interface ScanPosition {
  /** Sorted; adjacent slices are merged. */
  done: [from: number, to: number][];
  /** Started and not finished; `reported` are the "address port" keys of devices whose results have arrived. */
  begun: { from: number; to: number; reported: string[] }[];
}

export interface ShardQueueOptions {
  workers: number;
  /** Packets per second of the whole scan; 0 is unlimited. */
  ratePerSecond: number;
  timeoutMs: number;
  /** Maximum number of addresses of a shard. */
  longest?: number | undefined;
  /** Where an earlier scan of the same order stopped. */
  position?: ScanPosition | undefined;
}

/**
 * Time to send one shard under a rate, unless the timeout is long. A stopped scan must repeat its started shards, so
 * they are short. But while one waits for answers others are sent, and their number per worker is limited: a longer
 * timeout needs longer shards.
 */
const shardMs = 250;
const shardTimeouts = 0.25;

/** Cuts the remaining part of `size` addresses into shards: about eight for each worker, none over 4,096 addresses. */
export function createShardQueue(size: number, options: ShardQueueOptions): ShardQueue {
  const { workers, ratePerSecond, timeoutMs, position = { done: [], begun: [] } } = options;
  const longestMs = Math.max(shardMs, shardTimeouts * timeoutMs);
  const longest = ratePerSecond === 0 ? 4096 : Math.ceil(longestMs / 1000 * ratePerSecond / workers);
  const step = Math.max(16, Math.min(4096, options.longest ?? 4096, longest, Math.ceil(size / (workers * 8))));
  const fresh: QueuedShard[] = [];
  const suspects: QueuedShard[] = [];
  let nextId = 1;
  for (const { from, to, reported } of position.begun) fresh.push(shard(from, to, 0, new Set(reported)));
  for (const [first, end] of rest(size, [...position.done, ...position.begun.map(sliceOf)])) {
    for (let from = first; from < end; from += step) fresh.push(shard(from, Math.min(end, from + step), 0, new Set()));
  }
  fresh.reverse();

  function shard(from: number, to: number, failures: number, reported: Set<string>): QueuedShard {
    return { id: nextId++, from, to, failures, reported };
  }

  return {
    next(alone) {
      return (alone ? suspects.pop() : undefined) ?? fresh.pop();
    },
    get onlySuspects() {
      return fresh.length === 0 && suspects.length > 0;
    },
    get length() {
      return fresh.length + suspects.length;
    },
    fail({ from, to, failures, reported }) {
      const failed = failures + 1;
      if (failed < maxFailures) {
        suspects.push(shard(from, to, failed, reported));
      } else if (to - from > 1) {
        const middle = (from + to) >> 1;
        suspects.push(shard(from, middle, maxFailures - 1, reported), shard(middle, to, maxFailures - 1, reported));
      } else {
        return from;
      }
      return undefined;
    },
    waiting: () => [...fresh, ...suspects],
  };
}

function sliceOf({ from, to }: { from: number; to: number }): [from: number, to: number] {
  return [from, to];
}

/** The slices below `size` that are not among `slices`. */
function rest(size: number, slices: [from: number, to: number][]): [from: number, to: number][] {
  const merged = mergeSlices(slices);
  const ends = [...merged.map(([from]) => from), size];
  const begins = [0, ...merged.map(([, to]) => to)];
  return begins.map((begin, i): [number, number] => [begin, ends[i]!]).filter(([from, to]) => from < to);
}

/** Sorts the slices and merges adjacent ones. */
export function mergeSlices(slices: [from: number, to: number][]): [from: number, to: number][] {
  const merged: [from: number, to: number][] = [];
  for (const [from, to] of slices.toSorted((a, b) => a[0] - b[0])) {
    const last = merged.at(-1);
    if (last !== undefined && from <= last[1]) last[1] = Math.max(last[1], to);
    else merged.push([from, to]);
  }
  return merged;
}

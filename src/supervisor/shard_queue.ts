/**
 * Which slices of the address space are still to be done. A slice that fails is done again, alone on its worker, so that
 * the blame is clear; from the third failure on it is halved, until the one bad address is found and set aside.
 */

export interface QueuedShard {
  id: number;
  from: number;
  to: number;
  failures: number;
  /** "address port" of devices whose results have arrived; they are not asked again. */
  reported: Set<string>;
}

/** Failures after which a shard is halved, or set aside when it holds one address. */
const maxFailures = 3;

export interface ShardQueue {
  /** The next shard; `alone` asks for one that failed before, which must share its worker with nobody. */
  next(alone: boolean): QueuedShard | undefined;
  /** Whether the next shard must be alone on its worker. */
  readonly onlySuspects: boolean;
  readonly length: number;
  /** Puts a failed shard back; returns the index of the address that was set aside, if it came to that. */
  fail(shard: QueuedShard): number | undefined;
}

/** Cuts `size` addresses into shards for `workers`: about eight for each, none over 4,096 addresses. */
export function createShardQueue(size: number, workers: number): ShardQueue {
  const step = Math.min(4096, Math.max(16, Math.ceil(size / (workers * 8))));
  const fresh: QueuedShard[] = [];
  const suspects: QueuedShard[] = [];
  let nextId = 1;
  for (let from = 0; from < size; from += step) fresh.push(shard(from, Math.min(size, from + step), 0, new Set()));
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
  };
}

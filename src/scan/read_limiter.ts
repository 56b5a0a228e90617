/**
 * How many devices are read at once. It begins with a few and grows while answers come quickly; where they become slow,
 * because all devices sit behind one thin line or one busy peer, it shrinks. A device that keeps us waiting gives its
 * place to another meanwhile, so a slow device never delays the others.
 */

export interface ReadLimiter {
  /** Resolves when another device may be read. */
  acquire(): Promise<ReadSlot>;
  /** Devices that wait for their turn. */
  readonly waiting: number;
  /** Lets everybody go who waits, as when the scan is stopped. */
  drain(): void;
}

export interface ReadSlot {
  /** The device has not answered in time: its place is free until it moves. */
  stall(): void;
  answered(): void;
  release(): void;
}

export interface ReadLimiterOptions {
  /** As many devices as one socket holds the answers of. */
  max: number;
  /**
   * On long round trips so many sockets are filled, as a thread waits there for most of its time; default: 1. What it could
   * ask in the time of one round trip is what is worth being under way.
   */
  sockets?: number;
  /** Smoothed round trip of all devices in milliseconds. */
  roundTripMs: () => number;
  /** A round trip that is normal on a slow link. */
  slowMs: number;
  /** Told of each answer whether the device had been waited for without an answer before. */
  onAnswer?: (late: boolean) => void;
}

const initialLimit = 8;
const minLimit = 4;
/** Of one thread, with what it does with the answers. */
const requestsPerMs = 4;

export function createReadLimiter(options: ReadLimiterOptions): ReadLimiter {
  const { max, sockets = 1, roundTripMs, slowMs } = options;
  let limit = Math.min(max, initialLimit);
  let busy = 0;
  const queue: (() => void)[] = [];

  function admit(): void {
    while (queue.length > 0 && busy < limit) {
      busy++;
      queue.shift()!();
    }
  }

  function adapt(): void {
    const ms = roundTripMs();
    const most = Math.min(max * sockets, Math.max(max, ms * requestsPerMs));
    if (ms < slowMs / 2) limit = Math.min(most, limit + 1);
    else if (ms > slowMs) limit = Math.max(Math.min(minLimit, max), limit - 1);
  }

  function createSlot(): ReadSlot {
    let stalled = false;
    let released = false;
    return {
      stall() {
        if (stalled || released) return;
        stalled = true;
        busy--;
        admit();
      },
      answered() {
        options.onAnswer?.(stalled);
        if (!stalled || released) return;
        stalled = false;
        busy++;
      },
      release() {
        if (released) return;
        released = true;
        if (!stalled) busy--;
        adapt();
        admit();
      },
    };
  }

  return {
    async acquire() {
      if (busy < limit && queue.length === 0) busy++;
      else await new Promise<void>((resolve) => queue.push(resolve));
      return createSlot();
    },
    get waiting() {
      return queue.length;
    },
    drain() {
      limit = Number.MAX_SAFE_INTEGER;
      admit();
    },
  };
}

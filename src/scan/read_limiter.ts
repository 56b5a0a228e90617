/**
 * Limits how many devices are read at once. The limit starts low and grows while answers are quick; it shrinks if they
 * become slow, as when all devices are behind one slow line or one busy peer. A device that is slow to answer gives its
 * slot to another one meanwhile, so it never delays the others.
 */

export interface ReadLimiter {
  /** Resolves when another device may be read. */
  acquire(): Promise<ReadSlot>;
  /** Devices that wait for their turn. */
  readonly waiting: number;
  /** Releases all waiting calls, as when the scan is stopped. */
  drain(): void;
}

export interface ReadSlot {
  /** The device has not answered in time: its slot is free until it answers again. */
  stall(): void;
  answered(): void;
  release(): void;
}

export interface ReadLimiterOptions {
  /** Number of devices whose answers fit into the receive buffer of one socket. */
  max: number;
  /**
   * Number of sockets to fill on long round trips, when a thread waits most of the time; default: 1. The number of
   * requests in flight is limited to what a thread can send within one round trip.
   */
  sockets?: number;
  /** Smoothed round trip of all devices in milliseconds. */
  roundTripMs: () => number;
  /** A round trip that is normal on a slow link. */
  slowMs: number;
  /** Called for each answer; `late` if the device's slot had been given away before. */
  onAnswer?: (late: boolean) => void;
}

const initialLimit = 8;
const minLimit = 4;
/** Requests that one thread can send per millisecond, including the processing of the answers. */
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

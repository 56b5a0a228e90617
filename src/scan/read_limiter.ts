/**
 * Limits how many devices are read at once. The limit starts low and grows while answers are quick; it shrinks if they
 * become slow, as when all devices are behind one slow line or one busy peer. A device that is slow to answer gives its
 * slot to another one meanwhile, so it never delays the others.
 *
 * Below the limit, more than a few devices are read only while the thread has time for them: a busy one is not faster
 * with more, but what it knows of each costs memory, and processor time in garbage collection.
 */
import type { Clock } from "../../common/core/clock.ts";

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
  clock: Pick<Clock, "sleep">;
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
  /**
   * Whether probes are being sent as fast as the thread can: most of the reading is then left for the time in which it
   * waits for answers, so that this wait begins early.
   */
  isProbing?: () => boolean;
  /** Called for each answer; `late` if the device's slot had been given away before. */
  onAnswer?: (late: boolean) => void;
}

const initialLimit = 8;
const minLimit = 4;
/** Devices that are read however busy the thread is: enough that it never waits for the answers of quick ones. */
const alwaysRead = 8;
/** While probes are sent, one device more is begun in this time, and the next one when the last is done. */
const probingMs = 10;
/** Devices that are begun above that number in each turn of the event loop: a busy thread has long turns. */
const perTurn = 2;
/** Requests that one thread can send per millisecond, including the processing of the answers. */
const requestsPerMs = 4;

export function createReadLimiter(options: ReadLimiterOptions): ReadLimiter {
  const { max, sockets = 1, roundTripMs, slowMs } = options;
  const admission = createAdmission(options, Math.min(max, initialLimit));

  function grow(): void {
    const ms = roundTripMs();
    const most = Math.min(max * sockets, Math.max(max, ms * requestsPerMs));
    if (ms < slowMs / 2) admission.limit = Math.min(most, admission.limit + 1);
  }

  function shrink(): void {
    if (roundTripMs() > slowMs) admission.limit = Math.max(Math.min(minLimit, max), admission.limit - 1);
  }

  function createSlot(): ReadSlot {
    let stalled = false;
    let released = false;
    return {
      stall() {
        if (stalled || released) return;
        stalled = true;
        admission.leave();
      },
      answered() {
        options.onAnswer?.(stalled);
        if (stalled && !released) {
          stalled = false;
          admission.comeBack();
        }
        grow();
        admission.admit();
      },
      release() {
        if (released) return;
        released = true;
        shrink();
        if (stalled) admission.admit();
        else admission.leave();
      },
    };
  }

  return {
    async acquire() {
      await admission.enter();
      return createSlot();
    },
    get waiting() {
      return admission.waiting;
    },
    drain: admission.drain,
  };
}

/** Lets devices in up to `limit`, above a few of them only while the thread has time. */
function createAdmission({ clock, isProbing = () => false }: ReadLimiterOptions, limit: number) {
  const queue: (() => void)[] = [];
  let busy = 0;
  let isTurnComing = false;
  let isDrained = false;

  function admitUpTo(most: number): void {
    while (queue.length > 0 && (isDrained || busy < Math.min(most, admission.limit))) {
      busy++;
      queue.shift()!();
    }
    if (queue.length > 0 && busy < admission.limit && !isTurnComing) void admitInTurn();
  }

  async function admitInTurn(): Promise<void> {
    isTurnComing = true;
    await clock.sleep(isProbing() ? probingMs : 1);
    isTurnComing = false;
    admitUpTo(isProbing() ? busy + 1 : Math.max(alwaysRead, busy + perTurn));
  }

  const admission = {
    limit,
    get waiting() {
      return queue.length;
    },
    admit: () => admitUpTo(isProbing() ? 1 : alwaysRead),
    /** Resolves when one more device may be read. */
    enter(): Promise<void> {
      const turn = new Promise<void>((resolve) => queue.push(resolve));
      admission.admit();
      return turn;
    },
    leave(): void {
      busy--;
      admission.admit();
    },
    /** Without waiting, even above the limit. */
    comeBack(): void {
      busy++;
    },
    drain(): void {
      isDrained = true;
      admission.admit();
    },
  };
  return admission;
}

/** How long a shard waits for answers after all its addresses have been asked. */
import type { Clock } from "../../common/core/clock.ts";

export interface LateAnswers {
  /** One more shard is sending probes, or one fewer. */
  asking(change: 1 | -1): void;
  /** A device answered after the sweep of its shard. */
  noteAnswer(): void;
  /** There are no further shards: from now on the shorter wait of the end of a scan applies. */
  last(): void;
  /** Waits for late answers to a shard whose first probes were sent at `askedMs`; other shards are asked meanwhile. */
  wait(askedMs: number, enough: AbortSignal): Promise<void>;
  /** Number of shards that only wait for late answers. */
  readonly waiting: number;
}

/** Wait for late answers after a shard's first probes, while the scan goes on. */
const lateMs = 10_000;
/**
 * The wait when nothing else is left to do, in timeouts: sleeping printers take up to four seconds. A large scan waits
 * this long only if a device was late, as most late answers have arrived by then.
 */
const lateTimeouts = 5;
const smallScan = 512;

/** `size`: number of addresses of the scan. */
export function createLateAnswers({ clock, size, timeoutMs }: LateAnswersOptions): LateAnswers {
  let asking = 0, waiting = 0;
  let isLast = false, hadAnswer = false;
  let changed = Promise.withResolvers<void>();

  function patienceMs(): number {
    if (!isLast || asking > 0) return lateMs;
    return hadAnswer || size <= smallScan ? Math.min(lateMs, lateTimeouts * timeoutMs) : 0;
  }

  /** Makes all waiting shards check their time again. */
  function waitAnew(): void {
    changed.resolve();
    changed = Promise.withResolvers();
  }

  return {
    get waiting() {
      return waiting;
    },
    asking(change) {
      asking += change;
    },
    noteAnswer() {
      hadAnswer = true;
    },
    last() {
      isLast = true;
      waitAnew();
    },
    async wait(askedMs, enough) {
      waiting++;
      waitAnew();
      while (!enough.aborted) {
        const waitMs = askedMs + patienceMs() - clock.monotonicMs();
        if (waitMs <= 0) break;
        const otherwise = new AbortController();
        const rest = clock.sleep(waitMs, AbortSignal.any([enough, otherwise.signal])).catch(() => {}); // Enough.
        await Promise.race([rest, changed.promise]);
        otherwise.abort();
      }
      waiting--;
    },
  };
}

interface LateAnswersOptions {
  clock: Clock;
  size: number;
  timeoutMs: number;
}

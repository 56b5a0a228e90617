/** How long the answers of a shard are waited for when all its addresses have been asked. */
import type { Clock } from "../../common/core/clock.ts";

export interface LateAnswers {
  /** The addresses of one more shard are asked, or of one fewer. */
  asking(change: 1 | -1): void;
  /** Somebody answered after the sweep of its shard. */
  noteAnswer(): void;
  /** There are no further shards: late answers are waited for no longer than at the end of a scan. */
  last(): void;
  /** Waits for late answers to a shard whose first probes were sent at `askedMs`; other shards are asked meanwhile. */
  wait(askedMs: number, enough: AbortSignal): Promise<void>;
  /** Shards that wait for late answers alone. */
  readonly waiting: number;
}

/** How long after its first probe the answer of an address counts while the scan goes on. */
const lateMs = 10_000;
/**
 * The same when nothing else is left to do, in timeouts: printers that sleep take up to four seconds. A large scan waits
 * so long only when somebody was late, as it has had most of its late answers by then.
 */
const lateTimeouts = 5;
const smallScan = 512;

/** `size` is how many addresses the scan has. */
export function createLateAnswers({ clock, size, timeoutMs }: LateAnswersOptions): LateAnswers {
  let asking = 0, waiting = 0;
  let isLast = false, hadAnswer = false;
  let changed = Promise.withResolvers<void>();

  function patienceMs(): number {
    if (!isLast || asking > 0) return lateMs;
    return hadAnswer || size <= smallScan ? Math.min(lateMs, lateTimeouts * timeoutMs) : 0;
  }

  /** Whoever waits checks again how long. */
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

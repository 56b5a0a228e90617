import type { Clock } from "../../common/core/clock.ts";

/** Paces packets: at most `ratePerSecond` on average, and never more than `burst` at once. */
export interface Pacer {
  /** Resolves when one more packet may be sent. Undefined if it may be sent at once, which saves a microtask. */
  take(): Promise<void> | undefined;
}

/**
 * A token bucket; a rate of 0 does not pace. Waiters are served in the order in which they came. By default the burst
 * is 20 ms worth of packets.
 */
export function createPacer(ratePerSecond: number, clock: Clock, burst = ratePerSecond / 50): Pacer {
  if (ratePerSecond === 0) return { take: () => undefined };
  const capacity = Math.max(1, burst);
  let tokens = capacity;
  let refilledAt = clock.monotonicMs();
  let tail: Promise<void> | undefined;

  function tryTake(): boolean {
    const now = clock.monotonicMs();
    tokens = Math.min(capacity, tokens + (now - refilledAt) * ratePerSecond / 1000);
    refilledAt = now;
    if (tokens < 1) return false;
    tokens--;
    return true;
  }

  async function waitBehind(previous: Promise<void> | undefined): Promise<void> {
    await previous;
    while (!tryTake()) await clock.sleep(Math.max(1, (1 - tokens) * 1000 / ratePerSecond));
  }

  return {
    take() {
      if (tail === undefined && tryTake()) return undefined;
      const mine = waitBehind(tail);
      tail = mine;
      void mine.then(() => {
        if (tail === mine) tail = undefined;
      });
      return mine;
    },
  };
}

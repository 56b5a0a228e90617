/**
 * Paces datagrams to addresses on a link of this machine. The system keeps a neighbour entry for each while it resolves
 * the address, three seconds if nobody answers, and has 1,024 entries by default. Datagrams beyond that are lost, for
 * IPv4 without an error.
 */
import type { Clock } from "../../common/core/clock.ts";

export interface NeighbourPacer {
  /** Resolves when the system has room to resolve the address; undefined if it may be sent to at once. */
  take(address: string): Promise<void> | undefined;
}

/** How long an entry is held after the first datagram: ARP and neighbour discovery ask three times, a second apart. */
export const entryLifetimeMs = 3_100;

/** At most `max` addresses are resolved at the same time. Waiting calls reject when the signal aborts. */
export function createNeighbourPacer(max: number, clock: Clock, signal: AbortSignal): NeighbourPacer {
  /** In the order of their times. */
  const until = new Map<string, number>();
  let tail: Promise<void> | undefined;

  function tryTake(address: string): boolean {
    const now = clock.monotonicMs();
    for (const [other, over] of until) {
      if (over > now) break;
      until.delete(other);
    }
    if (until.has(address)) return true;
    if (until.size >= max) return false;
    until.set(address, now + entryLifetimeMs);
    return true;
  }

  async function waitBehind(previous: Promise<void> | undefined, address: string): Promise<void> {
    await previous;
    while (!tryTake(address)) {
      const [oldest = 0] = until.values();
      await clock.sleep(Math.max(1, oldest - clock.monotonicMs()), signal);
    }
  }

  return {
    take(address) {
      if ((tail === undefined || until.has(address)) && tryTake(address)) return undefined;
      const mine = waitBehind(tail, address);
      tail = mine;
      const over = () => {
        if (tail === mine) tail = undefined;
      };
      void mine.then(over, over);
      return mine;
    },
  };
}

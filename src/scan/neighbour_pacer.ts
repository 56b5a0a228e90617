/**
 * Paces what is sent to addresses on a link of this machine itself. The system keeps an entry for each of them while it
 * asks who has it, three seconds where nobody does, and has room for 1,024 by default. What is sent beyond that
 * is lost, of which IPv4 says nothing.
 */
import type { Clock } from "../../common/core/clock.ts";

export interface NeighbourPacer {
  /** Resolves when the system has room to look for the address; undefined when it may be sent to at once. */
  take(address: string): Promise<void> | undefined;
}

/** How long an entry is held after the first datagram: ARP and neighbour discovery ask three times, a second apart. */
export const entryLifetimeMs = 3_100;

/** At most `max` addresses are looked for at once. Those that wait reject when the signal aborts. */
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

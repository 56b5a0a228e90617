import type { Clock } from "./clock.ts";

/** A wait that can be cut short: a loop waits, and whoever has work for it wakes it. One loop waits on a wake. */
export interface Wake {
  /** Ends the wait. While nobody waits it is remembered, however often it is called, and the next wait ends at once. */
  wake(): void;
  /** Forgets a wake that came before: what it was about is part of what is done now. */
  clear(): void;
  /** Returns after `ms`, when woken, or when `signal` is aborted. It throws for none of these. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

export function createWake(clock: Pick<Clock, "sleep">): Wake {
  let isWoken = false;
  let end = () => {};
  return {
    wake() {
      isWoken = true;
      end();
    },
    clear() {
      isWoken = false;
    },
    async wait(ms, signal) {
      const over = new AbortController();
      const ended = AbortSignal.any([over.signal, signal]);
      end = () => over.abort();
      if (isWoken) end();
      try {
        await clock.sleep(ms, ended);
      } catch (error) {
        if (!ended.aborted) throw error;
      } finally {
        end = () => {};
        isWoken = false;
      }
    },
  };
}

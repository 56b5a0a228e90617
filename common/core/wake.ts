import type { Clock } from "./clock.ts";

/** A wait that can be ended early: one loop waits, and other code wakes it when there is work. */
export interface Wake {
  /** Ends the wait. If the loop is not waiting, its next wait ends at once; several calls count as one. */
  wake(): void;
  /** Forgets an earlier wake: its work is part of what the loop does now. */
  clear(): void;
  /** Returns after `ms`, when woken, or when `signal` is aborted. Never throws. */
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

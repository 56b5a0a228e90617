import type { Clock } from "../../common/core/clock.ts";
import { Sleepers } from "./sleepers.ts";

/** A clock that stands still until it is told to advance; sleepers wake in the order of their time. */
export class FakeClock implements Clock {
  #ms = 0;
  readonly #start: number;
  #sleepers = new Sleepers();

  constructor(start = "2026-01-01T00:00:00Z") {
    this.#start = Date.parse(start);
  }

  monotonicMs(): number {
    return this.#ms;
  }

  now(): Date {
    return new Date(this.#start + this.#ms);
  }

  /** Sleepers that wait. */
  get waiting(): number {
    return this.#sleepers.count;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return this.#sleepers.sleep(this.#ms + ms, signal);
  }

  /** Moves time on and lets everything run that becomes due, also what is put to sleep meanwhile. */
  async advance(ms: number): Promise<void> {
    const end = this.#ms + ms;
    for (;;) {
      await settle();
      const at = this.#sleepers.wakeNext(end);
      if (at === undefined) break;
      this.#ms = Math.max(this.#ms, at);
    }
    this.#ms = end;
    await settle();
  }
}

/** Lets pending promises run. */
async function settle(): Promise<void> {
  for (let i = 0; i < 200; i++) await Promise.resolve();
}

import type { Clock } from "../../src/core/clock.ts";

/** A clock that stands still until it is told to advance; sleepers wake in the order of their time. */
export class FakeClock implements Clock {
  #ms = 0;
  readonly #start: number;
  #sleepers: { at: number; wake: () => void }[] = [];

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
    return this.#sleepers.length;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const sleeper = { at: this.#ms + ms, wake: resolve };
      this.#sleepers.push(sleeper);
      signal?.addEventListener("abort", () => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        reject(signal.reason);
      }, { once: true });
    });
  }

  /** Moves time on and lets everything run that becomes due, also what is put to sleep meanwhile. */
  async advance(ms: number): Promise<void> {
    const end = this.#ms + ms;
    for (;;) {
      await settle();
      const due = this.#sleepers.filter((sleeper) => sleeper.at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#sleepers = this.#sleepers.filter((sleeper) => sleeper !== due);
      this.#ms = Math.max(this.#ms, due.at);
      due.wake();
    }
    this.#ms = end;
    await settle();
  }
}

/** Lets pending promises run. */
async function settle(): Promise<void> {
  for (let i = 0; i < 200; i++) await Promise.resolve();
}

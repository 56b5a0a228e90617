import { setImmediate } from "node:timers";
import type { Clock } from "../../common/core/clock.ts";
import { Sleepers } from "./sleepers.ts";

/** Turns of the event loop without work under way after which nothing more is expected to begin. */
const calmTurns = 6;

/**
 * A clock for an agent with real threads, files and connections: it goes on in steps, and only while none of these is at
 * work, so that days pass in seconds and no timeout ends what merely takes real time. Its wall time can be set.
 */
export class SteppedClock implements Clock {
  #ms = 0;
  #wallMs: number;
  #sleepers = new Sleepers();
  #busy = 0;
  #calm = Promise.withResolvers<void>();

  constructor(start = new Date()) {
    this.#wallMs = start.getTime();
  }

  monotonicMs(): number {
    return this.#ms;
  }

  now(): Date {
    return new Date(this.#wallMs);
  }

  /** Sleepers that wait. */
  get waiting(): number {
    return this.#sleepers.count;
  }

  /** Sets the wall clock, as a person or NTP would; sleepers do not notice. */
  jump(ms: number): void {
    this.#wallMs += ms;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return this.#sleepers.sleep(this.#ms + ms, signal);
  }

  /** Time stands still until the returned function is called. */
  begin(): () => void {
    this.#busy++;
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      if (--this.#busy > 0) return;
      this.#calm.resolve();
      this.#calm = Promise.withResolvers();
    };
  }

  /** Time stands still until this has ended. */
  async during<T>(work: Promise<T>): Promise<T> {
    const end = this.begin();
    try {
      return await work;
    } finally {
      end();
    }
  }

  /** Waits for all work under way, and for what that begins. */
  async settle(): Promise<void> {
    for (let calm = 0; calm < calmTurns; calm++) {
      if (this.#busy > 0) {
        await this.#calm.promise;
        calm = 0;
      }
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  /** Lets `ms` pass, `stepMs` at a time; whoever sleeps until within a step wakes at its end. */
  async advance(ms: number, stepMs = ms): Promise<void> {
    await this.settle();
    for (let left = ms; left > 0; left -= stepMs) {
      const step = Math.min(left, stepMs);
      this.#ms += step;
      this.#wallMs += step;
      while (this.#sleepers.wakeNext(this.#ms) !== undefined);
      await this.settle();
    }
  }
}

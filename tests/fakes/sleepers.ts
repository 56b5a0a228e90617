/** Those who sleep by a clock of a test. */
export class Sleepers {
  #all = new Set<{ at: number; wake: () => void }>();

  get count(): number {
    return this.#all.size;
  }

  /** Until `wakeNext` comes to `at`, or until the signal. */
  sleep(at: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const sleeper = { at, wake };
      const onAbort = () => {
        this.#all.delete(sleeper);
        reject(signal!.reason);
      };
      function wake() {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      }
      this.#all.add(sleeper);
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  /** Wakes the one whose time is the earliest, if it is not behind `end`; returns that time. */
  wakeNext(end: number): number | undefined {
    const [next] = [...this.#all].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
    if (next === undefined) return undefined;
    this.#all.delete(next);
    next.wake();
    return next.at;
  }
}

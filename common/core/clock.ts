/** Time as a parameter, so that tests own it. */
export interface Clock {
  /** Milliseconds that never go back; for measuring. */
  monotonicMs(): number;
  /** Wall-clock time; for stamping. */
  now(): Date;
  /** Resolves after `ms`; rejects with the signal's reason when aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The machine's clock. */
export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  now: () => new Date(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      }, ms);
      signal?.addEventListener("abort", onAbort, { once: true });
    }),
};

/** Calls `ring` after `ms` unless the returned function is called before: a sleep that is mostly broken off, for less. */
export function startTimer(clock: Clock, ms: number, ring: () => void): () => void {
  if (clock === systemClock) {
    const timer = setTimeout(ring, ms);
    return () => clearTimeout(timer);
  }
  const stopped = new AbortController();
  void clock.sleep(ms, stopped.signal).then(ring, (error) => {
    if (!stopped.signal.aborted) throw error;
  });
  return () => stopped.abort();
}

const units = [["day", 86_400_000], ["hour", 3_600_000], ["minute", 60_000], ["second", 1000]] as const;

/** "200 days", "90 minutes": in the largest unit of which there are two or more. */
export function spanOf(ms: number): string {
  const [unit, unitMs] = units.find(([, each]) => ms >= 2 * each) ?? units.at(-1)!;
  const count = Math.round(ms / unitMs);
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}

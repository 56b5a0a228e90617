/** Time as a parameter, so that tests own it. */
export interface Clock {
  /** Milliseconds that never go back; for durations. */
  monotonicMs(): number;
  /** Wall-clock time; for timestamps. */
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

/**
 * Calls `ring` after `ms` unless the returned function is called before: cheaper than `sleep` for timers that are
 * mostly cancelled. With the machine's clock it is up to 10 ms late.
 */
export function startTimer(clock: Clock, ms: number, ring: () => void): () => void {
  if (clock === systemClock) return startShared(ms, ring);
  const stopped = new AbortController();
  void clock.sleep(ms, stopped.signal).then(ring, (error) => {
    if (!stopped.signal.aborted) throw error;
  });
  return () => stopped.abort();
}

/** Resolution of shared timers. */
const stepMs = 10;
/** Shared timers by step: all of a step use one timer of the runtime, as starting and stopping one costs 15 µs. */
const shared = new Map<number, Set<SharedTimer>>();
let waiting = 0;
let nextStep = 0;
let tick: ReturnType<typeof setTimeout> | undefined;

interface SharedTimer {
  ring: () => void;
  isOver: boolean;
}

function startShared(ms: number, ring: () => void): () => void {
  const now = performance.now();
  const step = Math.ceil((now + Math.max(0, ms)) / stepMs);
  const timer: SharedTimer = { ring, isOver: false };
  const others = shared.get(step);
  if (others === undefined) shared.set(step, new Set([timer]));
  else others.add(timer);
  if (waiting++ === 0) {
    nextStep = Math.floor(now / stepMs);
    tick = setTimeout(ringDue, stepMs);
  }
  return () => {
    if (timer.isOver) return;
    timer.isOver = true;
    const own = shared.get(step);
    own?.delete(timer);
    if (own?.size === 0) shared.delete(step);
    if (--waiting === 0) endTicks();
  };
}

function ringDue(): void {
  tick = setTimeout(ringDue, stepMs);
  const now = performance.now() / stepMs;
  for (; nextStep <= now; nextStep++) {
    const due = shared.get(nextStep);
    if (due === undefined) continue;
    for (const timer of due) {
      timer.isOver = true;
      due.delete(timer);
      if (--waiting === 0) endTicks();
      timer.ring();
    }
    shared.delete(nextStep);
  }
}

function endTicks(): void {
  clearTimeout(tick);
  shared.clear();
}

const units = [["day", 86_400_000], ["hour", 3_600_000], ["minute", 60_000], ["second", 1000]] as const;

export function spanParts(ms: number): { unit: (typeof units)[number][0]; count: number } {
  const [unit, unitMs] = units.find(([, each]) => ms >= 2 * each) ?? units.at(-1)!;
  return { unit, count: Math.round(ms / unitMs) };
}

/** "200 days", "90 minutes": in the largest unit with a value of at least two. */
export function spanOf(ms: number): string {
  const { unit, count } = spanParts(ms);
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}

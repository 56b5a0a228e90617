export interface Deadline {
  /** Restarts the time. */
  restart(): void;
  stop(): void;
}

/** Calls `onLate` once if it was not restarted or stopped for `ms`. */
export function startDeadline(ms: number, onLate: () => void): Deadline {
  let timer: ReturnType<typeof setTimeout> | undefined, lastMs = performance.now();
  // One timer for many restarts: a body has thousands of parts.
  const wait = (leftMs: number) => {
    timer = setTimeout(() => {
      const left = lastMs + ms - performance.now();
      if (left > 1) wait(left);
      else onLate();
    }, leftMs);
  };
  wait(ms);
  return {
    restart() {
      lastMs = performance.now();
    },
    stop() {
      clearTimeout(timer);
    },
  };
}

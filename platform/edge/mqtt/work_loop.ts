/** Runs work one step at a time, and retries failed steps with growing delays. */

export interface WorkLoop {
  /** There is work, which may wait for `waitMs`. */
  soon(waitMs?: number): void;
  /** Does the remaining work once more, and stops. */
  stop(): Promise<void>;
}

/** Pause between runs; work that arrives meanwhile is done together. */
const pauseMs = 200;
const mostPauseMs = 30_000;

/** A failed step keeps its work, and does not block the others. */
export function createWorkLoop({ steps, hasWork, failed }: {
  steps: readonly (() => Promise<void>)[];
  hasWork(): boolean;
  failed(error: unknown): void;
}): WorkLoop {
  let running: Promise<void> | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isStopped = false;
  let failures = 0;

  async function runAll(): Promise<void> {
    let hasFailed = false;
    for (const step of steps) {
      try {
        await step();
      } catch (error) {
        hasFailed = true;
        failed(error);
      }
    }
    failures = hasFailed ? failures + 1 : 0;
  }

  /* Runs at once if idle, so that a task is not delayed. */
  function soon(waitMs = 0): void {
    if (timer !== undefined || running !== undefined || isStopped) return;
    timer = setTimeout(() => {
      timer = undefined;
      running = runAll().finally(() => {
        running = undefined;
        if (hasWork()) soon(Math.min(mostPauseMs, pauseMs * 2 ** Math.min(failures, 20)));
      });
    }, waitMs);
  }

  return {
    soon,
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      await running;
      await runAll();
    },
  };
}

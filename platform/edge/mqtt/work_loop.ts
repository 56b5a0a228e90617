/** Work of one kind at a time; what failed is tried again, later each time. */

export interface WorkLoop {
  /** There is work, which may wait for as long. */
  soon(waitMs?: number): void;
  /** Does what is left once more. */
  stop(): Promise<void>;
}

/** What comes while it runs is done together afterwards. */
const pauseMs = 200;
const mostPauseMs = 30_000;

/** A step that fails keeps its work, and does not hold up the others. */
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

  /* At once while nothing runs, so that a task is not late. */
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

import type { Clock } from "../../common/core/clock.ts";
import type { Wake } from "../../common/core/wake.ts";

export interface StatusWriterOptions {
  clock: Clock;
  /** Something in the status is different: it is written soon, changes close together as one. */
  wake: Wake;
  /** Writes the status as it is now. */
  write(phase: "running" | "stopped"): Promise<void>;
  heartbeatMs: number;
}

const settleMs = 500;

/** Writes at once, on changes and as a heartbeat; the last one is written by disposal. */
export function startStatusWriter({ clock, wake, write, heartbeatMs }: StatusWriterOptions): AsyncDisposable {
  const stop = new AbortController();

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      wake.clear();
      await write("running");
      await wake.wait(heartbeatMs, stop.signal);
      await clock.sleep(settleMs, stop.signal).catch(() => {}); // The end.
    }
  }

  const running = run();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort(new Error("The agent is stopping"));
      await running;
      await write("stopped");
    },
  };
}

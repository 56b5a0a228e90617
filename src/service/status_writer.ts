import type { Clock } from "../../common/core/clock.ts";

export interface StatusWriterOptions {
  clock: Clock;
  /** Writes the status as it is now. */
  write(phase: "running" | "stopped"): Promise<void>;
  heartbeatMs: number;
}

export interface StatusWriter extends AsyncDisposable {
  /** Something in it is different: written soon, changes close together as one. */
  changed(): void;
}

const settleMs = 500;

/** Writes at once, on changes and as a heartbeat; the last one is written by disposal. */
export function startStatusWriter({ clock, write, heartbeatMs }: StatusWriterOptions): StatusWriter {
  const stop = new AbortController();
  let woken = Promise.withResolvers<void>();

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      woken = Promise.withResolvers<void>();
      await write("running");
      const over = new AbortController();
      const signal = AbortSignal.any([over.signal, stop.signal]);
      const rest = clock.sleep(heartbeatMs, signal).catch(() => {}); // Woken, or the end.
      await Promise.race([rest, woken.promise]);
      over.abort();
      await clock.sleep(settleMs, stop.signal).catch(() => {}); // The end.
    }
  }

  const running = run();
  return {
    changed: () => woken.resolve(),
    async [Symbol.asyncDispose]() {
      stop.abort(new Error("The agent is stopping"));
      await running;
      await write("stopped");
    },
  };
}

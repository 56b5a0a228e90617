/** Reasons to stop a running scan that are not failures of devices or network: it may resume later. */
import type { SendWindow } from "../config/allowed_hours.ts";
import type { Clock } from "../../common/core/clock.ts";

/** A scan was stopped or not started because nothing may be sent now. */
export class HoursEndedError extends Error {
  override readonly name = "HoursEndedError";
  constructor() {
    super("The allowed hours have ended");
  }
}

/** A scan was stopped because the configuration of what may be scanned has changed. */
export class ConfigChangedError extends Error {
  override readonly name = "ConfigChangedError";
  constructor() {
    super("The configuration has changed");
  }
}

export function isInterruption(error: unknown): boolean {
  return error instanceof HoursEndedError || error instanceof ConfigChangedError;
}

/** The wall clock is polled, as it may be set at any time. */
const lookEveryMs = 1_000;

export interface HoursWatch extends Disposable {
  /** Aborts with `HoursEndedError`. */
  readonly signal: AbortSignal;
}

/** Watches for the end of a window by the wall clock; dispose of it when the scan has ended. */
export function watchHours(window: SendWindow, clock: Pick<Clock, "now" | "sleep">): HoursWatch {
  const { fromMs, untilMs } = window;
  const ended = new AbortController(), over = new AbortController();
  const look = async (): Promise<void> => {
    for (let now; now = clock.now().getTime(), fromMs <= now && now < untilMs;) {
      await clock.sleep(Math.min(lookEveryMs, untilMs - now), over.signal);
    }
    ended.abort(new HoursEndedError());
  };
  // Rejects when disposed of. Without allowed hours there is nothing to watch.
  if (fromMs > -Infinity || untilMs < Infinity) look().catch(() => {});
  return { signal: ended.signal, [Symbol.dispose]: () => over.abort(new Error("No longer watched")) };
}

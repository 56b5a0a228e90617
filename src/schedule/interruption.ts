/** What stops a scan that is under way, and says nothing about devices or network: it may go on later. */
import type { SendWindow } from "../config/allowed_hours.ts";
import type { Clock } from "../../common/core/clock.ts";

/** Why a scan was stopped, or not begun: nothing may be sent now. */
export class HoursEndedError extends Error {
  override readonly name = "HoursEndedError";
  constructor() {
    super("The allowed hours have ended");
  }
}

/** Why a scan was stopped: what may be scanned is to be judged again. */
export class ConfigChangedError extends Error {
  override readonly name = "ConfigChangedError";
  constructor() {
    super("The configuration has changed");
  }
}

export function isInterruption(error: unknown): boolean {
  return error instanceof HoursEndedError || error instanceof ConfigChangedError;
}

/** The wall clock may be set at any time. */
const lookEveryMs = 1_000;

export interface HoursWatch extends Disposable {
  /** Aborts with `HoursEndedError`. */
  readonly signal: AbortSignal;
}

/** Tells when the wall clock leaves a window; dispose of it when what is watched is over. */
export function watchHours(window: SendWindow, clock: Pick<Clock, "now" | "sleep">): HoursWatch {
  const { fromMs, untilMs } = window;
  const ended = new AbortController(), over = new AbortController();
  const look = async (): Promise<void> => {
    for (let now; now = clock.now().getTime(), fromMs <= now && now < untilMs;) {
      await clock.sleep(Math.min(lookEveryMs, untilMs - now), over.signal);
    }
    ended.abort(new HoursEndedError());
  };
  // Disposed of. Where there are no hours there is nothing to look at.
  if (fromMs > -Infinity || untilMs < Infinity) look().catch(() => {});
  return { signal: ended.signal, [Symbol.dispose]: () => over.abort(new Error("No longer watched")) };
}

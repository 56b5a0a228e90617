import { isAllowedAt } from "../config/allowed_hours.ts";
import type { AllowedHours } from "../config/allowed_hours.ts";
import type { Clock } from "../core/clock.ts";

/** Allowed hours begin and end by the minute. */
const lookEveryMs = 60_000;

export interface HoursWatch extends Disposable {
  /** Aborts when the hours have ended. */
  readonly signal: AbortSignal;
}

/** Stops what sends to a site's printers when its hours end; dispose of it when that is over. */
export function watchHours(hours: readonly AllowedHours[], clock: Pick<Clock, "now" | "sleep">): HoursWatch {
  const ended = new AbortController(), over = new AbortController();
  const look = async (): Promise<void> => {
    while (isAllowedAt(hours, clock.now())) await clock.sleep(lookEveryMs, over.signal);
    ended.abort(new Error("The allowed hours have ended"));
  };
  look().catch(() => {}); // Disposed of.
  return { signal: ended.signal, [Symbol.dispose]: () => over.abort(new Error("No longer watched")) };
}

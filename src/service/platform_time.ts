/**
 * The platform's time, as the agent goes by it: what polls measure of the machine's clock, kept across restarts. After a
 * step of the wall clock the platform is asked for its time.
 */
import type { Clock } from "../../common/core/clock.ts";
import { RejectedError } from "../../common/core/errors.ts";
import type { Wake } from "../../common/core/wake.ts";
import { tryStore } from "../../common/host/sqlite.ts";
import type { PollEvent } from "../link/poller.ts";
import { TransportError } from "../link/transport_error.ts";
import type { Logger } from "../log/logger.ts";
import { type ClockBook, openClockBook } from "../store/clock_book.ts";
import type { Inventory } from "../store/inventory.ts";

export interface PlatformTimeOptions {
  clock: Clock;
  /** See AgentMachine. */
  uptimeMs(): number;
  inventory: Pick<Inventory, "mark" | "setMark">;
  /** Earliest possible time of an observation, on the platform's clock. */
  since: Date;
  /** Wakes the poller. */
  polls: Pick<Wake, "wake">;
  log: Pick<Logger, "warn">;
}

export interface PlatformTime extends ClockBook, Disposable {
  /** The machine's clock, corrected by the platform's time as far as that is known. */
  readonly clock: Clock;
  /** Resolves when it is known for the first time in this run. */
  readonly known: Promise<void>;
  /**
   * Whether what is dated may be sent: the platform's time is known, or the platform refuses the polls that would tell it, and
   * uploads must not wait for these.
   */
  isKnown(): boolean;
  /** Called after each poll. */
  polled(event: PollEvent): void;
}

const clockMark = "clock";
/** Shortest interval between two requests for the platform's time after clock steps. */
const measureAgainMs = 5 * 60_000;

export function openPlatformTime(options: PlatformTimeOptions): PlatformTime {
  const { clock, inventory, log, polls } = options;
  const stop = new AbortController();
  const known = Promise.withResolvers<void>();
  let measuredAtMs = -Infinity, isPollRefused = false;
  const book = openClockBook({
    now: () => clock.now(),
    uptimeMs: options.uptimeMs,
    kept: inventory.mark(clockMark),
    // If it cannot be stored, it is known until the next start only.
    save: (text) => void tryStore(() => inventory.setMark(clockMark, text)),
    since: options.since,
    // Damage may be found while the clock book is opened.
    onStep: () => queueMicrotask(stepped),
  });
  const platformClock: Clock = {
    monotonicMs: () => clock.monotonicMs(),
    now: () => book.now(),
    sleep: (ms, signal) => clock.sleep(ms, signal),
  };

  function stepped(): void {
    log.warn("clockStepped", { now: clock.now().toISOString(), platformTime: platformClock.now().toISOString() });
    // Not after every one of many steps; until then no new batch is formed.
    const waitMs = measuredAtMs + measureAgainMs - clock.monotonicMs();
    clock.sleep(Math.max(0, waitMs), stop.signal).then(() => {
      if (!book.isMeasured()) polls.wake();
    }, () => {}); // The agent is stopping.
  }

  const isKnown = () => book.isMeasured() || isPollRefused;
  return {
    ...book,
    clock: platformClock,
    known: known.promise,
    isKnown,
    polled(event) {
      if (event.event === "pollSucceeded") {
        measuredAtMs = clock.monotonicMs();
        isPollRefused = false;
      } else if (event.event === "pollFailed") isPollRefused = isRefusal(event.error);
      if (isKnown()) known.resolve();
    },
    [Symbol.dispose]: () => stop.abort(new Error("The agent is stopping")),
  };
}

/** Whether the platform itself refused the call. */
function isRefusal(error: Error): boolean {
  return error instanceof RejectedError ||
    (error instanceof TransportError && error.fault.name === "platform-failed");
}

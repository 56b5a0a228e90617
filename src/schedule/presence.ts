/** Whether a known device is reachable: a state with hysteresis, from answers and misses. Times are monotonic. */

export type PresenceState =
  | "awake"
  | "asleep"
  /** Silent at its address for long enough, and not found elsewhere. */
  | "unreachable"
  /** Unreachable for so long that it is no longer asked; becomes known again when a sweep finds it. */
  | "gone";

export interface Presence {
  state: PresenceState;
  /** Misses since the last answer, at most one an interval. */
  misses: number;
  /** Milliseconds from the first to the last of these misses; at most one interval counts per miss. */
  missedMs: number;
  lastMissMs: number | null;
  lastAnswerMs: number;
  /** It was searched for at other addresses since the last answer, and not found. */
  searched: boolean;
}

/** Misses in a row before a device is called unreachable; they must span `minMissedIntervals` as well. */
const missesToUnreachable = 3;
const minMissedIntervals = 2;
/** Misses before it is searched for at other addresses: a single one may be a lost packet. */
const missesToSearch = 2;

export function answeredPresence(nowMs: number, { asleep }: { asleep: boolean }): Presence {
  return {
    state: asleep ? "asleep" : "awake",
    misses: 0,
    missedMs: 0,
    lastMissMs: null,
    lastAnswerMs: nowMs,
    searched: false,
  };
}

/** The state after a read without an answer. `intervalMs` is the time between two reads of this device. */
export function missedPresence(presence: Presence, now: { nowMs: number; intervalMs: number }): Presence {
  const { nowMs, intervalMs } = now;
  const sinceMs = presence.lastMissMs === null ? 0 : nowMs - presence.lastMissMs;
  // A second read within the interval, such as one on request, does not count as another miss.
  if (presence.lastMissMs !== null && sinceMs < intervalMs / 2) return presence;
  // At most one interval counts, as there may be hours without allowed traffic between two misses.
  const missedMs = presence.missedMs + Math.min(sinceMs, intervalMs);
  const missed = { ...presence, misses: presence.misses + 1, missedMs, lastMissMs: nowMs };
  return judged(missed, intervalMs);
}

/** The state after a search or a sweep of its site that did not find it. */
export function searchedPresence(presence: Presence, { intervalMs }: { intervalMs: number }): Presence {
  return presence.misses === 0 ? presence : judged({ ...presence, searched: true }, intervalMs);
}

/** Whether it is time to look for the device at other addresses. */
export function wantsSearch(presence: Presence): boolean {
  return presence.state !== "gone" && presence.misses >= missesToSearch && !presence.searched;
}

/** Gives up a device that has been unreachable for longer than `goneAfterMs`. */
export function agedPresence(
  presence: Presence,
  { nowMs, goneAfterMs }: { nowMs: number; goneAfterMs: number },
): Presence {
  if (presence.state !== "unreachable" || nowMs - presence.lastAnswerMs < goneAfterMs) return presence;
  return { ...presence, state: "gone" };
}

function judged(presence: Presence, intervalMs: number): Presence {
  const { state, misses, missedMs, searched } = presence;
  if (state === "gone" || misses < missesToUnreachable || missedMs < minMissedIntervals * intervalMs || !searched) {
    return presence;
  }
  return { ...presence, state: "unreachable" };
}

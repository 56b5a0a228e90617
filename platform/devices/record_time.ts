/**
 * When a record counts as observed. The platform's clock is the one that counts, for all agents: what an agent says by its own
 * clock is kept beside it (`agent_at`), and taken back to nothing that cannot be.
 */
import type { Record } from "../../proto/gen/opendca/v1/batch.ts";

/**
 * Where the time is from: `agent`, its clock was right; `corrected`, by the agent, from what it measured of the platform's
 * clock; `guessed`, by the agent, for a time in which it never reached the platform; `arrival`, as the reported time
 * cannot be.
 */
export type TimeBasis = "agent" | "corrected" | "guessed" | "arrival";

export interface RecordTime {
  at: Date;
  basis: TimeBasis;
}

/** Clocks that are right differ by so much, and a call takes its time. */
const aheadMs = 3000;
/** What an installation can bring with it when it is activated: a spool keeps 90 days. */
const beforeMs = 91 * 86_400_000;

/** `since`: when the agent's installation was first activated. */
export function recordTime(
  record: Pick<Record, "observedAt" | "correctedAt" | "correctedByGuess">,
  { arrivedAt, since }: { arrivedAt: Date; since: Date },
): RecordTime {
  const told = record.correctedAt ?? record.observedAt;
  const toldMs = told?.getTime() ?? Number.NaN;
  const latestMs = arrivedAt.getTime() + aheadMs;
  // A comparison with a time that is none is false.
  if (!(toldMs >= since.getTime() - beforeMs && toldMs <= latestMs)) return { at: arrivedAt, basis: "arrival" };
  const basis = record.correctedAt === undefined ? "agent" : record.correctedByGuess ? "guessed" : "corrected";
  return { at: new Date(Math.min(toldMs, arrivedAt.getTime())), basis };
}

/**
 * The time of observation of a record. All times are by the platform's clock; the agent's own time is stored as well
 * (`agent_at`). An impossible time is replaced.
 */
import type { Record } from "../../proto/gen/opendca/v1/batch.ts";

/**
 * Source of the time. `agent`: its clock was right; `corrected`: by the agent, with the measured difference to the
 * platform's clock; `guessed`: by the agent, for a period without contact to the platform; `arrival`: the reported time
 * is impossible.
 */
export type TimeBasis = "agent" | "corrected" | "guessed" | "arrival";

export interface RecordTime {
  at: Date;
  basis: TimeBasis;
}

/** Tolerance for correct clocks and the duration of a call. */
const aheadMs = 3000;
/** Age of records that an installation may have at its activation: a spool keeps 90 days. */
const beforeMs = 91 * 86_400_000;

/** `since`: when the agent's installation was first activated. */
export function recordTime(
  record: Pick<Record, "observedAt" | "correctedAt" | "correctedByGuess">,
  { arrivedAt, since }: { arrivedAt: Date; since: Date },
): RecordTime {
  const told = record.correctedAt ?? record.observedAt;
  const toldMs = told?.getTime() ?? Number.NaN;
  const latestMs = arrivedAt.getTime() + aheadMs;
  // Comparisons with an invalid time are false.
  if (!(toldMs >= since.getTime() - beforeMs && toldMs <= latestMs)) return { at: arrivedAt, basis: "arrival" };
  const basis = record.correctedAt === undefined ? "agent" : record.correctedByGuess ? "guessed" : "corrected";
  return { at: new Date(Math.min(toldMs, arrivedAt.getTime())), basis };
}

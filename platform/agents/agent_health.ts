/** Whether an agent reports as often as it should. Pure. */
import { spanOf } from "../../common/core/clock.ts";
import { parseDuration } from "../../common/core/duration.ts";
import { ValueSyntaxError } from "../../common/core/value_syntax_error.ts";
import type { AgentRow } from "./agents.ts";
import { type BrokerSeen, isOnline } from "./presence.ts";

/** Missed polls after which an agent is reported: one may be a restart, two a router. */
const missedPolls = 3;
/** Default poll interval of an agent. */
const usualPollMs = 300_000;
/** Shortest poll interval that agents accept. */
const leastPollMs = 30_000;
/** Tolerance for transport, and for clocks of two machines. */
const slackMs = 60_000;

type Polled = Pick<AgentRow, "state" | "created_at" | "last_seen_at" | "poll_seconds" | "effective_config">;

export interface Silence {
  /** `notYet`: it was activated just now; `never`: a while ago. */
  kind: "notYet" | "never" | "silent";
  /** Since it reported or was activated. */
  ms: number;
  /** That it missed. */
  polls: number;
}

/** Of an agent that should report and does not; undefined if it does. */
export function maybeSilence(row: Polled, now: number): Silence | undefined {
  if (row.state !== "active") return undefined;
  const everyMs = pollEveryMs(row), isNew = row.last_seen_at === null;
  const ms = now - (row.last_seen_at ?? row.created_at), polls = Math.floor(ms / everyMs);
  if (ms >= missedPolls * everyMs + slackMs) return { kind: isNew ? "never" : "silent", ms, polls };
  return isNew ? { kind: "notYet", ms, polls } : undefined;
}

/** The same in a sentence; null if it reports. */
export function maybeAgentNote(row: Polled, now: number): string | null {
  const silence = maybeSilence(row, now), next = "opendca status on its machine";
  if (silence === undefined) return null;
  const { kind, ms, polls } = silence;
  if (kind === "notYet") return "not reported yet";
  return kind === "never"
    ? `never reported since its activation ${spanOf(ms)} ago: ${next}`
    : `did not report for ${spanOf(ms)}, ${polls} polls: ${next}`;
}

/** Whether it should have reported and did not. */
export function isLate(row: Polled, now: number): boolean {
  const silence = maybeSilence(row, now);
  return silence !== undefined && silence.kind !== "notYet";
}

const seenSql = "coalesce(last_seen_at, created_at)";
/**
 * A condition on rows of `agents` that holds for each one that is late at `:now`, and for few others. Configurations are
 * long: they are looked at last.
 */
export const mayBeLateSql = `${seenSql} <= CAST(:now AS BIGINT) - ${missedPolls * leastPollMs + slackMs}
  AND ${seenSql} <= CAST(:now AS BIGINT) - ${slackMs} - ${missedPolls} * CASE WHEN poll_seconds > 0 THEN poll_seconds * 1000
    WHEN effective_config LIKE '%interval:%' THEN ${leastPollMs} ELSE ${usualPollMs} END`;

/** 1 for rows that are late if `mayBeLateSql` holds: what they are judged by is not in a configuration of their own. */
export const isSureSql = `CASE WHEN poll_seconds > 0 THEN 1 WHEN effective_config LIKE '%interval:%' THEN 0 ELSE 1 END`;

export function agentCounts(rows: readonly Polled[], now: number): string {
  const late = rows.filter((row) => isLate(row, now)).length;
  const revoked = rows.filter(({ state }) => state === "revoked").length;
  const parts = [...(late > 0 ? [`${late} silent`] : []), ...(revoked > 0 ? [`${revoked} revoked`] : [])];
  return `${rows.length} agent${rows.length === 1 ? "" : "s"}${parts.length === 0 ? "" : `: ${parts.join(", ")}`}`;
}

/** How a task gets to an agent that no broker brings it to at once, and when; undefined if one does. */
export function maybePollNote(row: AgentRow & BrokerSeen, now: number): string | undefined {
  if (isOnline(row, now)) return undefined;
  const { last_seen_at } = row;
  const nextMs = (last_seen_at ?? now) + pollEveryMs(row) - now;
  const when = last_seen_at === null || isLate(row, now)
    ? `whose time is not known: it ${
      last_seen_at === null ? "never reported" : `last did ${spanOf(now - last_seen_at)} ago`
    }`
    : nextMs > 0
    ? `in about ${spanOf(Math.max(1000, nextMs))}`
    : "which is due";
  return `the agent is not connected by MQTT and gets the task with its next poll, ${when}`;
}

/** The poll interval of an agent; invalid values in the configuration that it reports are ignored. */
function pollEveryMs({ poll_seconds, effective_config }: Polled): number {
  if (poll_seconds !== null && poll_seconds > 0) return poll_seconds * 1000;
  const [, text] = /^poll:\n +interval: "?([\dhms.]+)"?$/m.exec(effective_config ?? "") ?? [];
  if (text === undefined) return usualPollMs;
  try {
    const ms = parseDuration(text);
    return ms >= leastPollMs ? ms : usualPollMs;
  } catch (error) {
    if (error instanceof ValueSyntaxError) return usualPollMs;
    throw error;
  }
}

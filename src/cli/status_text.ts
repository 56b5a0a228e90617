/** The status for a person: one line a subject, what is wrong last. */
import { findingsOf } from "../service/findings.ts";
import type { ShownStatus } from "../service/read_status.ts";
import type { SiteStatus } from "../service/status_file.ts";
import { roundDuration } from "../../common/core/duration.ts";

const stateTexts: Record<ShownStatus["state"], string> = {
  "running": "running",
  "stopped": "stopped: the agent is not running",
  "crashed": "crashed: the agent is not running and did not stop normally",
  "unresponsive": "unresponsive: the agent runs and does not update its status",
  "not-activated": "not activated",
  "revoked": "revoked by the platform",
  "locked": "locked after 5 refused activation codes",
  "foreign": "not usable: the state directory comes from another machine or was edited",
};

/** Where the facts begin, behind their names. */
export const factIndent = 11;

/** Lines without their ends. */
export function renderStatus(status: ShownStatus, now: Date): string[] {
  const { agent, spool } = status;
  const rows: [name: string, text: string][] = [["state", stateTexts[status.state]]];
  const hint = maybeHint(status);
  if (hint !== undefined) rows.push(["next", hint]);
  if (status.attempts > 0 && status.lock === null) rows.push(["attempts", `${status.attempts} of 5 refused`]);
  if (status.agentId !== null) rows.push(["agent", status.agentId]);
  const place = [status.customer, status.site].filter((name) => name !== null && name !== "").join(", ");
  if (place !== "") rows.push(["customer", place]);
  if (agent !== null) {
    const isNow = status.state === "running";
    rows.push(["version", agent.version]);
    rows.push([isNow ? "started" : "last seen", ageText(isNow ? agent.startedAt : agent.writtenAt, now)]);
    rows.push(["platform", platformText(agent.platform, { now, isNow })]);
  }
  if (spool !== null) rows.push(["spool", spoolText(spool, now)]);
  if (agent !== null) {
    const { awake, asleep, unreachable, gone } = agent.devices;
    const parts = [`${awake} awake`, `${asleep} asleep`, `${unreachable} unreachable`, `${gone} gone`];
    rows.push(["devices", `${awake + asleep + unreachable + gone} known: ${parts.join(", ")}`]);
    for (const site of agent.sites) rows.push(["site", siteText(site, now)]);
    for (const refusal of agent.config.refusals) rows.push(["refused", refusal]);
  }
  // The state itself has its own line, with what to do.
  const faults = findingsOf(status, now).filter(({ about, message }) =>
    about !== "state" || message.startsWith("activation")
  );
  for (const { message, lastAt, count = 1 } of faults) {
    const when = lastAt === undefined ? "" : `${ageText(lastAt, now)}${count > 1 ? `, ${count} times` : ""}: `;
    rows.push(["fault", `${when}${message}`]);
  }
  if (faults.length > 0) rows.push(["next", "opendca doctor says what to do about each fault"]);
  return rows.map(([name, text]) => `${name.padEnd(factIndent - 1)} ${text}`);
}

function maybeHint(status: ShownStatus): string | undefined {
  switch (status.state) {
    case "not-activated":
      return "opendca activate CODE";
    case "revoked":
      return "ask for a new activation code; then: opendca activate CODE";
    case "locked":
    case "foreign":
      return `ask the platform for an unlock token for installation ${status.installationId}, lock ${status.lock}`;
    case "unresponsive":
      return "see the agent's log, and whether its state directory is read-only";
    case "stopped":
    case "crashed":
      return "opendca run, or start the service";
    default:
      return undefined;
  }
}

type Platform = NonNullable<ShownStatus["agent"]>["platform"];

function platformText(platform: Platform, { now, isNow }: { now: Date; isNow: boolean }): string {
  const { endpoint, lastPollAt, lastAnswerAt, nextPollAt } = platform;
  if (lastAnswerAt === null) return lastPollAt === null ? "no poll yet" : "no answer since the start";
  const isAway = lastPollAt !== null && lastPollAt > lastAnswerAt;
  const next = isNow && nextPollAt !== null ? `; next poll ${ageText(nextPollAt, now)}` : "";
  return `${endpoint ?? "unknown"} ${isAway ? "away; last answer" : "answered"} ${ageText(lastAnswerAt, now)}${next}`;
}

function siteText({ name, lastSweepAt, sweeping, sweep }: SiteStatus, now: Date): string {
  const last = lastSweepAt === null ? "no discovery scan yet" : `scanned ${ageText(lastSweepAt, now)}`;
  const done = sweep ? `, ${Math.floor(100 * sweep.done / Math.max(1, sweep.of))} % done` : "";
  if (sweeping) return `${name}: discovery scan running${done}, ${last}`;
  return sweep ? `${name}: discovery scan interrupted${done}, ${last}` : `${name}: ${last}`;
}

function spoolText(spool: NonNullable<ShownStatus["spool"]>, now: Date): string {
  const { depth, bytes, oldestObservedAt, quarantinedRecords, dropped, diskFull } = spool;
  const lost = dropped.status + dropped.meters + dropped.lastMeters;
  return [
    depth === 0 ? "empty" : `${depth} records waiting, ${Math.ceil(bytes / 1024)} KiB`,
    ...(depth > 0 && oldestObservedAt !== null ? [`the oldest ${ageText(oldestObservedAt, now)}`] : []),
    ...(quarantinedRecords > 0 ? [`${quarantinedRecords} refused by the platform`] : []),
    ...(lost > 0 ? [`${lost} dropped by the limits`] : []),
    ...(diskFull ? ["the disk is full"] : []),
  ].join(", ");
}

/** "5 min ago" or "in 5 min"; the time itself where it is no time. */
function ageText(time: string, now: Date): string {
  const ms = now.getTime() - Date.parse(time);
  if (!Number.isFinite(ms)) return time;
  const amount = roundDuration(Math.abs(ms));
  return ms >= 0 ? `${amount} ago` : `in ${amount}`;
}

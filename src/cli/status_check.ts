/** `opendca status --check`: one line and an exit code, as plug-ins of Nagios, Icinga, Naemon and Checkmk have them. Pure. */
import { type Finding, type FindingLimits, findingsOf, measuredOf } from "../service/findings.ts";
import type { ShownStatus } from "../service/read_status.ts";
import { roundDuration } from "../../common/core/duration.ts";
import { messageOf } from "../../common/core/errors.ts";
import { safeText } from "../../common/core/safe_text.ts";

export interface CheckResult {
  /** 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN. */
  exitCode: 0 | 1 | 2 | 3;
  /** Without its end. */
  line: string;
}

const words = ["OK", "WARNING", "CRITICAL", "UNKNOWN"] as const;
/** Monitoring cuts longer ones, and then the numbers behind them are lost. */
const mostText = 900;

export function checkStatus(status: ShownStatus, now: Date, limits: FindingLimits): CheckResult {
  const findings = findingsOf(status, now, limits);
  const exitCode = findings.some(({ severity }) => severity === "critical") ? 2 : findings.length > 0 ? 1 : 0;
  const text = findings.length === 0 ? goodText(status, now) : findings.map(sentenceOf).join("; ");
  return { exitCode, line: `${headed(exitCode, text)} | ${perfdata(status, { findings, now, limits }).join(" ")}` };
}

/** Where the state cannot be told. */
export function uncheckable(error: unknown): CheckResult {
  return { exitCode: 3, line: headed(3, messageOf(error)) };
}

/** A bar would begin the numbers. */
function headed(exitCode: CheckResult["exitCode"], text: string): string {
  return `OPENDCA ${words[exitCode]} - ${safeText(text, mostText).replaceAll("|", "/")}`;
}

function sentenceOf({ message, count }: Finding): string {
  return count !== undefined && count > 1 ? `${message} (${count} times)` : message;
}

function goodText(status: ShownStatus, now: Date): string {
  const { agent, spool } = status;
  if (agent === null) return "running";
  const { platformAgeMs, unread } = measuredOf(status, agent, now);
  return [
    "running",
    ...(platformAgeMs === null ? [] : [`platform answered ${roundDuration(platformAgeMs)} ago`]),
    ...(unread === null ? [] : [`${unread.of - unread.count} of ${unread.of} devices answer`]),
    ...(spool === null ? [] : [spool.depth === 0 ? "spool empty" : `${spool.depth} records wait`]),
  ].join(", ");
}

/** `label=value[unit];warning;critical;minimum`. Ages are in seconds, `c` is a counter. */
function perfdata(
  status: ShownStatus,
  { findings, now, limits }: { findings: readonly Finding[]; now: Date; limits: FindingLimits },
): string[] {
  const { agent, spool } = status;
  const seconds = (ms: number) => Math.round(ms / 1000);
  const limit = (value: number) => Number.isFinite(value) ? String(value) : "";
  const ranged = ({ warning, critical }: { warning: number; critical: number }, scale = 1) =>
    `;${limit(warning / scale)};${limit(critical / scale)};0`;
  const numbers = [`faults=${findings.length};;;0`];
  if (spool !== null) {
    const { depth, bytes, quarantinedRecords, dropped } = spool;
    numbers.push(`waiting=${depth};;;0`, `waiting_bytes=${bytes}B;;;0`, `refused=${quarantinedRecords};;;0`);
    numbers.push(`dropped=${dropped.status + dropped.meters + dropped.lastMeters}c;;;0`);
  }
  // What an agent wrote that does not run says nothing of now.
  if (agent === null || status.state !== "running") return numbers;
  const { platformAgeMs, waitingMs, unread } = measuredOf(status, agent, now);
  numbers.push(`waiting_age=${seconds(waitingMs ?? 0)}s${ranged(limits.waiting, 1000)}`);
  if (platformAgeMs !== null) numbers.push(`platform_age=${seconds(platformAgeMs)}s${ranged(limits.away, 1000)}`);
  const { clockOffsetMs } = agent.platform;
  if (clockOffsetMs !== null) numbers.push(`clock_offset=${(clockOffsetMs / 1000).toFixed(3)}s`);
  const { awake, asleep, unreachable, gone } = agent.devices;
  const known = awake + asleep + unreachable + gone;
  numbers.push(`devices=${known};;;0`, `unread=${Math.round(unread?.percent ?? 0)}%${ranged(limits.unread)};100`);
  return numbers;
}

/**
 * When an alert is raised, and when it ends: an alert that comes and goes is one alert. A condition must last before it
 * is raised, the shorter the more severe it is, or come back several times; it must stay away before the alert ends.
 * Pure.
 */
import type { AlertEvent } from "./alert_events.ts";

const minuteMs = 60_000, dayMs = 86_400_000;

export const alertKinds = [
  /** What the printer itself reports. */
  "printer",
  "supplyLow",
  "supplyEmptySoon",
  "deviceSilent",
  "agentSilent",
  "meterFell",
  "firmwareChanged",
] as const;
export type AlertKind = (typeof alertKinds)[number];

export const severities = ["critical", "warning", "other", "unknown"] as const;
export type Severity = (typeof severities)[number];

/** For how long a condition must last, by severity. */
export const raiseAfterMs: Record<Severity, number> = {
  critical: 0,
  warning: 10 * minuteMs,
  other: 10 * minuteMs,
  unknown: 10 * minuteMs,
};
/** A condition that began this often within a day is raised at once. */
export const repeats = { times: 3, withinMs: dayMs };
/** For how long a condition must stay away. */
export const endAfterMs = 30 * minuteMs;
/** What happened once is an open alert for this time. */
export const tellOnceMs = 7 * dayMs;
/** An alert of a supply that is soon empty ends once it lasts for so much longer than when it was raised. */
export const emptyMarginMs = 3 * dayMs;
/** Points above the level that counts as low up to which an alert of a low supply goes on. */
export const lowMargin = 5;

/** What is the case now. */
export interface Condition {
  kind: AlertKind;
  device_id: string;
  agent_id: string;
  alert_key: string;
  alert_group: string;
  severity: Severity;
  description: string;
  detail: AlertEvent["detail"];
  began_at: number;
  /** How often it began within `repeats.withinMs`. */
  times?: number;
  /** Long enough to go on, but not to be raised. */
  isFading?: boolean;
  /** Conditions of kinds that wait elsewhere are raised at once. */
  isSettled?: boolean;
  /** The agent's alert that explains it; null if there is none. */
  cause_id?: string | null;
}

/** An open alert. */
export interface OpenAlert extends Omit<Condition, "times" | "isFading" | "isSettled" | "detail" | "cause_id"> {
  alert_id: string;
  raised_at: number;
  away_since: number | null;
  cause_id: string | null;
  acknowledged_at: number | null;
  acknowledged_until: number | null;
}

export type Step =
  | { do: "raise"; condition: Condition }
  | { do: "end"; alert: OpenAlert; at: number; reason: string }
  /** Columns of the alert that are others now. */
  | { do: "set"; alert: OpenAlert; columns: Partial<AlertColumns>; event?: Pick<AlertEvent, "event" | "detail"> };

export interface AlertColumns {
  severity: Severity;
  away_since: number | null;
  cause_id: string | null;
  acknowledged_at: number | null;
  acknowledged_by: string | null;
  acknowledged_until: number | null;
  note: string | null;
}

export const notAcknowledged = { acknowledged_at: null, acknowledged_by: null, acknowledged_until: null, note: null };

/** By which a condition and its alert know each other. */
export function subjectOf({ kind, device_id, agent_id, alert_key }: Condition | OpenAlert): string {
  // A device that goes over to another agent keeps its alerts.
  return JSON.stringify([kind, device_id === "" ? agent_id : device_id, alert_key]);
}

/** What has to be done; nothing if it was done already. `goneAt`: when the condition of an alert was last the case. */
export function stepsOf(
  { conditions, open, goneAt = () => undefined, now }: {
    conditions: readonly Condition[];
    open: readonly OpenAlert[];
    goneAt?: (alert: OpenAlert) => number | undefined;
    now: number;
  },
): Step[] {
  const alerts = new Map(open.map((alert) => [subjectOf(alert), alert]));
  const steps: Step[] = [];
  const seen = new Set<string>();
  for (const condition of conditions) {
    const subject = subjectOf(condition), alert = alerts.get(subject);
    if (seen.has(subject)) continue;
    seen.add(subject);
    if (alert !== undefined) steps.push(...stepsWhileThere(alert, condition, now));
    else if (isRipe(condition, now)) steps.push({ do: "raise", condition });
  }
  for (const [subject, alert] of alerts) {
    if (!seen.has(subject)) steps.push(...stepsWhileAway(alert, { goneAt: goneAt(alert), now }));
  }
  return steps;
}

function isRipe({ severity, began_at, times = 1, isFading, isSettled }: Condition, now: number): boolean {
  if (isFading === true) return false;
  return isSettled === true || now - began_at >= raiseAfterMs[severity] || times >= repeats.times;
}

function stepsWhileThere(alert: OpenAlert, condition: Condition, now: number): Step[] {
  const columns: Partial<AlertColumns> = {};
  let event: Pick<AlertEvent, "event" | "detail"> | undefined;
  if (alert.away_since !== null) columns.away_since = null;
  if (condition.cause_id !== undefined && condition.cause_id !== alert.cause_id) columns.cause_id = condition.cause_id;
  if (alert.severity !== condition.severity) {
    columns.severity = condition.severity;
    event = { event: "changed", detail: { severity: condition.severity, before: alert.severity } };
    // Anyone who knew of a warning does not know that the printer stands still.
    if (isWorse(condition.severity, alert.severity)) Object.assign(columns, notAcknowledged);
  } else if (isOver(alert, now)) {
    Object.assign(columns, notAcknowledged);
    event = { event: "released", detail: { reason: "its time is over" } };
  }
  if (Object.keys(columns).length === 0) return [];
  return [{ do: "set", alert, columns, ...(event === undefined ? {} : { event }) }];
}

function stepsWhileAway(alert: OpenAlert, { goneAt, now }: { goneAt: number | undefined; now: number }): Step[] {
  // What ends by its own time does not come back.
  const waitMs = alert.kind === "meterFell" || alert.kind === "firmwareChanged" ? 0 : endAfterMs;
  // It cannot have gone before it was raised, whatever the clocks of printers say.
  const since = alert.away_since ?? Math.min(now, Math.max(goneAt ?? now, alert.raised_at));
  if (now - since >= waitMs) return [{ do: "end", alert, at: now, reason: "it stayed away" }];
  const columns: Partial<AlertColumns> = alert.away_since === null ? { away_since: since } : {};
  if (isOver(alert, now)) {
    const event = { event: "released" as const, detail: { reason: "its time is over" } };
    return [{ do: "set", alert, columns: { ...columns, ...notAcknowledged }, event }];
  }
  return alert.away_since === null ? [{ do: "set", alert, columns }] : [];
}

function isOver({ acknowledged_at, acknowledged_until }: OpenAlert, now: number): boolean {
  return acknowledged_at !== null && acknowledged_until !== null && acknowledged_until <= now;
}

export function isWorse(a: Severity, b: Severity): boolean {
  return severities.indexOf(a) < severities.indexOf(b);
}

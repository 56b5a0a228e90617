/**
 * Every fault that the agent can have: one list for `opendca status`, `status --check`, `opendca doctor` and the log. What
 * is not in it does not pass the type of `FaultList.add`.
 */
import type { EventName } from "../log/log_record.ts";
import { faultAdvice } from "../link/transport_fault.ts";

export interface FaultKind {
  /** Severity for monitoring: `critical` if readings are lost or nothing is read. */
  severity: "warning" | "critical";
  /** What to do, for a person. */
  advice: string;
  /** For faults that report an event: they end this long after the last occurrence. Others end with their cause. */
  lastsMs?: number;
  /** Name of the log event for its end; default `faultEnded`. */
  endEvent?: EventName;
}

/** Seen by an administrator who looks once a day. */
const dayMs = 86_400_000;
const tryEachStep = "opendca doctor tests each step to the platform";
const askOperator = "report it to the platform's operator";
const morePackets = "raise the rate of the site, widen its allowed hours, or split its ranges: see docs/schedule.md";

export const faultKinds = {
  "poll-failed": { severity: "warning", advice: tryEachStep, endEvent: "platformReturned" },
  "mqtt-failed": {
    severity: "warning",
    advice: `tasks come with the next poll until it works again; ${tryEachStep}, and to the broker`,
    endEvent: "mqttReturned",
  },
  "upload-failed": { severity: "warning", advice: tryEachStep },
  "upload-over-quota": { severity: "warning", advice: faultAdvice["over-quota"] },
  "renewal-failed": { severity: "warning", advice: tryEachStep },
  "config-broken": {
    severity: "warning",
    advice: "opendca config check names every mistake; until then the previous configuration is in effect",
    endEvent: "configRecovered",
  },
  "config-refused": { severity: "warning", advice: askOperator },
  "clock-wrong": { severity: "warning", advice: "set the clock of this machine, or synchronise it (NTP)" },
  "batch-quarantined": {
    severity: "warning",
    advice: `${askOperator}: the records are kept, and are not sent again`,
    lastsMs: dayMs,
  },
  "batches-lost": {
    severity: "warning",
    advice: "ask the platform's operator whether it was restored from a backup; later readings have the same counters",
    lastsMs: 7 * dayMs,
  },
  "epoch-begun": {
    severity: "warning",
    advice:
      "what waits is sent again, and counts once; if it happens again, look for a second copy of the state directory",
    lastsMs: dayMs,
  },
  "task-refused": {
    severity: "warning",
    advice: "see policy: in agent.yaml, and ask the platform's operator about the task",
    lastsMs: dayMs,
  },
  "task-unsaved": { severity: "warning", advice: "free disk space for the state directory" },
  "scan-failed": { severity: "warning", advice: "see scanFailed in the log" },
  unread: { severity: "warning", advice: "find out why its answer comes late, or through another address or port" },
  "hosts": { severity: "warning", advice: "correct the name in agent.yaml or in the name server" },
  "neighbours": {
    severity: "warning",
    advice: "raise net.ipv4.neigh.default.gc_thresh3 of this machine, or scan the link in smaller ranges",
  },
  "hours-never": { severity: "warning", advice: "write other allowed hours in agent.yaml" },
  "sweep-too-long": { severity: "warning", advice: morePackets },
  "reads-too-slow": { severity: "warning", advice: morePackets },
  "capacity-more": { severity: "warning", advice: morePackets },
  "runtime-untested": { severity: "warning", advice: "rebuild the executable with Deno 2.9.3" },
  "runtime-affected": { severity: "warning", advice: "rebuild the executable with Deno 2.9.3" },
  "database-damaged": {
    severity: "warning",
    advice: "check the disk; the file is kept for inspection",
    lastsMs: dayMs,
  },
  "spool-damaged": { severity: "warning", advice: "check the disk; see spoolSalvaged in the log", lastsMs: dayMs },
  "former-customer": {
    severity: "warning",
    advice: "delete the kept files when they are no longer needed",
    lastsMs: dayMs,
  },
  "ledger-incomplete": { severity: "warning", advice: "free disk space for the state directory" },
  "readings-lost": { severity: "critical", advice: "free disk space for the state directory" },
} satisfies Record<string, FaultKind>;

export type FaultKindName = keyof typeof faultKinds;
/** A kind, with its site if it has one: `poll-failed`, `scan-failed office`, `hosts:office`. */
export type FaultCode = FaultKindName | `${FaultKindName} ${string}` | `${FaultKindName}:${string}`;

/** Also accepts kinds that a later version has written. */
const unknownKind: FaultKind = { severity: "warning", advice: "see the agent's log" };

export function faultKindOf(code: string): FaultKind {
  const [name = ""] = code.split(/[ :]/);
  return Object.hasOwn(faultKinds, name) ? faultKinds[name as FaultKindName] : unknownKind;
}

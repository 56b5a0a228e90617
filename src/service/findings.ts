/**
 * Everything that is wrong with an agent, from what its state directory shows: the one source of `opendca status`,
 * `status --check` and `opendca doctor`. Pure.
 */
import type { CopyFault } from "../activation/judge_copies.ts";
import { roundDuration } from "../../common/core/duration.ts";
import { faultKindOf } from "./fault_kinds.ts";
import type { AgentState, ShownStatus } from "./read_status.ts";
import type { StatusFile } from "./status_file.ts";

export interface Finding {
  /** Stable, for programs. Equals the fault's code if it comes from a fault. */
  code: string;
  severity: "warning" | "critical";
  /** One sentence for a person, without the full stop. */
  message: string;
  /** What to do. */
  advice: string;
  /** `state`: the agent does not or cannot run; `fault`: the agent reports it; `measure`: a value exceeds its limit. */
  about: "state" | "fault" | "measure";
  /** For a repeated fault: time of the last occurrence and count. */
  lastAt?: string;
  count?: number;
}

/** Limits of the measures; Infinity disables one. */
export interface FindingLimits {
  /** Time without an answer from the platform, in milliseconds. */
  away: { warning: number; critical: number };
  /** Age of the oldest record that waits to be sent, in milliseconds. */
  waiting: { warning: number; critical: number };
  /** Share of known devices that are unreachable, in percent. */
  unread: { warning: number; critical: number };
}

const minuteMs = 60_000, hourMs = 3_600_000, dayMs = 86_400_000;

export const usualLimits: FindingLimits = {
  away: { warning: 30 * minuteMs, critical: dayMs },
  waiting: { warning: 6 * hourMs, critical: 3 * dayMs },
  unread: { warning: 25, critical: Infinity },
};

/** Renewal normally happens long before this. */
const lateCertificateMs = 7 * dayMs;

/** `guard-missing` is not a finding: a service that may only write to its state directory has no guard. */
export const copyFaults: Readonly<Partial<Record<CopyFault, string>>> = {
  "state-rolled-back": "an older copy of it was restored",
  "state-missing": "it was deleted, and was restored from its second copy",
  "state-forged": "it was edited, and was restored from its second copy",
  "guard-forged": "its second copy was edited",
};

/** Most severe first. */
export function findingsOf(status: ShownStatus, now: Date, limits: FindingLimits = usualLimits): Finding[] {
  const { agent, state } = status;
  const found = [
    ...stateFindings(status),
    ...status.stateFaults.flatMap((fault): Finding[] => {
      const what = copyFaults[fault as CopyFault];
      const advice = "leave the state directory to the agent; nothing is lost";
      const message = `activation state: ${what}`;
      return what === undefined ? [] : [{ code: fault, severity: "warning", message, advice, about: "state" }];
    }),
    // Faults of an earlier activation no longer apply.
    ...(agent === null || isFormer(status) ? [] : agent.faults.map(faultFinding)),
    ...(agent === null || state !== "running" ? [] : measures(agent, { status, now, limits })),
  ];
  return [...found.filter(isCritical), ...found.filter((each) => !isCritical(each))];
}

function isFormer({ agent, agentId }: ShownStatus): boolean {
  return agentId !== null && agent !== null && agent.agentId !== agentId;
}

function isCritical({ severity }: Finding): boolean {
  return severity === "critical";
}

function faultFinding({ code, message, lastAt, count }: StatusFile["faults"][number]): Finding {
  const { severity, advice } = faultKindOf(code);
  return { code, severity, message, advice, about: "fault", lastAt, count };
}

/** Every state except `running` is a finding. */
const states: Record<Exclude<AgentState, "running">, { code: string; message: string; advice: string }> = {
  "stopped": {
    code: "agent-stopped",
    message: "the agent is not running",
    advice: "opendca run, or start the service",
  },
  "crashed": {
    code: "agent-crashed",
    message: "the agent is not running and did not stop normally",
    advice: "opendca run, or start the service; its log may say why it ended",
  },
  "unresponsive": {
    code: "agent-unresponsive",
    message: "the agent runs and does not update its status",
    advice: "see the agent's log, and whether its state directory is read-only",
  },
  "not-activated": {
    code: "not-activated",
    message: "the agent is not activated",
    advice: "opendca activate CODE",
  },
  "revoked": {
    code: "revoked",
    message: "the platform revoked the agent",
    advice: "ask for a new activation code; then: opendca activate CODE",
  },
  "locked": {
    code: "locked",
    message: "the agent is locked after 5 refused activation codes",
    advice: "ask the platform for an unlock token; then: opendca unlock TOKEN",
  },
  "foreign": {
    code: "foreign-state",
    message: "the state directory comes from another machine or was edited",
    advice: "ask the platform for an unlock token; then: opendca unlock TOKEN",
  },
};

function stateFindings({ state, agent }: ShownStatus): Finding[] {
  if (state === "running") return [];
  const { code, ...found } = states[state];
  // So that doctor does not call it a fault when it is asked before the first start.
  const own = state === "stopped" && agent === null ? "agent-not-started" : code;
  return [{ code: own, ...found, severity: "critical", about: "state" }];
}

function measures(
  agent: StatusFile,
  { status, now, limits }: { status: ShownStatus; now: Date; limits: FindingLimits },
): Finding[] {
  const found: Finding[] = [];
  const judge = (
    value: number | null,
    { warning, critical }: { warning: number; critical: number },
    finding: Pick<Finding, "code" | "advice"> & { message(): string },
  ) => {
    if (value === null || !(value >= Math.min(warning, critical))) return;
    const severity = value >= critical ? "critical" : "warning";
    found.push({ ...finding, message: finding.message(), severity, about: "measure" });
  };
  const { platformAgeMs, waitingMs, unread, certificateMs } = measuredOf(status, agent, now);
  judge(platformAgeMs, limits.away, {
    code: "platform-silent",
    message: () => `the platform has not answered for ${roundDuration(platformAgeMs!)}`,
    advice: "opendca doctor tests each step to the platform",
  });
  judge(waitingMs, limits.waiting, {
    code: "spool-waiting",
    message: () => `readings wait to be sent for ${roundDuration(waitingMs!)}`,
    advice: "opendca doctor tests each step to the platform",
  });
  if (status.spool?.diskFull === true) {
    const message = "the disk is full, and new readings are refused";
    const advice = "free disk space for the state directory";
    found.push({ code: "disk-full", severity: "critical", message, advice, about: "measure" });
  }
  judge(unread?.percent ?? null, limits.unread, {
    code: "devices-unread",
    message: () => `${unread!.count} of ${unread!.of} devices do not answer`,
    advice: "see whether they are off, or moved to a network that no site of agent.yaml has",
  });
  if (certificateMs !== null && certificateMs < lateCertificateMs) {
    const isOver = certificateMs <= 0;
    found.push({
      code: isOver ? "certificate-expired" : "certificate-ends-soon",
      severity: isOver ? "critical" : "warning",
      message: isOver
        ? "the agent's certificate has expired"
        : `the agent's certificate expires in ${roundDuration(certificateMs)}`,
      advice: "see renewalFailed in the log",
      about: "measure",
    });
  }
  return found;
}

export interface Measured {
  /** Since the platform's last answer, or since the start if it never answered. */
  platformAgeMs: number | null;
  waitingMs: number | null;
  unread: { count: number; of: number; percent: number } | null;
  certificateMs: number | null;
}

/** The measured values; null if unknown or if a time is invalid. */
export function measuredOf({ spool }: Pick<ShownStatus, "spool">, agent: StatusFile, now: Date): Measured {
  const since = (time: string | null | undefined) => {
    const ms = time === null || time === undefined ? NaN : now.getTime() - Date.parse(time);
    return Number.isFinite(ms) ? Math.max(0, ms) : null;
  };
  const { awake, asleep, unreachable } = agent.devices;
  // Gone devices are no longer looked for and do not count.
  const of = awake + asleep + unreachable;
  const certificateMs = Date.parse(agent.certificateNotAfter) - now.getTime();
  return {
    platformAgeMs: since(agent.platform.lastAnswerAt ?? agent.startedAt),
    waitingMs: spool === null || spool.depth === 0 ? null : since(spool.oldestObservedAt),
    unread: of === 0 ? null : { count: unreachable, of, percent: 100 * unreachable / of },
    certificateMs: Number.isFinite(certificateMs) ? certificateMs : null,
  };
}

/** The numbers of the running agent that go into `status.json` and into each poll. */
import type { AgentStatus } from "../../proto/gen/opendca/v1/agent_service.ts";
import { UpdatePhase, type UpdateStatus } from "../../proto/gen/opendca/v1/update.ts";
import type { ActivationState } from "../activation/activation_state.ts";
import type { PolicyConfig } from "../config/agent_config.ts";
import type { Clock } from "../../common/core/clock.ts";
import type { MqttStatus } from "../link/mqtt_link.ts";
import type { Ledger } from "../store/ledger.ts";
import type { Spool } from "../store/spool.ts";
import type { SpoolStats } from "../store/spool_stats.ts";
import type { MachineFacts } from "./agent_machine.ts";
import type { AgentFault, FaultList } from "./fault_list.ts";
import type { LiveConfig } from "./live_config.ts";
import type { Contact } from "./reports.ts";
import type { Schedule } from "./schedule.ts";
import type { SiteStatus, StatusFile, StatusMqtt, StatusSpool, StatusUpdate } from "./status_file.ts";

export interface StatusParts {
  clock: Pick<Clock, "now">;
  version: string;
  runId: string;
  startedAt: Date;
  state: ActivationState & { agentId: string };
  spool: Pick<Spool, "stats">;
  live: Pick<LiveConfig, "current" | "hash" | "refusals">;
  faults: Pick<FaultList, "all">;
  contact: Contact;
  facts: MachineFacts;
  fingerprint: string;
  residentBytes(): number;
  endpoint(): string | undefined;
  certificateNotAfter(): Date;
  /** Undefined where no broker is configured. */
  mqtt(): MqttStatus | undefined;
  ledger: Pick<Ledger, "head">;
  /** What may leave of a text. */
  cleanText(text: string): string;
  schedule: Pick<Schedule, "presences" | "lastSweep" | "sweeping" | "sweepDone">;
  update: {
    status(): UpdateStatus | undefined;
    /** Empty if the agent cannot update itself, and then why. */
    target: string;
    why: string | null;
  };
}

export interface DescribedAgent {
  forFile(phase: StatusFile["phase"]): StatusFile;
  forPoll(): AgentStatus;
}

export function describeAgent(parts: StatusParts): DescribedAgent {
  const { clock, version, runId, startedAt, state, spool, live, faults, contact, facts, schedule } = parts;

  /** A ledger that cannot be read must not keep the agent from saying so. */
  function ledgerHead(): AgentStatus["ledgerHead"] {
    try {
      const { number, hash } = parts.ledger.head();
      return { number: BigInt(number), hash };
    } catch {
      return undefined; // Reported where entries are written.
    }
  }

  return {
    forFile: (phase) => ({
      schema: "opendca.status/1",
      writtenAt: clock.now().toISOString(),
      phase,
      version,
      pid: facts.pid,
      runId,
      startedAt: startedAt.toISOString(),
      agentId: state.agentId,
      certificateNotAfter: parts.certificateNotAfter().toISOString(),
      platform: {
        endpoint: parts.endpoint() ?? null,
        lastPollAt: textOf(contact.lastPollAt),
        lastAnswerAt: textOf(contact.lastAnswerAt),
        nextPollAt: textOf(contact.nextPollAt),
        clockOffsetMs: contact.clockOffsetMs,
        lastUploadAt: textOf(contact.lastUploadAt),
      },
      mqtt: statusMqtt(parts.mqtt()),
      spool: statusSpool(spool.stats()),
      devices: schedule.presences(),
      sites: live.current().sites.map(({ name }) => siteStatus(name, schedule)),
      update: statusUpdate(parts.update),
      config: { platformHash: live.hash(), refusals: live.refusals() },
      faults: faults.all().map(statusFault),
    }),
    forPoll() {
      const stats = spool.stats();
      const { awake, asleep, unreachable, gone } = schedule.presences();
      const sweeps = live.current().sites.flatMap(({ name }) => schedule.lastSweep(name)?.getTime() ?? []);
      const { hostname, os, arch, runtimeVersion } = facts;
      return {
        agentVersion: version,
        installationId: state.installationId,
        runId,
        startedAt,
        agentTime: clock.now(),
        agentEpoch: stats.epoch,
        lastSequence: BigInt(stats.acknowledgedSequence + stats.outstandingBatches),
        spooledRecords: stats.depth,
        spoolBytes: BigInt(stats.bytes),
        oldestRecordAt: stats.oldestObservedAt ?? undefined,
        quarantinedBatches: stats.quarantinedRecords,
        knownDevices: awake + asleep + unreachable + gone,
        lastSweepAt: sweeps.length === 0 ? undefined : new Date(Math.max(...sweeps)),
        faults: faults.all().map(({ code, message, lastAt, count }) => ({
          code,
          message: parts.cleanText(message),
          lastAt,
          count,
        })),
        machine: { hostname, os, arch, fingerprint: parts.fingerprint },
        runtimeVersion,
        residentBytes: BigInt(parts.residentBytes()),
        certificateNotAfter: parts.certificateNotAfter(),
        ledgerHead: ledgerHead(),
        webAccess: webAccessPolicy(live.current().policy),
        update: withCleanText(parts.update.status(), parts.cleanText),
        updateTarget: parts.update.target,
      };
    },
  };
}

function statusFault(fault: AgentFault): StatusFile["faults"][number] {
  return { ...fault, firstAt: fault.firstAt.toISOString(), lastAt: fault.lastAt.toISOString() };
}

function webAccessPolicy({ features, ports, webAccess }: PolicyConfig): AgentStatus["webAccess"] {
  return {
    allowed: features.webAccess,
    ports: [...ports.webAccess],
    needsApproval: webAccess.approval,
    knowsSshd: true,
    longestSeconds: Math.floor(webAccess.maxDurationMs / 1000),
  };
}

function withCleanText(
  status: UpdateStatus | undefined,
  cleanText: StatusParts["cleanText"],
): UpdateStatus | undefined {
  return status === undefined ? undefined : { ...status, message: cleanText(status.message) };
}

function statusUpdate({ status, why }: StatusParts["update"]): StatusUpdate {
  const now = status();
  return {
    why,
    offered: now === undefined ? null : {
      version: now.version,
      phase: phaseNames[now.phase] ?? "unknown",
      message: now.message,
      bytesDone: Number(now.bytesDone),
      bytesTotal: Number(now.bytesTotal),
      since: textOf(now.since) ?? "",
    },
  };
}

const phaseNames: Record<number, string> = {
  [UpdatePhase.REFUSED]: "refused",
  [UpdatePhase.DOWNLOADING]: "downloading",
  [UpdatePhase.WAITING]: "waiting",
  [UpdatePhase.INSTALLING]: "installing",
  [UpdatePhase.INSTALLED]: "installed",
  [UpdatePhase.FAILED]: "failed",
  [UpdatePhase.RETURNED]: "returned",
};

function siteStatus(name: string, schedule: StatusParts["schedule"]): SiteStatus {
  return {
    name,
    lastSweepAt: textOf(schedule.lastSweep(name)),
    sweeping: schedule.sweeping.has(name),
    sweep: schedule.sweepDone(name) ?? null,
  };
}

function statusMqtt(mqtt: MqttStatus | undefined): StatusMqtt | null {
  if (mqtt === undefined) return null;
  return { ...mqtt, since: textOf(mqtt.since), lastErrorAt: textOf(mqtt.lastErrorAt) };
}

/** The part of the spool's numbers that is shown. */
export function statusSpool(stats: SpoolStats): StatusSpool {
  const { depth, bytes, oldestObservedAt, quarantinedRecords, dropped, diskFull } = stats;
  return { depth, bytes, oldestObservedAt: textOf(oldestObservedAt), quarantinedRecords, dropped, diskFull };
}

function textOf(time: Date | null | undefined): string | null {
  return time?.toISOString() ?? null;
}

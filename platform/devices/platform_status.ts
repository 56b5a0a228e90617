/** Problems of all customers that an operator should check. */
import { AgentStatus } from "../../proto/gen/opendca/v1/agent_service.ts";
import { isLate, maybeAgentNote } from "../agents/agent_health.ts";
import { agentRows } from "../agents/agents.ts";
import type { Platform } from "../agents/platform.ts";
import { auditSince } from "../audit/audit_log.ts";
import { type By, readPlatform } from "../audit/use_case.ts";
import { pausedByThemselves, type PausedRelease } from "../releases/pause_failing.ts";
import { customerRows } from "../customers/customers.ts";
import type { Transaction } from "../store/store.ts";
import { silentAfterMs } from "./device_view.ts";
import { rowFilters } from "./list_devices.ts";
import { countDevices } from "./listed_devices.ts";

export interface AgentProblem {
  customer: string;
  site: string;
  agentId: string;
  hostname: string;
  /** It did not report for several polls. */
  silent: boolean;
  message: string;
}

export interface PlatformStatus {
  customers: number;
  agents: { active: number; silent: number; inDoubt: number; revoked: number };
  devices: { known: number; silent: number };
  problems: AgentProblem[];
  /** Alarms of the last 24 hours; the numbers are from the latest one. */
  codeGuessing: { alarms: number; lastAt: string; attempts: number; sources: number } | null;
  /** Devices of the last 24 hours of which all readings are kept as proofs, as the needed ones were not found. */
  notEvaluated: { customerId: string; deviceId: string; batch: string; at: string; message: string }[];
  /** Releases whose roll-out has paused itself. */
  pausedReleases: PausedRelease[];
}

export function platformStatus(platform: Platform, by: By): Promise<PlatformStatus> {
  return readPlatform(platform, by, (tx) => statusOf(tx, platform.clock.now().getTime()));
}

async function statusOf(tx: Transaction, now: number): Promise<PlatformStatus> {
  const customers = (await customerRows(tx)).filter(({ closed_at }) => closed_at === null);
  const agents = { active: 0, silent: 0, inDoubt: 0, revoked: 0 }, devices = { known: 0, silent: 0 };
  const problems: AgentProblem[] = [];
  for (const { customer_id, name } of customers) {
    const tenant = tx.tenant(customer_id);
    const { groups, merged, openOnly } = await rowFilters(tenant, {}, now);
    const counted = await countDevices(tenant, {
      silentSince: new Date(now - silentAfterMs),
      groups,
      merged,
      openOnly,
    });
    devices.known += counted.known;
    devices.silent += counted.silent;
    for (const row of await agentRows(tenant)) {
      if (row.state !== "active") {
        agents.revoked++;
        continue;
      }
      agents.active++;
      const silent = isLate(row, now);
      const doubts = [
        ...(row.suspected_clone_at === null ? [] : [`seems to run twice: ${row.suspected_clone_reason}`]),
        ...(row.ledger_rewound_at === null ? [] : [`its ledger was rewound: ${row.ledger_rewound_reason}`]),
        ...lostBatches(row.status),
      ];
      if (silent) agents.silent++;
      if (doubts.length > 0) agents.inDoubt++;
      const messages = [...(silent ? [maybeAgentNote(row, now)!] : []), ...doubts];
      if (messages.length === 0) continue;
      const { agent_id: agentId, site_name: site, hostname } = row;
      problems.push({ customer: name, site, agentId, hostname, silent, message: messages.join("; ") });
    }
  }
  return {
    customers: customers.length,
    agents,
    devices,
    problems,
    codeGuessing: await guessingOf(tx, now),
    notEvaluated: await notEvaluatedOf(tx, now),
    pausedReleases: await pausedByThemselves(tx),
  };
}

/** What an agent says that this platform had acknowledged and does not have, as after a restore from a backup. */
function lostBatches(status: Uint8Array | null): string[] {
  const faults = status === null ? [] : AgentStatus.decode(status).faults;
  return faults.filter(({ code }) => code === "batches-lost").map(({ message }) => `says: ${message}`);
}

const shownMs = 86_400_000;

/** The latest of each device. */
async function notEvaluatedOf(tx: Transaction, now: number): Promise<PlatformStatus["notEvaluated"]> {
  const rows = await auditSince(tx, { action: "readingsNotEvaluated", since: new Date(now - shownMs) });
  const latest = new Map(rows.map((row) => [row.subject, row]));
  return [...latest.values()].map(({ customer_id, subject, at, detail }) => {
    const { batch, message }: { batch: string; message: string } = JSON.parse(detail);
    return { customerId: customer_id!, deviceId: subject, batch, at: new Date(at).toISOString(), message };
  });
}

async function guessingOf(tx: Transaction, now: number): Promise<PlatformStatus["codeGuessing"]> {
  const alarms = await auditSince(tx, { action: "codeGuessing", since: new Date(now - shownMs) });
  const last = alarms.at(-1);
  if (last === undefined) return null;
  const { attempts, sources }: { attempts: number; sources: number } = JSON.parse(last.detail);
  return { alarms: alarms.length, lastAt: new Date(last.at).toISOString(), attempts, sources };
}

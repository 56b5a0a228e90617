/** Stores messages of agents by MQTT and presence events of the broker, many at once. */
import { TaskResult, TaskState } from "../../../proto/gen/opendca/v1/task.ts";
import type { Platform } from "../../agents/platform.ts";
import { brokerAliveMs, customerOfAgent, noteBroker, notePresence, sharedBroker } from "../../agents/presence.ts";
import { appendAudit, lockAudit } from "../../audit/audit_log.ts";
import { limitMessage } from "../../devices/message_limits.ts";
import type { Tenant } from "../../store/store.ts";
import { takeProgress } from "../../tasks/task_results.ts";
import { rateLimit } from "../connections/rate_limit.ts";
import type { TaskBroker } from "./task_broker.ts";

interface Presence {
  isOnline: boolean;
  at: Date;
}

export interface AgentReports {
  presence(agentId: string, presence: Presence): void;
  /** An encoded TaskResult, unchecked. */
  progress(agentId: string, payload: Uint8Array): void;
  /** The agent tried something that it may not do. */
  refused(agentId: string, why: string): void;
  hasWork(): boolean;
  run(): Promise<void>;
  stop(): void;
}

/** Messages within this time are stored together. */
const flushMs = 200;
const mostProgress = 1000;
const mostOfOneTransaction = 500;

interface Reports {
  presence: [string, Presence][];
  refused: [string, string][];
  progress: { agentId: string; result: TaskResult }[];
}

export function createAgentReports(
  platform: Platform,
  { broker, soon }: { broker(): TaskBroker | undefined; soon(waitMs?: number): void },
): AgentReports {
  const { store, clock } = platform;
  const presence = new Map<string, Presence>(), refused = new Map<string, string>();
  const progress: Reports["progress"] = [];
  const allowed = rateLimit({ burst: 30, perMinute: 60, monotonicMs: clock.monotonicMs });
  const ownId = crypto.randomUUID();
  const brokerId = () => broker()?.isShared ? sharedBroker : ownId;
  let isBeatDue = true;
  const timer = setInterval(() => {
    isBeatDue = true;
    soon();
  }, brokerAliveMs / 3);

  function noteRefused(agentId: string, why: string): void {
    // Only the first one per flush; the server's log has all.
    if (!refused.has(agentId)) refused.set(agentId, why);
    soon(flushMs);
  }

  const canBeat = () => isBeatDue && broker()?.isUp() === true;

  /** Renews the broker's sign of life, without which its agents do not count as connected. */
  async function beat(): Promise<void> {
    if (!canBeat()) return;
    await store.transaction((tx) => noteBroker(tx, { brokerId: brokerId(), at: clock.now() }));
    isBeatDue = false;
  }

  return {
    presence(agentId, said) {
      presence.set(agentId, said);
      soon(flushMs);
    },
    progress(agentId, payload) {
      if (allowed.waitMs(agentId) > 0 || progress.length >= mostProgress) return;
      const result = maybeResult(payload);
      if (result === undefined) return noteRefused(agentId, "it sent a progress that cannot be read");
      progress.push({ agentId, result });
      soon();
    },
    refused: noteRefused,
    hasWork: () => canBeat() || presence.size + refused.size + progress.length > 0,
    async run() {
      await beat();
      while (presence.size + refused.size + progress.length > 0) {
        const taken: Reports = {
          presence: takeSome(presence),
          refused: takeSome(refused),
          progress: progress.splice(0, mostOfOneTransaction),
        };
        try {
          await keep(platform, taken, brokerId());
        } catch (error) {
          // The rest is lost: nobody can stop the others by what cannot be kept.
          for (const [agentId, said] of taken.presence) if (!presence.has(agentId)) presence.set(agentId, said);
          throw error;
        }
      }
    },
    stop: () => clearInterval(timer),
  };
}

/*
 * Customers in one order, and the audit log last, which has one writer: processes that share a broker do this at the same
 * time, and would wait for each other.
 */
async function keep(platform: Platform, { presence, refused, progress }: Reports, brokerId: string): Promise<void> {
  const isNote = ({ result: { state } }: Reports["progress"][number]) => state === TaskState.REFUSED;
  await platform.store.transaction(async (tx) => {
    const changes: { customerId: string; work(tenant: Tenant): Promise<void> }[] = [];
    for (const [agentId, said] of presence) {
      // A revoked agent is gone as well.
      const customerId = await customerOfAgent(tx, agentId, { orRevoked: !said.isOnline });
      if (customerId === undefined) continue;
      changes.push({ customerId, work: (tenant) => notePresence(tenant, { agentId, brokerId, ...said }) });
    }
    const customers = new Map<string, string | undefined>();
    for (const agentId of [...refused.map(([agentId]) => agentId), ...progress.map(({ agentId }) => agentId)]) {
      if (!customers.has(agentId)) customers.set(agentId, await customerOfAgent(tx, agentId));
    }
    const take = ({ agentId, result }: Reports["progress"][number], tenant: Tenant) =>
      takeProgress(platform, { tenant, agentId }, result);
    for (const each of progress) {
      const customerId = customers.get(each.agentId);
      if (customerId !== undefined && !isNote(each)) changes.push({ customerId, work: (tenant) => take(each, tenant) });
    }
    changes.sort((a, b) => a.customerId < b.customerId ? -1 : Number(a.customerId > b.customerId));
    for (const { customerId, work } of changes) await work(tx.tenant(customerId));
    const notes = progress.filter(isNote);
    if (refused.length + notes.length > 0) await lockAudit(tx);
    for (const [agentId, why] of refused) {
      const customerId = customers.get(agentId);
      if (customerId === undefined) continue;
      await appendAudit(tx, {
        at: platform.clock.now(),
        customerId,
        actor: { kind: "agent", name: agentId },
        action: "mqttRefused",
        subject: agentId,
        detail: { why },
      });
    }
    for (const each of notes) {
      const customerId = customers.get(each.agentId);
      if (customerId !== undefined) await take(each, tx.tenant(customerId));
    }
  });
}

function takeSome<Value>(map: Map<string, Value>): [string, Value][] {
  const taken = [...map].slice(0, mostOfOneTransaction);
  for (const [key] of taken) map.delete(key);
  return taken;
}

/** Checked like results by gRPC. */
function maybeResult(payload: Uint8Array): TaskResult | undefined {
  try {
    const result = TaskResult.decode(payload);
    return limitMessage("call", result) === undefined ? result : undefined;
  } catch {
    return undefined; // Not a TaskResult.
  }
}

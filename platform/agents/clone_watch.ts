import { noteRun, suspectClone } from "./agents.ts";
import { appendAudit } from "../audit/audit_log.ts";
import { noteEpoch } from "./batches.ts";
import type { TenantAgent } from "./caller.ts";
import type { Platform } from "./platform.ts";
import type { Tenant } from "../store/store.ts";

export interface Spoken {
  runId: string;
  /** Empty if the call has none. */
  epoch: string;
  installationId: string;
}

/**
 * Records which process and spool the agent uses, and detects two copies of one state directory. Call in a transaction.
 */
export async function watchForClone(platform: Platform, caller: TenantAgent, spoken: Spoken): Promise<void> {
  const { tenant, agentId } = caller;
  const at = platform.clock.now();
  const known = await lastSpoken(tenant, agentId);
  if (isNews(spoken.runId, known?.run_id) && await noteRun(tenant, { agentId, runId: spoken.runId, at })) {
    await reportClone(platform, caller, "two processes take turns");
  }
  if (isNews(spoken.epoch, known?.epoch) && await noteEpoch(tenant, { agentId, epoch: spoken.epoch, at })) {
    await reportClone(platform, caller, "a spool came back after a later one");
  }
  if (known?.installation_id !== spoken.installationId) await reportClone(platform, caller, "another installation id");
}

function isNews(spoken: string, last: string | null | undefined): boolean {
  return spoken !== "" && spoken !== last;
}

/* In one query, as nearly every call of an agent repeats all of it. */
function lastSpoken(tenant: Tenant, agentId: string) {
  return tenant.get<{ installation_id: string; run_id: string | null; epoch: string | null }>(
    `SELECT a.installation_id,
       (SELECT r.run_id FROM agent_runs r WHERE r.customer_id = :customer AND r.agent_id = :agent_id
         ORDER BY r.run_number DESC LIMIT 1) AS run_id,
       (SELECT e.epoch FROM epochs e WHERE e.customer_id = :customer AND e.agent_id = :agent_id
         ORDER BY e.epoch_number DESC LIMIT 1) AS epoch
     FROM agents a WHERE a.customer_id = :customer AND a.agent_id = :agent_id`,
    { agent_id: agentId },
  );
}

/** Marks the agent once; its data is still accepted, as readings of a copy are valid. */
export async function reportClone(platform: Platform, { tenant, agentId }: TenantAgent, reason: string): Promise<void> {
  const at = platform.clock.now();
  if (!await suspectClone(tenant, { agentId, reason, at })) return;
  await appendAudit(tenant.transaction, {
    at,
    customerId: tenant.customerId,
    actor: "platform",
    action: "cloneSuspected",
    subject: agentId,
    detail: { reason },
  });
  tenant.transaction.afterCommit(() => platform.log("cloneSuspected", { agentId, reason }));
}

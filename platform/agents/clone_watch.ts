import { noteRun, suspectClone } from "./agents.ts";
import { appendAudit } from "../audit/audit_log.ts";
import { noteEpoch } from "./batches.ts";
import type { TenantAgent } from "./caller.ts";
import type { Platform } from "./platform.ts";

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
  if (spoken.runId !== "" && await noteRun(tenant, { agentId, runId: spoken.runId, at })) {
    await reportClone(platform, caller, "two processes take turns");
  }
  if (spoken.epoch !== "" && await noteEpoch(tenant, { agentId, epoch: spoken.epoch, at })) {
    await reportClone(platform, caller, "a spool came back after a later one");
  }
  const known = await tenant.get<{ installation_id: string }>(
    "SELECT installation_id FROM agents WHERE customer_id = :customer AND agent_id = :agent_id",
    { agent_id: agentId },
  );
  if (known?.installation_id !== spoken.installationId) await reportClone(platform, caller, "another installation id");
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
  platform.log("cloneSuspected", { agentId, reason });
}

import { noteRun, suspectClone } from "../store/agents.ts";
import { appendAudit } from "../store/audit_log.ts";
import { noteEpoch } from "../store/batches.ts";
import type { Caller } from "./caller.ts";
import type { Platform } from "./platform.ts";

export interface Spoken {
  runId: string;
  /** Empty where the call says none. */
  epoch: string;
  installationId: string;
}

/** Notes which process and spool speaks for the agent, and tells two copies of one state directory. Call in a transaction. */
export function watchForClone(platform: Platform, caller: Caller, spoken: Spoken): void {
  const { tenant, agentId } = caller;
  const at = platform.clock.now();
  if (spoken.runId !== "" && noteRun(tenant, { agentId, runId: spoken.runId, at })) {
    reportClone(platform, caller, "two processes take turns");
  }
  if (spoken.epoch !== "" && noteEpoch(tenant, { agentId, epoch: spoken.epoch, at })) {
    reportClone(platform, caller, "a spool came back after a later one");
  }
  const known = tenant.get<{ installation_id: string }>(
    "SELECT installation_id FROM agents WHERE customer_id = :customer AND agent_id = :agent_id",
    { agent_id: agentId },
  );
  if (known?.installation_id !== spoken.installationId) reportClone(platform, caller, "another installation id");
}

/** Marks the agent once; what it sends is still taken, as readings of a copy are readings. */
export function reportClone(platform: Platform, { tenant, agentId }: Caller, reason: string): void {
  const at = platform.clock.now();
  if (!suspectClone(tenant, { agentId, reason, at })) return;
  appendAudit(platform.store, {
    at,
    customerId: tenant.customerId,
    actor: "platform",
    action: "cloneSuspected",
    subject: agentId,
    detail: { reason },
  });
  platform.log("cloneSuspected", { agentId, reason });
}

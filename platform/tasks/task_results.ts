import { RefusalReason, type TaskResult, TaskState } from "../../proto/gen/opendca/v1/task.ts";
import { appendAudit } from "../audit/audit_log.ts";
import { validTime } from "../store/storable.ts";
import { noteTaskResult } from "./tasks.ts";
import type { TenantAgent } from "../agents/caller.ts";
import type { Platform } from "../agents/platform.ts";
import { isShortId } from "../agents/request_checks.ts";

/**
 * Keeps what came of a task; a refusal goes into the audit log. A task that the platform does not know was not made by it,
 * or is older than the copy that its store was restored from: that is logged as well. Call in a transaction.
 */
export async function takeTaskResult(
  platform: Platform,
  { tenant, agentId }: TenantAgent,
  told: TaskResult,
): Promise<void> {
  const at = platform.clock.now();
  const result = { ...told, at: validTime(told.at) };
  const noted = await noteTaskResult(tenant, { agentId, result, at });
  if (result.state !== TaskState.REFUSED || noted === "kept") return;
  await appendAudit(tenant.transaction, {
    at,
    customerId: tenant.customerId,
    actor: { kind: "agent", name: agentId },
    action: noted === "taken" ? "taskRefused" : "unknownTaskRefused",
    subject: isShortId(result.taskId) ? result.taskId : "no task id",
    detail: { agent: agentId, reason: RefusalReason[result.refusal] ?? "UNSPECIFIED", message: result.message },
  });
}

/**
 * What an agent tells by MQTT while a task runs. How a task ended comes by gRPC alone: a broker that is another program must
 * not be able to end one. What the agent refused of what came by MQTT, such as a forged task, goes into the audit log.
 */
export async function takeProgress(
  platform: Platform,
  { tenant, agentId }: TenantAgent,
  told: TaskResult,
): Promise<void> {
  const at = platform.clock.now();
  const { state, taskId } = told;
  if (state === TaskState.ACCEPTED || state === TaskState.RUNNING) {
    const result = { ...told, at: validTime(told.at), output: undefined };
    return void await noteTaskResult(tenant, { agentId, result, at });
  }
  if (state !== TaskState.REFUSED) return;
  await appendAudit(tenant.transaction, {
    at,
    customerId: tenant.customerId,
    actor: { kind: "agent", name: agentId },
    action: "mqttTaskRefused",
    subject: isShortId(taskId) ? taskId : "no task id",
    detail: { agent: agentId, reason: RefusalReason[told.refusal] ?? "UNSPECIFIED", message: told.message },
  });
}

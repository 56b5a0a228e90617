import {
  type ExtendWebAccessOutput,
  RefusalReason,
  Task,
  type TaskResult,
  TaskState,
} from "../../proto/gen/opendca/v1/task.ts";
import { appendAudit } from "../audit/audit_log.ts";
import { queueEvents } from "../events/queue_events.ts";
import { shortText, validTime } from "../store/storable.ts";
import { maybeTaskRow, noteTaskResult } from "./tasks.ts";
import type { TenantAgent } from "../agents/caller.ts";
import type { Platform } from "../agents/platform.ts";
import { isShortId } from "../agents/request_checks.ts";
import { noteShown } from "../store/channels.ts";

const endedStates = new Set([TaskState.SUCCEEDED, TaskState.FAILED, TaskState.REFUSED, TaskState.CANCELLED]);

/**
 * Stores the result of a task; a refusal goes into the audit log. An unknown task was not created by this platform, or
 * its store was restored from an older backup: this is logged as well. Call in a transaction.
 */
export async function takeTaskResult(
  platform: Platform,
  { tenant, agentId }: TenantAgent,
  told: TaskResult,
): Promise<void> {
  const at = platform.clock.now();
  const result = { ...told, at: validTime(told.at) };
  const noted = await noteTaskResult(tenant, { agentId, result, at });
  if (noted === "taken" && endedStates.has(result.state)) {
    const state = TaskState[result.state]!.toLowerCase(), data = { taskId: result.taskId, agentId, state };
    await queueEvents(tenant, [{ type: "task.ended", at, data }], at);
  }
  if (noted === "taken" && result.output?.$case === "webAccess" && result.output.value.approvedBy !== "") {
    await appendAudit(tenant.transaction, {
      at,
      customerId: tenant.customerId,
      actor: { kind: "agent", name: agentId },
      action: "accessSessionApproved",
      subject: result.taskId,
      detail: { agent: agentId, by: shortText(result.output.value.approvedBy, 64) },
    });
  }
  if (noted === "taken" && result.state === TaskState.SUCCEEDED && result.output?.$case === "extendWebAccess") {
    await noteExtension({ tenant, agentId }, { taskId: result.taskId, output: result.output.value, at });
  }
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
 * Progress that an agent reports by MQTT while a task runs. The final result comes by gRPC only: an external broker
 * must not be able to end a task. Messages by MQTT that the agent refused, such as a forged task, go into the audit
 * log.
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

/** Never later than was asked for: an agent cannot give itself more. */
async function noteExtension(
  { tenant, agentId }: TenantAgent,
  { taskId, output, at }: { taskId: string; output: ExtendWebAccessOutput; at: Date },
): Promise<void> {
  const row = await maybeTaskRow(tenant, taskId), asked = row && Task.decode(row.task).payload;
  if (asked?.$case !== "extendWebAccess" || output.endsAt === undefined) return;
  const endsAt = Math.min(output.endsAt.getTime(), asked.value.endsAt!.getTime());
  const { sessionId } = asked.value, parameters = { session_id: sessionId, ends_at: endsAt };
  const before = await tenant.get<{ ends_at: number }>(
    `SELECT ends_at FROM access_sessions
     WHERE customer_id = :customer AND session_id = :session_id AND agent_id = :agent_id AND extension_id = :task_id
       AND state = 'open' AND ends_at < :ends_at`,
    { ...parameters, agent_id: agentId, task_id: taskId },
  );
  if (before === undefined) return;
  await tenant.run(
    "UPDATE access_sessions SET ends_at = :ends_at WHERE customer_id = :customer AND session_id = :session_id",
    parameters,
  );
  // The port of the gateway's loopback stays the session's.
  await tenant.transaction.run("UPDATE access_forwards SET free_at = free_at + :more WHERE session_id = :session_id", {
    session_id: sessionId,
    more: endsAt - before.ends_at,
  });
  noteShown(tenant, "sessions");
  await appendAudit(tenant.transaction, {
    at,
    customerId: tenant.customerId,
    actor: { kind: "agent", name: agentId },
    action: "accessSessionExtended",
    subject: sessionId,
    detail: { agent: agentId, until: new Date(endsAt).toISOString() },
  });
}

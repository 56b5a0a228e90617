/** Tasks that operators give to agents. */
import { UsageError } from "../../common/core/errors.ts";
import { signTask } from "../../common/protocol/signed_task.ts";
import { Task } from "../../proto/gen/opendca/v1/task.ts";
import { keepAgentConfig } from "../agents/agent_configs.ts";
import { agentOf } from "../agents/manage_agents.ts";
import type { Page } from "../store/page.ts";
import type { Tenant } from "../store/store.ts";
import { hasNotLeft } from "../agents/presence.ts";
import type { Platform } from "../agents/platform.ts";
import { actorText } from "../audit/audit_log.ts";
import { type Change, changeTenant, readTenant, type TenantBy } from "../audit/use_case.ts";
import { refuseUnapproved } from "./approval_rules.ts";
import { addTask, markCancelled, maybeTaskRow, type TaskRow, taskRows } from "./tasks.ts";

/* Twenty of them and a configuration go into one message of 4 MiB. */
const mostTaskBytes = 128 * 1024;

export type TaskPayload = NonNullable<Task["payload"]>;

export interface CreatedTask {
  taskId: string;
  agentId: string;
  kind: string;
  expiresAt: Date;
}

export interface NewTaskWish {
  agentId: string;
  payload: TaskPayload;
  validMs: number;
}

/**
 * The agent gets it at once if it is connected by MQTT, otherwise with its next poll. Throws UsageError, also where a
 * second person must approve it first.
 */
export function createTask(platform: Platform, by: TenantBy, wish: NewTaskWish): Promise<CreatedTask> {
  return changeTenant(platform, by, async (tenant, at) => {
    await refuseUnapproved(tenant, wish.payload.$case);
    return await makeTask(platform, tenant, { ...wish, at, by: actorText(by.actor) });
  });
}

/** In a transaction that has looked whether it must be approved first. Throws UsageError. */
export async function makeTask(
  platform: Platform,
  tenant: Tenant,
  { agentId, payload, validMs, at: issuedAt, by }: NewTaskWish & { at: Date; by: string },
): Promise<Change<CreatedTask>> {
  const { state, revoked_reason } = await agentOf(tenant, agentId);
  if (state !== "active") {
    throw new UsageError(
      `Cannot ask "${agentId}" as it is revoked: ${revoked_reason}`,
      "opendca-platform agent list shows the others",
    );
  }
  const expiresAt = new Date(issuedAt.getTime() + validMs);
  const taskId = crypto.randomUUID();
  const config = payload.$case === "setConfig" ? payload.value.config! : undefined;
  // Stored as well, as another configuration in the next poll would undo the task's.
  if (config !== undefined) await keepAgentConfig(tenant, { agentId, document: config, at: issuedAt, by });
  const signed = signTask(platform.signingKey, Task.create({ taskId, agentId, issuedAt, expiresAt, payload }));
  if (signed.task.length > mostTaskBytes) {
    throw new UsageError(
      `Cannot send a task of this size: the task has ${signed.task.length} bytes, at most ${mostTaskBytes}`,
      "name ranges instead of single targets, or send two tasks",
    );
  }
  const kind = payload.$case;
  await addTask(tenant, { taskId, agentId, kind, signed, at: issuedAt, expiresAt });
  const detail = { agent: agentId, kind, ...(config === undefined ? {} : { hash: config.hash }) };
  return { answer: { taskId, agentId, kind, expiresAt }, audit: { action: "taskCreated", subject: taskId, detail } };
}

/** Newest first; of one agent if given. Throws UsageError. */
export function listTasks(
  platform: Platform,
  by: TenantBy,
  { agentId, ...page }: { agentId?: string | undefined } & Page,
): Promise<TaskRow[]> {
  return readTenant(platform, by, async (tenant) => {
    if (agentId !== undefined) await agentOf(tenant, agentId);
    return await taskRows(tenant, agentId, page);
  });
}

/** Throws UsageError if there is no such task. */
export function showTask(platform: Platform, by: TenantBy, { taskId }: { taskId: string }): Promise<TaskRow> {
  return readTenant(platform, by, (tenant) => taskOf(tenant, taskId));
}

async function taskOf(tenant: Tenant, taskId: string): Promise<TaskRow> {
  const row = await maybeTaskRow(tenant, taskId);
  if (row !== undefined) return row;
  throw new UsageError(`Cannot find the task "${taskId}"`, "opendca-platform task list shows them");
}

/** How long a cancel task is valid. */
const cancelMs = 3_600_000;

/**
 * Stops a task: at once if the agent has not reported on it, and by another task if it may have started. Throws
 * UsageError if it has ended.
 */
export function cancelTask(
  platform: Platform,
  by: TenantBy,
  { taskId }: { taskId: string },
): Promise<{ state: string; cancelTaskId: string | null }> {
  return changeTenant(platform, by, async (tenant, issuedAt) => {
    const row = await taskOf(tenant, taskId);
    const answer = await endTask(platform, tenant, { row, issuedAt });
    if (answer === undefined) throw new UsageError(`Cannot cancel the task as it has ended: its state is ${row.state}`);
    const detail = { agent: row.agent_id, state: row.state };
    return { answer, audit: { action: "taskCancelled", subject: taskId, detail } };
  });
}

/** Cancels a task, also on the agent if it may have it. Undefined if it has ended. */
export async function endTask(
  platform: Platform,
  tenant: Tenant,
  { row, issuedAt }: { row: Pick<TaskRow, "task_id" | "agent_id" | "state">; issuedAt: Date },
): Promise<{ state: string; cancelTaskId: string | null } | undefined> {
  const { task_id: taskId, agent_id: agentId } = row;
  const isTaken = row.state === "accepted" || row.state === "running";
  if (!isTaken && row.state !== "waiting" && row.state !== "delivered") return undefined;
  if (!isTaken) await markCancelled(tenant, { taskId, at: issuedAt });
  const mayRun = isTaken || row.state === "delivered" || hasNotLeft(await agentOf(tenant, agentId));
  const cancelTaskId = mayRun ? crypto.randomUUID() : null;
  if (cancelTaskId !== null) {
    const expiresAt = new Date(issuedAt.getTime() + cancelMs);
    const payload: TaskPayload = { $case: "cancelTask", value: { taskId } };
    const task = Task.create({ taskId: cancelTaskId, agentId, issuedAt, expiresAt, payload });
    const signed = signTask(platform.signingKey, task);
    await addTask(tenant, { taskId: cancelTaskId, agentId, kind: payload.$case, signed, at: issuedAt, expiresAt });
  }
  return { state: isTaken ? row.state : "cancelled", cancelTaskId };
}

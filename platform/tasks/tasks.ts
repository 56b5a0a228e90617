import { Buffer } from "node:buffer";
import { maxTaskBytes, maxTasks } from "../../common/protocol/limits.ts";
import {
  type SignedTask,
  TaskResult,
  type TaskResult as TaskResultMessage,
  TaskState,
} from "../../proto/gen/opendca/v1/task.ts";
import { noteShown } from "../store/channels.ts";
import { type Page, pageParameters, pageSql } from "../store/page.ts";
import type { Tenant, Transaction } from "../store/store.ts";

export interface TaskRow {
  task_id: string;
  agent_id: string;
  kind: string;
  task: Uint8Array;
  signature: Uint8Array;
  key_id: string;
  state: string;
  created_at: number;
  expires_at: number;
  changed_at: number;
  message: string | null;
  result: Uint8Array | null;
}

export interface NewTask {
  taskId: string;
  agentId: string;
  kind: string;
  signed: SignedTask;
  at: Date;
  expiresAt: Date;
}

/* How far a task has come; only steps forward are taken. */
const stateNames: Partial<Record<TaskState, string>> = {
  [TaskState.ACCEPTED]: "accepted",
  [TaskState.RUNNING]: "running",
  [TaskState.SUCCEEDED]: "succeeded",
  [TaskState.FAILED]: "failed",
  [TaskState.REFUSED]: "refused",
  [TaskState.CANCELLED]: "cancelled",
};
const order = ["waiting", "delivered", "accepted", "running"];
/** Limit for the tasks in one response, which may have 4 MiB in all. */
const maxBytesAtOnce = 3 * 1024 * 1024;

export async function addTask(tenant: Tenant, task: NewTask): Promise<void> {
  await tenant.run(
    `INSERT INTO tasks (customer_id, task_id, agent_id, kind, task, signature, key_id, state, created_at, expires_at,
       changed_at)
     VALUES (:customer, :task_id, :agent_id, :kind, :task, :signature, :key_id, 'waiting', :at, :expires_at, :at)`,
    {
      task_id: task.taskId,
      agent_id: task.agentId,
      kind: task.kind,
      task: task.signed.task,
      signature: task.signed.signature,
      key_id: task.signed.keyId,
      at: task.at.getTime(),
      expires_at: task.expiresAt.getTime(),
    },
  );
  tenant.transaction.notify(newTaskChannel, task.agentId);
  noteTaskShown(tenant, task.kind);
}

/** A session of web access waits, fails and ends with its task. */
function noteTaskShown(tenant: Tenant, kind: string): void {
  noteShown(tenant, "tasks");
  if (kind === "openWebAccess" || kind === "extendWebAccess") noteShown(tenant, "sessions");
}

/** Channel with the id of an agent that has a new task. */
export const newTaskChannel = "task";

/**
 * Tasks that the agent has not reported on, oldest first, as many as fit into a response; those past their expiry are
 * marked expired and left out, and one that is too large for any agent waits for its expiry without blocking the
 * others.
 */
export async function takeTasks(tenant: Tenant, options: { agentId: string; at: Date }): Promise<SignedTask[]> {
  const parameters = { agent_id: options.agentId, at: options.at.getTime() };
  const open = "customer_id = :customer AND agent_id = :agent_id AND state IN ('waiting', 'delivered')";
  const any = await tenant.get(`SELECT 1 FROM tasks WHERE ${open} LIMIT 1`, { agent_id: options.agentId });
  if (any === undefined) return [];
  const rows = await tenant.all<TaskRow>(
    `SELECT * FROM tasks WHERE ${open} AND length(task) <= ${maxTaskBytes}
     ORDER BY created_at, task_id LIMIT ${maxTasks}`,
    { agent_id: options.agentId },
  );
  await tenant.run(
    `UPDATE tasks SET state = 'expired', changed_at = :at WHERE ${open} AND expires_at <= :at`,
    parameters,
  );
  let bytes = 0;
  const live = rows.filter((row) => row.expires_at > options.at.getTime())
    .filter(({ task }) => (bytes += task.length) <= maxBytesAtOnce);
  if (rows.length > 0) noteShown(tenant, "tasks");
  for (const { task_id } of live) {
    await tenant.run(
      "UPDATE tasks SET state = 'delivered', changed_at = :at WHERE customer_id = :customer AND task_id = :task_id AND state = 'waiting'",
      { task_id, at: parameters.at },
    );
  }
  return live.map(signedOf);
}

/**
 * The tasks that `takeTasks` would return now, with their ids; changes nothing, as only a poll shows that the agent has
 * them.
 */
export async function openTasks(
  tenant: Tenant,
  { agentId, at }: { agentId: string; at: Date },
): Promise<{ taskId: string; signed: SignedTask; isWaiting: boolean }[]> {
  const rows = await tenant.all<TaskRow>(
    `SELECT t.* FROM tasks t JOIN agents a ON a.customer_id = t.customer_id AND a.agent_id = t.agent_id
     WHERE t.customer_id = :customer AND t.agent_id = :agent_id AND t.state IN ('waiting', 'delivered')
       AND a.state = 'active' AND length(t.task) <= ${maxTaskBytes} AND t.expires_at > :at
     ORDER BY t.created_at, t.task_id LIMIT ${maxTasks}`,
    { agent_id: agentId, at: at.getTime() },
  );
  return rows.map((row) => ({ taskId: row.task_id, signed: signedOf(row), isWaiting: row.state === "waiting" }));
}

/**
 * Claims the tasks that no process has sent yet, and those sent before `lostBefore` that the agent has said nothing of;
 * this process must send them.
 */
export async function claimPush<Task extends { taskId: string }>(
  tenant: Tenant,
  open: readonly Task[],
  { at, lostBefore }: { at: Date; lostBefore: Date | undefined },
): Promise<Task[]> {
  const claimed: Task[] = [];
  const sql = `UPDATE tasks SET pushed_at = :at WHERE customer_id = :customer AND task_id = :task_id
    AND (pushed_at IS NULL OR (state = 'waiting' AND pushed_at < :before))`;
  for (const task of open) {
    const parameters = { task_id: task.taskId, at: at.getTime(), before: lostBefore?.getTime() ?? 0 };
    if (await tenant.run(sql, parameters) === 1) claimed.push(task);
  }
  return claimed;
}

/** Releases a claim, as the broker has not accepted the task. Notifies every process. */
export async function releasePush(tenant: Tenant, { taskId, agentId }: { taskId: string; agentId: string }) {
  const sql = `UPDATE tasks SET pushed_at = NULL WHERE customer_id = :customer AND task_id = :task_id`;
  if (await tenant.run(sql, { task_id: taskId }) === 1) tenant.transaction.notify(newTaskChannel, agentId);
}

/** Agents with tasks that no process has sent. */
export async function unsentAgents(tx: Transaction, at: Date): Promise<string[]> {
  const sql = `SELECT DISTINCT agent_id FROM tasks WHERE state = 'waiting' AND pushed_at IS NULL AND expires_at > :at`;
  return (await tx.all<{ agent_id: string }>(sql, { at: at.getTime() })).map(({ agent_id }) => agent_id);
}

function signedOf({ task, signature, key_id }: TaskRow): SignedTask {
  return { task: Buffer.from(task), signature: Buffer.from(signature), keyId: key_id };
}

/**
 * Advances the state of a task: `taken`; `kept` if it had this state already; `unknown` if it is not a task of this
 * agent.
 */
export async function noteTaskResult(
  tenant: Tenant,
  options: { agentId: string; result: TaskResultMessage; at: Date },
): Promise<"taken" | "kept" | "unknown"> {
  const { agentId, result, at } = options;
  const key = { agent_id: agentId, task_id: result.taskId };
  const row = await tenant.get<TaskRow>(
    "SELECT * FROM tasks WHERE customer_id = :customer AND agent_id = :agent_id AND task_id = :task_id",
    key,
  );
  const state = stateNames[result.state];
  if (row === undefined) return "unknown";
  if (state === undefined || !isForward(row.state, state)) return "kept";
  await tenant.run(
    `UPDATE tasks SET state = :state, changed_at = :at, message = :message, result = :result
     WHERE customer_id = :customer AND agent_id = :agent_id AND task_id = :task_id`,
    { ...key, state, at: at.getTime(), message: result.message, result: TaskResult.encode(result).finish() },
  );
  noteTaskShown(tenant, row.kind);
  return "taken";
}

/** Newest first. */
export function taskRows(tenant: Tenant, agentId?: string, page: Page = {}): Promise<TaskRow[]> {
  return tenant.all(
    `SELECT * FROM tasks WHERE customer_id = :customer AND (CAST(:agent_id AS TEXT) IS NULL OR agent_id = :agent_id)
     ORDER BY created_at DESC, task_id ${pageSql}`,
    { agent_id: agentId ?? null, ...pageParameters(page) },
  );
}

export function maybeTaskRow(tenant: Tenant, taskId: string): Promise<TaskRow | undefined> {
  return tenant.get("SELECT * FROM tasks WHERE customer_id = :customer AND task_id = :task_id", { task_id: taskId });
}

/** No poll delivers it any more; an agent that already has it may still report on it. */
export async function markCancelled(tenant: Tenant, { taskId, at }: { taskId: string; at: Date }): Promise<void> {
  await tenant.run(
    "UPDATE tasks SET state = 'cancelled', changed_at = :at WHERE customer_id = :customer AND task_id = :task_id",
    { task_id: taskId, at: at.getTime() },
  );
  noteShown(tenant, "tasks");
}

/* `expired` and `cancelled` are the platform's guess: an agent that had taken the task in time may still report on it. */
function isForward(from: string, to: string): boolean {
  if (from === "expired" || (from === "cancelled" && !order.includes(to))) return true;
  // A progress update.
  if (from === "running" && to === "running") return true;
  const at = order.indexOf(from);
  return at >= 0 && (order.indexOf(to) > at || !order.includes(to));
}

/** Agents of all customers with changes since a time, for listeners that may have missed notifications. */
interface AgentNews {
  tasks: string[];
  configs: string[];
  revoked: string[];
}

export async function agentNews(tx: Transaction, since: Date): Promise<AgentNews> {
  const ids = async (sql: string) =>
    (await tx.all<{ agent_id: string }>(sql, { since: since.getTime() })).map(({ agent_id }) => agent_id);
  return {
    tasks: await ids("SELECT DISTINCT agent_id FROM tasks WHERE state = 'waiting' AND created_at >= :since"),
    configs: await ids("SELECT agent_id FROM agent_configs WHERE changed_at >= :since"),
    revoked: await ids("SELECT agent_id FROM agents WHERE revoked_at >= :since"),
  };
}

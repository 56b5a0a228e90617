/** What an agent granted a session of web access that is open, in the transaction of its task's result. */
import { type ExtendWebAccessOutput, Task } from "../../proto/gen/opendca/v1/task.ts";
import { appendAudit } from "../audit/audit_log.ts";
import { noteShown } from "../store/channels.ts";
import type { TenantAgent } from "../agents/caller.ts";
import { maybeTaskRow } from "./tasks.ts";

/** Never later than was asked for: an agent cannot give itself more. */
export async function noteExtension(
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

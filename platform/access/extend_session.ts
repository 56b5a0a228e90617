/** More time for a session of Device Web Access that is open, as far as the policy of the agent's machine permits. */
import { formatDuration } from "../../common/core/duration.ts";
import { UsageError } from "../../common/core/errors.ts";
import { signTask } from "../../common/protocol/signed_task.ts";
import { ExtendWebAccess, OpenWebAccess, Task, TaskResult } from "../../proto/gen/opendca/v1/task.ts";
import { agentOf } from "../agents/manage_agents.ts";
import type { Platform } from "../agents/platform.ts";
import { actorText } from "../audit/audit_log.ts";
import { changeTenant, readTenant, type TenantBy } from "../audit/use_case.ts";
import type { Tenant } from "../store/store.ts";
import { needsApproval } from "../tasks/approval_rules.ts";
import { addTask, maybeTaskRow } from "../tasks/tasks.ts";
import { checkedAgent, longestSessionMs, sessionOf, shownSession } from "./manage_sessions.ts";
import type { ListedSession } from "./sessions.ts";

/* Less is not worth a task. */
const leastMs = 60_000;
const waitingStates = ["waiting", "delivered", "accepted", "running"];

/** Whether a session can be extended now. */
export type Extension =
  /** `refusal`: what the agent said to the last attempt; null if there was none, or it was granted. */
  | { kind: "possible"; endsAt: Date; refusal: string | null }
  /** The agent has the order, or will. */
  | { kind: "asked" }
  | {
    kind: "notOpen" | "notYours" | "secondPerson" | "oldAgent" | "noAgent" | "early" | "longest";
    error: UsageError;
  };

/** Throws UsageError if the customer has no such session. */
export function extensionOf(
  platform: Platform,
  by: TenantBy,
  { sessionId }: { sessionId: string },
): Promise<Extension> {
  return readTenant(platform, by, async (tenant) => {
    const row = await sessionOf(tenant, sessionId);
    return await judged(tenant, row, { at: platform.clock.now(), asker: actorText(by.actor) });
  });
}

/**
 * Asks the agent to end the session later: it decides by its policy, and the session has its new end once the agent has
 * granted it. Throws UsageError if that cannot be.
 */
export function extendSession(
  platform: Platform,
  by: TenantBy,
  { sessionId }: { sessionId: string },
): Promise<{ taskId: string; agentId: string; endsAt: Date }> {
  return changeTenant(platform, by, async (tenant, at) => {
    const row = await sessionOf(tenant, sessionId), askedBy = actorText(by.actor), { agent_id: agentId } = row;
    const extension = await judged(tenant, row, { at, asker: askedBy });
    if (extension.kind === "asked") {
      throw new UsageError(
        `Cannot extend the session ${sessionId} as its agent was asked for it already`,
        "opendca-platform access show tells when it has answered",
      );
    }
    if (extension.kind !== "possible") throw extension.error;
    const { endsAt } = extension, taskId = crypto.randomUUID(), expiresAt = new Date(row.ends_at);
    const value = ExtendWebAccess.create({ sessionId, deviceKey: await deviceKeyOf(tenant, row), endsAt, askedBy });
    const payload = { $case: "extendWebAccess", value } as const;
    const signed = signTask(platform.signingKey, Task.create({ taskId, agentId, issuedAt: at, expiresAt, payload }));
    await addTask(tenant, { taskId, agentId, kind: payload.$case, signed, at, expiresAt });
    await tenant.run(
      "UPDATE access_sessions SET extension_id = :task_id WHERE customer_id = :customer AND session_id = :session_id",
      { task_id: taskId, session_id: sessionId },
    );
    return {
      answer: { taskId, agentId, endsAt },
      audit: {
        action: "accessExtensionAsked",
        subject: sessionId,
        detail: { agent: agentId, until: endsAt.toISOString() },
      },
    };
  });
}

async function judged(
  tenant: Tenant,
  row: ListedSession,
  { at, asker }: { at: Date; asker: string },
): Promise<Extension> {
  const { session_id: id, agent_id: agentId } = row, { state } = shownSession(row, at);
  const cannot = (kind: Exclude<Extension["kind"], "possible" | "asked">, why: string, hint?: string): Extension => ({
    kind,
    error: new UsageError(`Cannot extend the session ${id} as ${why}`, hint),
  });
  const another = "opendca-platform access open asks for another one";
  if (state !== "open") return cannot("notOpen", `it is not open: current value of its state is "${state}"`, another);
  if (row.opened_by !== asker) return cannot("notYours", `it belongs to ${row.opened_by}`, another);
  if (await needsApproval(tenant, "openWebAccess")) {
    return cannot("secondPerson", "the customer requires the approval of a second person for each session", another);
  }
  const last = row.extension_id === null ? undefined : await maybeTaskRow(tenant, row.extension_id);
  if (last !== undefined && waitingStates.includes(last.state) && last.expires_at > at.getTime()) {
    return { kind: "asked" };
  }
  const agent = await agentOf(tenant, agentId);
  let longestMs: number;
  try {
    const policy = checkedAgent(agent, { port: row.port, at, what: "extend the session" });
    longestMs = policy.longestSeconds * 1000;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return { kind: "noAgent", error };
  }
  if (longestMs === 0) {
    const why = `the agent ${agentId} does not know how: current value of its version is "${agent.version}"`;
    return cannot("oldAgent", why, "update the agent, or ask for another session");
  }
  const endsAtMs = Math.min(at.getTime() + longestSessionMs, row.created_at + longestMs);
  if (row.ends_at + leastMs > row.created_at + longestMs) {
    return cannot(
      "longest",
      `it lasts as long as the policy of the agent's machine permits: current value is ${formatDuration(longestMs)}`,
      "policy.webAccess.maxDuration in the agent's agent.yaml is the limit",
    );
  }
  if (endsAtMs < row.ends_at + leastMs) {
    const why = `nothing is gained yet: it can end ${formatDuration(longestSessionMs)} from now at the latest`;
    return cannot("early", why, "try again later");
  }
  const result = last?.result == null ? undefined : TaskResult.decode(last.result);
  const isGranted = last === undefined || last.state === "succeeded";
  return {
    kind: "possible",
    endsAt: new Date(endsAtMs),
    refusal: isGranted ? null : result?.message || "the agent did not answer in time",
  };
}

/* As the agent knows the device: it compares it with the session's. */
async function deviceKeyOf(tenant: Tenant, { task_id }: ListedSession): Promise<string> {
  const row = await maybeTaskRow(tenant, task_id);
  const payload = row && Task.decode(row.task).payload;
  return (payload?.$case === "openWebAccess" ? payload.value : OpenWebAccess.create()).deviceKey;
}

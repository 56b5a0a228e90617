/** Rows of sessions of Device Web Access. */
import { newConditions } from "../store/conditions.ts";
import { noteShown } from "../store/channels.ts";
import { type Page, pageParameters, pageSql } from "../store/page.ts";
import type { Tenant, Transaction } from "../store/store.ts";

const schemes = ["http", "https", "raw"] as const;
export type Scheme = (typeof schemes)[number];

export interface SessionRow {
  customer_id: string;
  session_id: string;
  /** Random label of its host name. */
  label: string;
  agent_id: string;
  device_id: string;
  task_id: string;
  /** Empty if the agent's policy masks it. */
  address: string;
  port: number;
  scheme: Scheme;
  state: "waiting" | "open" | "closed";
  /** Such as `operator:eva`. */
  opened_by: string;
  key_used_at: number | null;
  gateway_id: string | null;
  created_at: number;
  opened_at: number | null;
  ends_at: number;
  ended_at: number | null;
  end_reason: string | null;
  bytes_to_device: number;
  bytes_from_device: number;
  /** The task that asks the agent for a later end; null if there was none. */
  extension_id: string | null;
}

/** A session with the state of its task. */
export interface ListedSession extends SessionRow {
  task_state: string | null;
  task_message: string | null;
  /** An encoded TaskResult. */
  task_result: Uint8Array | null;
}

export interface NewSession
  extends
    Pick<SessionRow, "session_id" | "label" | "agent_id" | "device_id" | "task_id" | "address" | "port" | "scheme"> {
  openedBy: string;
  keyDigest: Uint8Array;
  at: Date;
  endsAt: Date;
}

export async function addSession(
  tenant: Tenant,
  { openedBy, keyDigest, at, endsAt, ...row }: NewSession,
): Promise<void> {
  await tenant.run(
    `INSERT INTO access_sessions (customer_id, session_id, label, agent_id, device_id, task_id, address, port, scheme, state,
       opened_by, key_digest, created_at, ends_at, bytes_to_device, bytes_from_device)
     VALUES (:customer, :session_id, :label, :agent_id, :device_id, :task_id, :address, :port, :scheme, 'waiting',
       :opened_by, :key_digest, :at, :ends_at, 0, 0)`,
    { ...row, opened_by: openedBy, key_digest: keyDigest, at: at.getTime(), ends_at: endsAt.getTime() },
  );
  noteShown(tenant, "sessions");
}

/** What a list of sessions is made of. */
export const listedSessions = {
  columns: `s.customer_id, s.session_id, s.label, s.agent_id, s.device_id, s.task_id, s.address, s.port, s.scheme,
    s.state, s.opened_by, s.key_used_at, s.gateway_id, s.created_at, s.opened_at, s.ends_at, s.ended_at, s.end_reason,
    s.bytes_to_device, s.bytes_from_device, s.extension_id, t.state AS task_state, t.message AS task_message,
    t.result AS task_result`,
  from: "access_sessions s LEFT JOIN tasks t ON t.customer_id = s.customer_id AND t.task_id = s.task_id",
};
const listed = `SELECT ${listedSessions.columns} FROM ${listedSessions.from}`;

/** Of a task whose agent did not open the session. */
export const refusedStates = ["refused", "failed", "cancelled", "succeeded"];

/* As shownSession() tells it. */
const shownState = `CASE
  WHEN s.state = 'waiting' AND t.state IN (${refusedStates.map((state) => `'${state}'`).join(", ")}) THEN 'refused'
  WHEN s.state = 'waiting' AND s.ends_at <= :at THEN 'expired'
  WHEN s.state = 'open' AND s.ends_at <= :at THEN 'closed' ELSE s.state END`;

export interface RowFilters {
  agentId?: string | undefined;
  /** Only those of one device that have not ended at this time. */
  live?: { deviceId: string; at: Date } | undefined;
  /** As it is shown at this time. */
  state?: { is: string; at: Date } | undefined;
  /** Only sessions that were asked for since then. */
  since?: Date | undefined;
}

/** Newest first. */
export function sessionRows(
  tenant: Tenant,
  { agentId, live, state, since, ...page }: RowFilters & Page = {},
): Promise<ListedSession[]> {
  const { where, parameters, add } = newConditions(["s.customer_id = :customer"]);
  if (agentId !== undefined) add("s.agent_id = :agent_id", { agent_id: agentId });
  if (live !== undefined) {
    const parameters = { device_id: live.deviceId, live_at: live.at.getTime() };
    add("s.state <> 'closed' AND s.device_id = :device_id AND s.ends_at > :live_at", parameters);
  }
  if (state !== undefined) add(`${shownState} = :state`, { state: state.is, at: state.at.getTime() });
  if (since !== undefined) add("s.created_at >= :since", { since: since.getTime() });
  return tenant.all(
    `${listed} WHERE ${where.join(" AND ")} ORDER BY s.created_at DESC, s.session_id ${pageSql}`,
    { ...parameters, ...pageParameters(page) },
  );
}

export function maybeSession(tenant: Tenant, sessionId: string): Promise<ListedSession | undefined> {
  return tenant.get(`${listed} WHERE s.customer_id = :customer AND s.session_id = :session_id`, {
    session_id: sessionId,
  });
}

/** Sessions of an agent that have not ended. */
export function liveSessions(
  tenant: Tenant,
  { agentId, at }: { agentId: string; at: Date },
): Promise<ListedSession[]> {
  return tenant.all(
    `${listed} WHERE s.customer_id = :customer AND s.agent_id = :agent_id AND s.state <> 'closed' AND s.ends_at > :at`,
    { agent_id: agentId, at: at.getTime() },
  );
}

/** A session of any customer: this is how the gateway determines its customer. */
export function sessionOfAnyone(
  tx: Transaction,
  by: { sessionId: string } | { label: string },
): Promise<SessionRow | undefined> {
  return "label" in by
    ? tx.get("SELECT * FROM access_sessions WHERE label = :label", { label: by.label })
    : tx.get("SELECT * FROM access_sessions WHERE session_id = :session_id", { session_id: by.sessionId });
}

/** Returns whether it is the session's key and was unused; marks it as used. */
export async function useKey(
  tenant: Tenant,
  options: { sessionId: string; keyDigest: Uint8Array; gatewayId: string; at: Date },
): Promise<boolean> {
  return await tenant.run(
    `UPDATE access_sessions SET key_used_at = :at, gateway_id = :gateway_id
     WHERE customer_id = :customer AND session_id = :session_id AND key_digest = :key_digest AND key_used_at IS NULL
       AND state = 'waiting' AND ends_at > :at`,
    {
      session_id: options.sessionId,
      key_digest: options.keyDigest,
      gateway_id: options.gatewayId,
      at: options.at.getTime(),
    },
  ) === 1;
}

/** False if it was closed meanwhile. */
export async function markOpen(tenant: Tenant, { sessionId, at }: { sessionId: string; at: Date }): Promise<boolean> {
  noteShown(tenant, "sessions");
  return await tenant.run(
    `UPDATE access_sessions SET state = 'open', opened_at = :at
     WHERE customer_id = :customer AND session_id = :session_id AND state = 'waiting'`,
    { session_id: sessionId, at: at.getTime() },
  ) === 1;
}

/** False if it is closed already. */
export async function markClosed(
  tenant: Tenant,
  { sessionId, at, reason }: { sessionId: string; at: Date; reason: string },
): Promise<boolean> {
  noteShown(tenant, "sessions");
  return await tenant.run(
    `UPDATE access_sessions SET state = 'closed', ended_at = :at, end_reason = :reason
     WHERE customer_id = :customer AND session_id = :session_id AND state <> 'closed'`,
    { session_id: sessionId, at: at.getTime(), reason },
  ) === 1;
}

/** Stores the bytes that went through the gateway, after the end. */
export async function noteBytes(
  tenant: Tenant,
  { sessionId, toDevice, fromDevice }: { sessionId: string; toDevice: number; fromDevice: number },
): Promise<void> {
  await tenant.run(
    `UPDATE access_sessions SET bytes_to_device = :to_device, bytes_from_device = :from_device
     WHERE customer_id = :customer AND session_id = :session_id`,
    { session_id: sessionId, to_device: toDevice, from_device: fromDevice },
  );
}

/** Sessions of any customer that are open, but belong to no running process; by customer. */
export function lostSessions(
  tx: Transaction,
  { liveGateways }: { liveGateways: readonly string[] },
): Promise<SessionRow[]> {
  return tx.all<SessionRow>(
    "SELECT * FROM access_sessions WHERE state <> 'closed' AND gateway_id IS NOT NULL ORDER BY customer_id",
    {},
  )
    .then((rows) => rows.filter(({ gateway_id }) => !liveGateways.includes(gateway_id!)));
}

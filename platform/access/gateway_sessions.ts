/** Use cases of a gateway about sessions. */
import { type AgentRow, maybeAgent } from "../agents/agents.ts";
import type { Platform } from "../agents/platform.ts";
import { appendAudit } from "../audit/audit_log.ts";
import type { Tenant, Transaction } from "../store/store.ts";
import { maybeForward } from "./forwards.ts";
import { forgetGone, liveGateways } from "./gateways.ts";
import { lostSessions, markClosed, markOpen, noteBytes, sessionOfAnyone, type SessionRow, useKey } from "./sessions.ts";

export interface AdmittedSession {
  customerId: string;
  sessionId: string;
  agentId: string;
  endsAt: Date;
}

/** Admits the holder of a waiting session's key once; otherwise returns why not. */
export function admitSession(
  platform: Platform,
  shown: { sessionId: string; keyDigest: Uint8Array; gatewayId: string },
): Promise<AdmittedSession | { refused: string }> {
  const { sessionId } = shown;
  return platform.store.transaction(async (tx) => {
    const at = platform.clock.now();
    const row = await sessionOfAnyone(tx, { sessionId });
    if (row === undefined) return { refused: "there is no such session" };
    const { customer_id: customerId, agent_id: agentId } = row;
    const agent = await maybeAgent(tx.tenant(customerId), agentId);
    if (agent?.state === "active" && await useKey(tx.tenant(customerId), { ...shown, at })) {
      return { customerId, sessionId, agentId, endsAt: new Date(row.ends_at) };
    }
    return await refusedKey(tx, row, { agent, gatewayId: shown.gatewayId, at });
  });
}

async function refusedKey(
  tx: Transaction,
  row: SessionRow,
  { agent, gatewayId, at }: { agent: AgentRow | undefined; gatewayId: string; at: Date },
): Promise<{ refused: string; sessionId: string }> {
  const { customer_id: customerId, agent_id: agentId, session_id: sessionId } = row;
  const refused = agent?.state === "active" ? whyNot(row, at) : revoked;
  await appendAudit(tx, {
    at,
    customerId,
    actor: { kind: "agent", name: agentId },
    action: "accessKeyRefused",
    subject: sessionId,
    detail: { reason: refused, gateway: gatewayId },
  });
  return { refused, sessionId };
}

/** What a holder of the key may ask OpenSSH's sshd for, while the session waits; otherwise why not. */
export function forwardOfKey(
  platform: Platform,
  shown: { keyDigest: Uint8Array; gatewayId: string },
): Promise<AllowedForward | { refused: string; sessionId: string }> {
  return platform.store.transaction(async (tx) => {
    const at = platform.clock.now();
    const forward = await maybeForward(tx, shown);
    const row = forward && await sessionOfAnyone(tx, { sessionId: forward.session_id });
    if (row === undefined) return { refused: "there is no such session", sessionId: "" };
    const { customer_id: customerId, agent_id: agentId, session_id: sessionId } = row;
    const agent = await maybeAgent(tx.tenant(customerId), agentId);
    if (
      agent?.state !== "active" || row.state !== "waiting" || row.key_used_at !== null || row.ends_at <= at.getTime()
    ) {
      return await refusedKey(tx, row, { agent, gatewayId: shown.gatewayId, at });
    }
    const { port, forward_key: forwardKey } = forward!;
    return { sessionId, port, forwardKey, endsAt: new Date(row.ends_at) };
  });
}

export interface AllowedForward {
  sessionId: string;
  port: number;
  forwardKey: Uint8Array;
  endsAt: Date;
}

const revoked = "the agent is revoked";

function whyNot({ state, key_used_at, ends_at }: SessionRow, at: Date): string {
  if (state === "closed") return "the session is closed";
  if (key_used_at !== null) return "the key was used before";
  if (ends_at <= at.getTime()) return "the session has expired";
  return "the key is not that of the session";
}

/** Records that the agent is ready. False if the session was closed meanwhile. */
export function noteOpen(platform: Platform, { customerId, sessionId, agentId }: AdmittedSession): Promise<boolean> {
  return ofSession(platform, customerId, async (tenant, at) => {
    if (!await markOpen(tenant, { sessionId, at })) return false;
    await appendAudit(tenant.transaction, {
      at,
      customerId,
      actor: { kind: "agent", name: agentId },
      action: "accessSessionStarted",
      subject: sessionId,
    });
    return true;
  });
}

/** Records the end and the bytes at the gateway, including those of SSH itself. */
export function noteEnd(
  platform: Platform,
  { customerId, sessionId, agentId }: AdmittedSession,
  { reason, toDevice, fromDevice }: { reason: string; toDevice: number; fromDevice: number },
): Promise<void> {
  return ofSession(platform, customerId, async (tenant, at) => {
    await noteBytes(tenant, { sessionId, toDevice, fromDevice });
    await markClosed(tenant, { sessionId, at, reason });
    await appendAudit(tenant.transaction, {
      at,
      customerId,
      actor: "platform",
      action: "accessSessionEnded",
      subject: sessionId,
      detail: { agent: agentId, reason, toDevice, fromDevice },
    });
  });
}

/** What became of these sessions: when they end, which an extension changes, and why they were closed. */
export function presentAmong(
  platform: Platform,
  sessions: readonly AdmittedSession[],
): Promise<{ sessionId: string; endsAt: Date; closed: string | undefined }[]> {
  return platform.store.transaction(async (tx) => {
    const present: { sessionId: string; endsAt: Date; closed: string | undefined }[] = [];
    for (const { sessionId, customerId, agentId, endsAt } of sessions) {
      const row = await sessionOfAnyone(tx, { sessionId });
      const isActive = (await maybeAgent(tx.tenant(customerId), agentId))?.state === "active";
      const closed = row?.state === "closed" ? row.end_reason ?? "it was closed" : isActive ? undefined : revoked;
      present.push({ sessionId, endsAt: row === undefined ? endsAt : new Date(row.ends_at), closed });
    }
    return present;
  }, { readOnly: true });
}

/**
 * Closes sessions of gateways that no longer exist; the audit log, which has one writer, comes after the customers, which
 * may be waited for.
 */
export function closeLostSessions(platform: Platform): Promise<void> {
  return platform.store.transaction(async (tx) => {
    const at = platform.clock.now();
    await forgetGone(tx, at);
    const live = (await liveGateways(tx, at)).map(({ gatewayId }) => gatewayId);
    const lost = await lostSessions(tx, { liveGateways: live }), reason = "the gateway ended";
    for (const { customer_id, session_id: sessionId } of lost) {
      await markClosed(tx.tenant(customer_id), { sessionId, at, reason });
    }
    for (const row of lost) {
      const { customer_id: customerId, session_id: sessionId } = row;
      await appendAudit(tx, {
        at,
        customerId,
        actor: "platform",
        action: "accessSessionEnded",
        subject: sessionId,
        detail: { agent: row.agent_id, reason },
      });
    }
  });
}

function ofSession<T>(
  { store, clock }: Platform,
  customerId: string,
  work: (tenant: Tenant, at: Date) => Promise<T>,
): Promise<T> {
  return store.transaction((tx) => work(tx.tenant(customerId), clock.now()));
}

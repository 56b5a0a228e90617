/**
 * Daily limits for the growth of the store by one agent, and by all agents of a customer. Above the limit the agent
 * must wait: it keeps its batch and sends it again, and nothing is lost.
 */
import { appendAudit } from "../audit/audit_log.ts";
import { changeTenant, readTenant, type TenantBy } from "../audit/use_case.ts";
import { CallError } from "./call_error.ts";
import type { Caller, TenantAgent } from "./caller.ts";
import { agentOf } from "./manage_agents.ts";
import type { Platform } from "./platform.ts";
import type { Tenant } from "../store/store.ts";

export interface Quotas {
  agentBytes: number;
  customerBytes: number;
}

export const defaultQuotas: Quotas = { agentBytes: 256 * 1024 * 1024, customerBytes: 1024 * 1024 * 1024 };

const mostWaitMs = 3_600_000;

/**
 * Undefined while the daily limit is not reached, otherwise the error of the call. Throw it after the transaction,
 * which has recorded it in the audit log.
 */
export async function quotaError(platform: Platform, { tenant, agentId }: TenantAgent): Promise<CallError | undefined> {
  const { quotas, clock } = platform;
  const at = clock.now();
  const used = await usageOf(tenant, { agentId, at });
  const agentMost = used.agentQuota ?? quotas.agentBytes, customerMost = used.customerQuota ?? quotas.customerBytes;
  const over = used.agentBytes >= agentMost
    ? { whose: "this agent", bytes: used.agentBytes, most: agentMost, raise: raiseText("agent", used.agentQuota) }
    : used.customerBytes >= customerMost
    ? {
      whose: "this customer",
      bytes: used.customerBytes,
      most: customerMost,
      raise: raiseText("customer", used.customerQuota),
    }
    : undefined;
  if (over === undefined) return undefined;
  if (await noteQuotaTold(tenant, { agentId, at })) {
    const detail = { of: over.whose, bytes: over.bytes, most: over.most };
    await appendAudit(tenant.transaction, {
      at,
      customerId: tenant.customerId,
      actor: "platform",
      action: "quotaReached",
      subject: agentId,
      detail,
    });
    tenant.transaction.afterCommit(() => platform.log("quotaReached", { agentId, ...detail }));
  }
  return new CallError(
    "too-many-requests",
    `Cannot store more of ${over.whose} today: ${megabytes(over.bytes)} are stored and ${megabytes(over.most)} a day ` +
      `are allowed; the rest is taken after midnight UTC, or when ${over.raise}`,
    Math.min(mostWaitMs, untilNextDayMs(at)),
  );
}

/** A transaction whose growth of the store, including indices, counts towards the agent's daily limit. */
export function countedTransaction<T>(
  { store, clock }: Platform,
  { customerId, agentId }: Caller,
  work: (caller: TenantAgent) => Promise<T>,
): Promise<T> {
  return store.transaction(async (tx) => {
    const tenant = tx.tenant(customerId);
    const before = await store.usedBytes(tx);
    const result = await work({ tenant, agentId });
    const bytes = await store.usedBytes(tx) - before;
    // Negative growth is subtracted, or every poll that grows and shrinks a page would count.
    if (bytes !== 0) await addUsage(tenant, { agentId, at: clock.now(), bytes });
    return result;
  });
}

function raiseText(whose: "agent" | "customer", own: number | null): string {
  const command = `opendca-platform ${whose} quota raises it`;
  return own === null ? `the platform's --${whose}-quota is raised, or ${command}` : command;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

const dayMs = 86_400_000;
const keptDays = 90;

export interface Usage {
  agentBytes: number;
  customerBytes: number;
  /** Limits of their own; null: the default. */
  agentQuota: number | null;
  customerQuota: number | null;
}

export async function usageOf(tenant: Tenant, options: { agentId: string; at: Date }): Promise<Usage> {
  const row = await tenant.get<Record<"agent" | "whole" | "agent_quota" | "customer_quota", number | null>>(
    `SELECT sum(bytes) AS whole, sum(bytes) FILTER (WHERE agent_id = :agent_id) AS agent,
       (SELECT quota_bytes FROM agents WHERE customer_id = :customer AND agent_id = :agent_id) AS agent_quota,
       (SELECT quota_bytes FROM customers WHERE customer_id = :customer) AS customer_quota
     FROM usage WHERE customer_id = :customer AND day = :day`,
    { agent_id: options.agentId, day: dayOf(options.at) },
  );
  return {
    agentBytes: row?.agent ?? 0,
    customerBytes: row?.whole ?? 0,
    agentQuota: row?.agent_quota ?? null,
    customerQuota: row?.customer_quota ?? null,
  };
}

export async function addUsage(tenant: Tenant, options: { agentId: string; at: Date; bytes: number }): Promise<void> {
  const day = dayOf(options.at);
  const made = await tenant.run(
    `UPDATE usage SET bytes = bytes + :bytes WHERE customer_id = :customer AND day = :day AND agent_id = :agent_id`,
    { agent_id: options.agentId, day, bytes: options.bytes },
  );
  if (made > 0) return;
  await tenant.run("DELETE FROM usage WHERE customer_id = :customer AND day < :before", { before: day - keptDays });
  await tenant.run(
    `INSERT INTO usage (customer_id, day, agent_id, bytes, told) VALUES (:customer, :day, :agent_id, :bytes, 0)`,
    { agent_id: options.agentId, day, bytes: options.bytes },
  );
}

/** Returns true once a day, for the audit log. */
export async function noteQuotaTold(tenant: Tenant, options: { agentId: string; at: Date }): Promise<boolean> {
  await addUsage(tenant, { ...options, bytes: 0 });
  return await tenant.run(
    "UPDATE usage SET told = 1 WHERE customer_id = :customer AND day = :day AND agent_id = :agent_id AND told = 0",
    { agent_id: options.agentId, day: dayOf(options.at) },
  ) === 1;
}

/** Milliseconds until the next day begins. */
function untilNextDayMs(at: Date): number {
  return (dayOf(at) + 1) * dayMs - at.getTime();
}

function dayOf(at: Date): number {
  return Math.floor(at.getTime() / dayMs);
}

/** Of an agent, or of all agents of the customer together. */
export interface WhoseQuota {
  agentId?: string | undefined;
}

export interface ShownQuota {
  /** Bytes that may be stored per UTC day; null: the default of the server. */
  quotaBytes: number | null;
  /** Stored today. */
  usedBytes: number;
}

/** Throws UsageError for an unknown agent. */
export function showQuota(platform: Platform, by: TenantBy, whose: WhoseQuota): Promise<ShownQuota> {
  return readTenant(platform, by, async (tenant) => {
    await checkedAgent(tenant, whose);
    const used = await usageOf(tenant, { agentId: whose.agentId ?? "", at: platform.clock.now() });
    return shownOf(whose, used);
  });
}

/** Sets the limit, or the default with null; it holds from the next upload on. Throws UsageError for an unknown agent. */
export function setQuota(
  platform: Platform,
  by: TenantBy,
  { agentId, quotaBytes }: WhoseQuota & { quotaBytes: number | null },
): Promise<ShownQuota> {
  return changeTenant(platform, by, async (tenant, at) => {
    await checkedAgent(tenant, { agentId });
    const used = shownOf({ agentId }, await usageOf(tenant, { agentId: agentId ?? "", at }));
    if (agentId === undefined) {
      await tenant.run("UPDATE customers SET quota_bytes = :bytes WHERE customer_id = :customer", {
        bytes: quotaBytes,
      });
    } else {
      await tenant.run(
        "UPDATE agents SET quota_bytes = :bytes WHERE customer_id = :customer AND agent_id = :agent_id",
        {
          agent_id: agentId,
          bytes: quotaBytes,
        },
      );
    }
    const text = (bytes: number | null) => bytes ?? "default";
    const detail = { from: text(used.quotaBytes), to: text(quotaBytes) };
    return {
      answer: { ...used, quotaBytes },
      audit: { action: "quotaSet", subject: agentId ?? tenant.customerId, detail },
    };
  });
}

async function checkedAgent(tenant: Tenant, { agentId }: WhoseQuota): Promise<void> {
  if (agentId !== undefined) await agentOf(tenant, agentId);
}

function shownOf({ agentId }: WhoseQuota, used: Usage): ShownQuota {
  return agentId === undefined
    ? { quotaBytes: used.customerQuota, usedBytes: used.customerBytes }
    : { quotaBytes: used.agentQuota, usedBytes: used.agentBytes };
}

/**
 * How much one agent, and all of a customer, may make the store grow by on a day. Whoever is over it is told to wait: the
 * agent keeps its batch and sends it again, and nothing is lost.
 */
import { appendAudit } from "../audit/audit_log.ts";
import { addUsage, noteQuotaTold, untilNextDayMs, usageOf } from "./usage.ts";
import { CallError } from "./call_error.ts";
import type { Caller, TenantAgent } from "./caller.ts";
import type { Platform } from "./platform.ts";

export interface Quotas {
  agentBytes: number;
  customerBytes: number;
}

export const defaultQuotas: Quotas = { agentBytes: 256 * 1024 * 1024, customerBytes: 1024 * 1024 * 1024 };

const mostWaitMs = 3_600_000;

/**
 * Undefined while the day's bytes are not used up, else what the call ends with: to be thrown after the transaction, which
 * has noted it for the audit log.
 */
export async function quotaError(platform: Platform, { tenant, agentId }: TenantAgent): Promise<CallError | undefined> {
  const { quotas, clock } = platform;
  const at = clock.now();
  const used = await usageOf(tenant, { agentId, at });
  const over = used.agentBytes >= quotas.agentBytes
    ? { whose: "this agent", bytes: used.agentBytes, most: quotas.agentBytes, option: "--agent-quota" }
    : used.customerBytes >= quotas.customerBytes
    ? { whose: "this customer", bytes: used.customerBytes, most: quotas.customerBytes, option: "--customer-quota" }
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
    platform.log("quotaReached", { agentId, ...detail });
  }
  return new CallError(
    "too-many-requests",
    `Cannot store more of ${over.whose} today: ${megabytes(over.bytes)} are stored and ${megabytes(over.most)} a day ` +
      `are allowed; the rest is taken after midnight UTC, or when the platform's ${over.option} is raised`,
    Math.min(mostWaitMs, untilNextDayMs(at)),
  );
}

/** A transaction whose growth of the store, indices included, counts into the agent's day. */
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
    // What a call replaces is taken off again, or every poll that grows and shrinks a page would count.
    if (bytes !== 0) await addUsage(tenant, { agentId, at: clock.now(), bytes });
    return result;
  });
}

function megabytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

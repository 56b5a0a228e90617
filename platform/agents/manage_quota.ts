/** Daily limits of one agent or one customer, for operators. */
import { changeTenant, readTenant, type TenantBy } from "../audit/use_case.ts";
import type { Tenant } from "../store/store.ts";
import { agentOf } from "./manage_agents.ts";
import type { Platform } from "./platform.ts";
import { type Usage, usageOf } from "./quota.ts";

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

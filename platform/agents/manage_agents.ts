/** Agents for operators: views and changes. */
import { UsageError } from "../../common/core/errors.ts";
import type { ConfigDocument, PlatformConfig } from "../../proto/gen/opendca/v1/config.ts";
import { actorText } from "../audit/audit_log.ts";
import { changeTenant, readTenant, type TenantBy } from "../audit/use_case.ts";
import { siteOf } from "../customers/customers.ts";
import { queueEvents } from "../events/queue_events.ts";
import type { Tenant } from "../store/store.ts";
import {
  configDocument,
  type ConfigVersion,
  configVersions,
  keepAgentConfig,
  maybeAgentConfig,
} from "./agent_configs.ts";
import { type AgentRow, agentRows, type ListedAgent, markRevoked, maybeAgent } from "./agents.ts";
import { type LedgerHeadRow, ledgerHeadRows } from "./ledger_heads.ts";
import type { Platform } from "./platform.ts";
import { type BrokerSeen, withBrokers } from "./presence.ts";

/** In the order of their activation; of one site if given. Throws UsageError for an unknown site. */
export function listAgents(
  platform: Platform,
  by: TenantBy,
  { site }: { site?: string | undefined } = {},
): Promise<(ListedAgent & BrokerSeen)[]> {
  return readTenant(platform, by, async (tenant) => {
    const siteId = site === undefined ? undefined : (await siteOf(tenant, site)).site_id;
    const rows = (await agentRows(tenant)).filter(({ site_id }) => siteId === undefined || site_id === siteId);
    return await withBrokers(tenant.transaction, rows);
  });
}

/** Throws UsageError if the customer has no such agent. */
export async function agentOf(tenant: Tenant, agentId: string): Promise<AgentRow> {
  const row = await maybeAgent(tenant, agentId);
  if (row !== undefined) return row;
  throw new UsageError(`Cannot find the agent "${agentId}"`, "opendca-platform agent list shows them");
}

export function showAgent(
  platform: Platform,
  by: TenantBy,
  { agentId }: { agentId: string },
): Promise<{ row: AgentRow & BrokerSeen; config: ConfigDocument | undefined }> {
  return readTenant(platform, by, async (tenant) => ({
    row: (await withBrokers(tenant.transaction, [await agentOf(tenant, agentId)]))[0]!,
    config: await maybeAgentConfig(tenant, agentId),
  }));
}

/** Latest first. */
export function listLedgerHeads(
  platform: Platform,
  by: TenantBy,
  { agentId }: { agentId: string },
): Promise<LedgerHeadRow[]> {
  return readTenant(platform, by, async (tenant) => {
    await agentOf(tenant, agentId);
    return await ledgerHeadRows(tenant, agentId);
  });
}

/** Revokes the agent: its calls are refused from now on. */
export function revokeAgent(
  platform: Platform,
  by: TenantBy,
  { agentId, reason }: { agentId: string; reason: string },
): Promise<void> {
  return changeTenant(platform, by, async (tenant, at) => {
    await agentOf(tenant, agentId);
    if (!await markRevoked(tenant, { agentId, reason, at })) {
      throw new UsageError(`Cannot revoke "${agentId}" as it is revoked`, `opendca-platform agent show ${agentId}`);
    }
    await queueEvents(tenant, [{ type: "agent.revoked", at, data: { agentId, reason } }], at);
    return { answer: undefined, audit: { action: "agentRevoked", subject: agentId, detail: { reason } } };
  });
}

export interface ShownConfig {
  row: AgentRow;
  config: ConfigDocument | undefined;
  /** Latest first. */
  versions: ConfigVersion[];
}

/** What an agent is to do, what it says of it, and how that came about. Throws UsageError. */
export function showAgentConfig(
  platform: Platform,
  by: TenantBy,
  { agentId }: { agentId: string },
): Promise<ShownConfig> {
  return readTenant(platform, by, async (tenant) => ({
    row: await agentOf(tenant, agentId),
    config: await maybeAgentConfig(tenant, agentId),
    versions: await configVersions(tenant, { agentId }),
  }));
}

export interface ConfigWish {
  agentId: string;
  config: PlatformConfig;
  /** Hash of what was shown when it was made; empty: none. Undefined: whatever there is is replaced. */
  instead?: string | undefined;
}

/** Sets the platform's part of the agent's configuration; returns its hash. Throws UsageError. */
export function setAgentConfig(
  platform: Platform,
  by: TenantBy,
  { agentId, config, instead }: ConfigWish,
): Promise<string> {
  return changeTenant(platform, by, async (tenant, at) => {
    await agentOf(tenant, agentId);
    const document = configDocument(config);
    if (instead !== undefined && ((await maybeAgentConfig(tenant, agentId))?.hash ?? "") !== instead) {
      throw new UsageError(
        `Cannot save the configuration of "${agentId}" as somebody else has changed it meanwhile`,
        "look at it again",
      );
    }
    await keepAgentConfig(tenant, { agentId, document, at, by: actorText(by.actor) });
    const { hash } = document;
    return { answer: hash, audit: { action: "agentConfigured", subject: agentId, detail: { hash } } };
  });
}

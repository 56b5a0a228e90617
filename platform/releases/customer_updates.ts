/** Updates of one customer's agents, for its dealer: what is offered to them, what is pinned, and how far each one is. */
import { AgentStatus } from "../../proto/gen/opendca/v1/agent_service.ts";
import { compareVersions } from "../../common/release/version_order.ts";
import { UpdatePhase } from "../../proto/gen/opendca/v1/update.ts";
import { type AgentFilters, pageOfAgents } from "../agents/list_agents.ts";
import type { Platform } from "../agents/platform.ts";
import { readTenant, type TenantBy } from "../audit/use_case.ts";
import { customerOf, siteRows } from "../customers/customers.ts";
import type { PageOf, PageWish } from "../store/page.ts";
import { manifestIn } from "./catalogue.ts";
import { toldOf } from "./offer_update.ts";

export interface CustomerRelease {
  version: string;
  state: "offered" | "paused" | "withdrawn";
  reason: string | null;
  /** Of the customer's agents without a site that has its own. */
  percent: number;
  /** Whether that is the customer's own, and not its dealer's or everybody's. */
  isOwn: boolean;
  /** Sites with a percentage of their own, by their ids. */
  sites: ReadonlyMap<string, number>;
  /** That the manifest permits. */
  permitted: number;
  expiresAt: string;
}

export interface UpdatingAgentRow {
  agentId: string;
  hostname: string;
  siteId: string;
  site: string;
  version: string;
  pin: string | null;
  offered: string | null;
  /** What it last said; undefined if nothing. */
  told: { version: string; phase: UpdatePhase; message: string } | undefined;
  /** False if it has said that it cannot update itself. */
  canUpdate: boolean;
}

export interface CustomerUpdates {
  /** Newest first, without those that are withdrawn. */
  releases: CustomerRelease[];
  pin: string | null;
  sites: { siteId: string; name: string; pin: string | null }[];
}

export function customerUpdates(platform: Platform, by: TenantBy): Promise<CustomerUpdates> {
  return readTenant(platform, by, async (tenant) => {
    const tx = tenant.transaction, customer = await customerOf(tx, tenant.customerId);
    const sites = await siteRows(tenant);
    const rows = await tx.all<
      { version: string; manifest: string; state: CustomerRelease["state"]; reason: string | null }
    >(
      "SELECT version, manifest, state, reason FROM releases WHERE state <> 'withdrawn'",
    );
    const rollouts = Map.groupBy(
      await tx.all<{ version: string; scope: string; percent: number }>(
        "SELECT version, scope, percent FROM release_rollouts",
      ),
      ({ version }) => version,
    );
    return {
      releases: rows.map(({ version, manifest: text, state, reason }) => {
        const manifest = manifestIn(text);
        const percents = new Map(rollouts.get(version)?.map(({ scope, percent }) => [scope, percent]));
        const own = percents.get(customer.customer_id);
        return {
          version,
          state,
          reason,
          percent: own ?? percents.get(customer.dealer_id) ?? percents.get("all") ?? 0,
          isOwn: own !== undefined,
          sites: new Map(sites.flatMap(({ site_id }) => {
            const percent = percents.get(site_id);
            return percent === undefined ? [] : [[site_id, percent] as const];
          })),
          permitted: manifest.rollout.percent,
          expiresAt: manifest.expiresAt,
        };
      }).sort((a, b) => compareVersions(b.version, a.version)),
      pin: customer.update_pin,
      sites: sites.map(({ site_id, name, update_pin }) => ({ siteId: site_id, name, pin: update_pin })),
    };
  });
}

/** A page of those that are active, at sites that may be seen. */
export async function updatingAgents(
  platform: Platform,
  by: TenantBy,
  { sites, ...wish }: Pick<AgentFilters, "sites"> & PageWish,
): Promise<PageOf<UpdatingAgentRow> & { all: number }> {
  const { rows, ...page } = await pageOfAgents(platform, by, { state: "active", sites, ...wish });
  return {
    ...page,
    rows: rows.map((row) => ({
      agentId: row.agent_id,
      hostname: row.hostname,
      siteId: row.site_id,
      site: row.site_name,
      version: row.version,
      pin: row.update_pin,
      offered: row.update_offered,
      told: toldOf(row.update_told),
      canUpdate: row.status === null || AgentStatus.decode(row.status).updateTarget !== "",
    })),
  };
}

/**
 * Updates of one customer's agents: what is offered to them, how far each one is, and the versions that it, a site or an
 * agent is to have in place of what the roll-out says.
 */
import { AgentStatus } from "../../proto/gen/opendca/v1/agent_service.ts";
import { compareVersions, isVersion } from "../../common/release/version_order.ts";
import { UpdatePhase } from "../../proto/gen/opendca/v1/update.ts";
import { type AgentFilters, pageOfAgents } from "../agents/list_agents.ts";
import type { Platform } from "../agents/platform.ts";
import { changeTenant, readTenant, type TenantBy } from "../audit/use_case.ts";
import { customerOf, siteOf, siteRows } from "../customers/customers.ts";
import type { PageOf, PageWish } from "../store/page.ts";
import { manifestIn } from "./catalogue.ts";
import { toldOf } from "./offer_update.ts";
import { UsageError } from "../../common/core/errors.ts";
import { agentOf } from "../agents/manage_agents.ts";
import type { Tenant } from "../store/store.ts";
import { held } from "./release_for.ts";

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

/** Of the agent, the site, or the whole customer. */
export interface WhosePin {
  agentId?: string | undefined;
  site?: string | undefined;
}

export interface ShownPin {
  /** Id of the agent, site or customer. */
  subject: string;
  /** A version, or `hold`; null: none of its own. */
  pin: string | null;
}

/** Throws UsageError for an unknown agent or site. */
export function showPin(platform: Platform, by: TenantBy, whose: WhosePin): Promise<ShownPin> {
  return readTenant(platform, by, (tenant) => pinOf(tenant, whose));
}

/**
 * Sets the version, `hold` for none, or null for none of its own; it holds from the next poll on. Throws UsageError, also
 * for a version that was withdrawn.
 */
export function setPin(
  platform: Platform,
  by: TenantBy,
  { pin, ...whose }: WhosePin & { pin: string | null },
): Promise<ShownPin> {
  return changeTenant(platform, by, async (tenant) => {
    const { subject, pin: before } = await pinOf(tenant, whose);
    if (pin !== null && pin !== held) await checkVersion(tenant, pin);
    const [table, column] = whose.agentId !== undefined
      ? ["agents", "agent_id"]
      : whose.site !== undefined
      ? ["sites", "site_id"]
      : ["customers", "customer_id"];
    await tenant.run(`UPDATE ${table} SET update_pin = :pin WHERE customer_id = :customer AND ${column} = :subject`, {
      pin,
      subject,
    });
    const detail = { from: before ?? "none", to: pin ?? "none" };
    return { answer: { subject, pin }, audit: { action: "updatePinned", subject, detail } };
  });
}

async function pinOf(tenant: Tenant, { agentId, site }: WhosePin): Promise<ShownPin> {
  if (agentId !== undefined) {
    const row = await agentOf(tenant, agentId);
    return { subject: row.agent_id, pin: row.update_pin };
  }
  if (site !== undefined) {
    const row = await siteOf(tenant, site);
    return { subject: row.site_id, pin: row.update_pin };
  }
  const row = await customerOf(tenant.transaction, tenant.customerId);
  return { subject: row.customer_id, pin: row.update_pin };
}

/* A version that is not there is allowed: it keeps agents where they are, or is added later. */
async function checkVersion(tenant: Tenant, version: string): Promise<void> {
  if (!isVersion(version)) {
    throw new UsageError(`Cannot use "${version}" as a version`, "a version is three numbers, such as 0.2.0");
  }
  const row = await tenant.transaction.get<{ state: string }>("SELECT state FROM releases WHERE version = :version", {
    version,
  });
  if (row?.state === "withdrawn") {
    throw new UsageError(`Cannot pin ${version} as it was withdrawn`, "opendca-platform release list shows releases");
  }
}

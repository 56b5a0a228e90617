/** Versions that a customer, a site or an agent is to have in place of what the roll-out says, for operators. */
import { UsageError } from "../../common/core/errors.ts";
import { isVersion } from "../../common/release/version_order.ts";
import { agentOf } from "../agents/manage_agents.ts";
import type { Platform } from "../agents/platform.ts";
import { changeTenant, readTenant, type TenantBy } from "../audit/use_case.ts";
import { customerOf, siteOf } from "../customers/customers.ts";
import type { Tenant } from "../store/store.ts";
import { held } from "./release_for.ts";

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

/** Lists of devices: filters and columns. */
import { UsageError } from "../../common/core/errors.ts";
import type { Platform } from "../agents/platform.ts";
import { readTenant, type TenantBy } from "../audit/use_case.ts";
import { maybeSite } from "../customers/customers.ts";
import type { Tenant } from "../store/store.ts";
import { type Groups, groupsOf, joinedRows } from "./device_groups.ts";
import { type DeviceView, silentAfterMs, viewOf } from "./device_view.ts";
import {
  type AgentCount,
  agentCounts,
  countRows,
  type DeviceCounts,
  type ListedRow,
  type ListPage,
  type Page,
  type RowFilters,
  statedRows,
} from "./devices.ts";

export interface DeviceFilters {
  low?: boolean | undefined;
  /** Milliseconds without an answer; true: the default time. */
  silent?: boolean | number | undefined;
  /** Id or name of a customer's site. */
  site?: string | undefined;
  /** Name in an agent's file. */
  network?: string | undefined;
  /** Part of the maker and model, in any case. */
  model?: string | undefined;
}

export interface ListedDevice extends DeviceView {
  row: ListedRow;
}

export interface DeviceList {
  devices: ListedDevice[];
  /** Counts over all pages. */
  counts: DeviceCounts;
}

/** Ordered by site, network and address. Throws UsageError for an unknown site. */
export function listDevices(platform: Platform, by: TenantBy, filters: DeviceFilters & Page): Promise<DeviceList> {
  return readTenant(platform, by, async (tenant) => {
    const now = platform.clock.now().getTime();
    const chosen = await rowFilters(tenant, filters, now);
    const agents = await agentCounts(tenant, chosen, { silentSince: new Date(now - silentAfterMs) });
    const rows = await joinedRows(tenant, chosen.groups, await statedRows(tenant, chosen, pageOf(filters, agents)));
    return {
      devices: rows.map(({ row, state }) => ({ ...viewOf(row, state, now), row })),
      counts: await countRows(tenant, chosen, agents),
    };
  });
}

/* What comes behind the first ones is a page as well. */
function pageOf({ limit, offset }: Page, agents: AgentCount[]): ListPage | undefined {
  if (limit === undefined && offset === undefined) return undefined;
  return { limit: limit ?? Number.MAX_SAFE_INTEGER, offset: offset ?? 0, agents };
}

/** Throws UsageError for a site that there is not. */
export async function rowFilters(
  tenant: Tenant,
  { low, silent, site, network, model }: DeviceFilters,
  now: number,
): Promise<RowFilters & { groups: Groups }> {
  const isSilent = silent !== undefined && silent !== false;
  return {
    groups: await groupsOf(tenant),
    low,
    network,
    model,
    siteId: site === undefined ? undefined : await siteIdOf(tenant, site),
    silentSince: isSilent ? new Date(now - (silent === true ? silentAfterMs : silent)) : undefined,
    orAway: silent === true,
  };
}

async function siteIdOf(tenant: Tenant, site: string): Promise<string> {
  const row = await maybeSite(tenant, site);
  if (row !== undefined) return row.site_id;
  throw new UsageError(`Cannot find the site "${site}"`, "opendca-platform site list shows them");
}

/** Lists of devices: filters and columns. */
import type { Platform } from "../agents/platform.ts";
import { readTenant, type TenantBy } from "../audit/use_case.ts";
import { siteOf, siteRows } from "../customers/customers.ts";
import type { Page } from "../store/page.ts";
import type { Tenant } from "../store/store.ts";
import { type Groups, groupsOf, joinedRows, maybeMerged } from "./device_groups.ts";
import { type DeviceView, silentAfterMs, viewOf } from "./device_view.ts";
import {
  type AgentCount,
  agentCounts,
  countRows,
  type DeviceCounts,
  type ListedRow,
  type ListPage,
  type RowFilters,
  statedRows,
} from "./listed_devices.ts";

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

/**
 * Devices of closed sites are left out unless their site is named, or `withClosed`; those of a closed customer are not,
 * as it was named. Throws UsageError for an unknown site.
 */
export async function rowFilters(
  tenant: Tenant,
  { low, silent, site, network, model, withClosed }: DeviceFilters & { withClosed?: boolean },
  now: number,
): Promise<RowFilters & { groups: Groups }> {
  const isSilent = silent !== undefined && silent !== false;
  const siteId = site === undefined ? undefined : (await siteOf(tenant, site)).site_id;
  const hasClosed = (await siteRows(tenant)).some(({ closed_at }) => closed_at !== null);
  const openOnly = siteId === undefined && withClosed !== true && hasClosed;
  const groups = await groupsOf(tenant);
  return {
    groups,
    merged: await maybeMerged(tenant, { groups, filters: { siteId, network, model, low, openOnly } }),
    openOnly,
    low,
    network,
    model,
    siteId,
    silentSince: isSilent ? new Date(now - (silent === true ? silentAfterMs : silent)) : undefined,
    orAway: silent === true,
  };
}

/** Lists of devices: filters and columns. */
import { wordsOf } from "../store/conditions.ts";
import type { Platform } from "../agents/platform.ts";
import { readTenant, type TenantBy } from "../audit/use_case.ts";
import { siteOf, siteRows } from "../customers/customers.ts";
import { inLots, type PageWish, type Position } from "../store/page.ts";
import type { Tenant } from "../store/store.ts";
import { frontOf, type Groups, groupsOf, joinedRows, maybeMerged } from "./device_groups.ts";
import { type DeviceView, silentAfterMs, viewOf } from "./device_view.ts";
import {
  agentCounts,
  closedAgentIds,
  conditionsOf,
  countRows,
  type DeviceCounts,
  type ListedRow,
  type ListOrder,
  mostIds,
  orderedIds,
  type RowFilters,
  type StatedRow,
  statedRows,
  statedRowsNamed,
} from "./listed_devices.ts";
import { pageOfIds } from "./page_of_devices.ts";

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
  /** Words that must all be part of what the device is called, or of where it is: model, serial number, address … */
  search?: string | undefined;
}

export interface Ordered {
  /** Default: by site, network and address. */
  order?: ListOrder | undefined;
}

export interface ListedDevice extends DeviceView {
  row: ListedRow;
}

export interface DeviceList {
  devices: ListedDevice[];
  /** Counts over all pages. */
  counts: DeviceCounts;
  /** As of `PageOf`. */
  next: Position | undefined;
  previous: Position | undefined;
}

/** Throws UsageError for an unknown site. */
export function listDevices(
  platform: Platform,
  by: TenantBy,
  { place, limit, offset, ...filters }: DeviceFilters & Ordered & PageWish,
): Promise<DeviceList> {
  return readTenant(platform, by, async (tenant) => {
    const now = platform.clock.now().getTime();
    const chosen = await rowFilters(tenant, filters, now);
    const agents = await agentCounts(tenant, chosen, { silentSince: new Date(now - silentAfterMs) });
    const { order } = filters, isPart = (limit ?? offset ?? place ?? order) !== undefined;
    const page = isPart ? await pageOfIds(tenant, chosen, { place, limit, offset, order, agents }) : undefined;
    const rows = page === undefined
      ? await joinedRows(tenant, chosen.groups, await statedRows(tenant, chosen))
      : await statedRowsOf(tenant, chosen.groups, page.rows);
    return {
      devices: rows.map(({ row, state }) => ({ ...viewOf(row, state, now), row })),
      counts: await countRows(tenant, chosen, agents),
      next: page?.next,
      previous: page?.previous,
    };
  });
}

/** The devices of these ids in their order; those that are not there are left out. */
export async function statedRowsOf(tenant: Tenant, groups: Groups, ids: readonly string[]): Promise<StatedRow[]> {
  const places = new Map(ids.map((id, place) => [id, place]));
  const rows = await statedRowsNamed(tenant, groups, ids);
  rows.sort((a, b) => places.get(a.row.device_id)! - places.get(b.row.device_id)!);
  return await joinedRows(tenant, groups, rows);
}

async function viewsOfIds(
  tenant: Tenant,
  { groups, ids, now }: { groups: Groups; ids: readonly string[]; now: number },
): Promise<ListedDevice[]> {
  return (await statedRowsOf(tenant, groups, ids)).map(({ row, state }) => ({ ...viewOf(row, state, now), row }));
}

/** The whole list in lots. A device that is merged or dropped meanwhile is left out. */
export function exportDevices(
  platform: Platform,
  by: TenantBy,
  { order, ...filters }: DeviceFilters & Ordered,
): AsyncGenerator<ListedDevice[]> {
  const now = platform.clock.now().getTime();
  return inLots((work) => readTenant(platform, by, work), {
    idsOf: async (tenant: Tenant) => await orderedIds(tenant, await rowFilters(tenant, filters, now), order),
    rowsOf: async (tenant, ids) => await viewsOfIds(tenant, { groups: await groupsOf(tenant), ids, now }),
  });
}

/** By their common ids, in their order; those that are not there are left out. */
export function devicesNamed(platform: Platform, by: TenantBy, ids: readonly string[]): Promise<ListedDevice[]> {
  return readTenant(platform, by, async (tenant) => {
    const now = platform.clock.now().getTime(), groups = await groupsOf(tenant);
    return await viewsOfIds(tenant, { groups, ids: ids.map((id) => frontOf(groups, id)), now });
  });
}

/**
 * Those that a list without filters has, with the ids of it; of a merged one, the id of any part will do. Closed sites
 * have none.
 */
export function devicesListed(platform: Platform, by: TenantBy, ids: readonly string[]): Promise<ListedDevice[]> {
  return readTenant(platform, by, async (tenant) => {
    const now = platform.clock.now().getTime(), groups = await groupsOf(tenant);
    const closed = new Set(await closedAgentIds(tenant));
    const isOpen = ({ row }: StatedRow) =>
      closed.size === 0 || (groups.of.get(row.device_id)?.parts ?? [row]).some(({ agent_id }) => !closed.has(agent_id));
    const fronts = [...new Set(ids.map((id) => groups.of.get(id)?.parts[0]?.device_id ?? id))];
    const stated = await statedRowsNamed(tenant, groups, fronts);
    const rows = await joinedRows(tenant, groups, stated.filter(isOpen));
    return rows.map(({ row, state }) => ({ ...viewOf(row, state, now), row }));
  });
}

/**
 * Devices of closed sites are left out unless their site is named, or `withClosed`; those of a closed customer are not,
 * as it was named. Throws UsageError for an unknown site.
 */
export async function rowFilters(
  tenant: Tenant,
  { low, silent, site, network, model, search: text, withClosed }: DeviceFilters & { withClosed?: boolean },
  now: number,
): Promise<RowFilters & { groups: Groups }> {
  const isSilent = silent !== undefined && silent !== false;
  const siteId = site === undefined ? undefined : (await siteOf(tenant, site)).site_id;
  const hasClosed = (await siteRows(tenant)).some(({ closed_at }) => closed_at !== null);
  const openOnly = siteId === undefined && withClosed !== true && hasClosed;
  const groups = await groupsOf(tenant), words = wordsOf(text), search = words.length === 0 ? undefined : words;
  return {
    groups,
    merged: await maybeMerged(tenant, { groups, filters: { siteId, network, model, search, low, openOnly } }),
    search,
    ids: search === undefined ? undefined : await maybeFew(tenant, search),
    openOnly,
    low,
    network,
    model,
    siteId,
    silentSince: isSilent ? new Date(now - (silent === true ? silentAfterMs : silent)) : undefined,
    orAway: silent === true,
  };
}

/* Looking for text takes longer than all the rest of a list, and a list asks several times who is in it. */
async function maybeFew(tenant: Tenant, search: readonly string[]): Promise<string[] | undefined> {
  const { where, parameters } = conditionsOf({ search });
  const rows = await tenant.all<{ device_id: string }>(
    `SELECT d.device_id FROM devices d WHERE d.customer_id = :customer${where} LIMIT :most`,
    { ...parameters, most: mostIds + 1 },
  );
  return rows.length > mostIds ? undefined : rows.map(({ device_id }) => device_id);
}

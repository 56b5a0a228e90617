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
  closedAgentIds,
  conditionsOf,
  countRows,
  type DeviceCounts,
  type ListedRow,
  type ListOrder,
  type ListPage,
  mostIds,
  orderedIds,
  type RowFilters,
  type StatedRow,
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
}

/** Throws UsageError for an unknown site. */
export function listDevices(
  platform: Platform,
  by: TenantBy,
  filters: DeviceFilters & Ordered & Page,
): Promise<DeviceList> {
  return readTenant(platform, by, async (tenant) => {
    const now = platform.clock.now().getTime();
    const chosen = await rowFilters(tenant, filters, now);
    const agents = await agentCounts(tenant, chosen, { silentSince: new Date(now - silentAfterMs) });
    return {
      devices: await listedDevices(tenant, chosen, { page: pageOf(filters, agents), now }),
      counts: await countRows(tenant, chosen, agents),
    };
  });
}

async function listedDevices(
  tenant: Tenant,
  chosen: RowFilters & { groups: Groups },
  { page, now }: { page: ListPage | undefined; now: number },
): Promise<ListedDevice[]> {
  const rows = await joinedRows(tenant, chosen.groups, await statedRows(tenant, chosen, page));
  return rows.map(({ row, state }) => ({ ...viewOf(row, state, now), row }));
}

/**
 * The whole list in lots, each read when it is asked for: of a long list, no more than the ids are held at once. A
 * device that is merged or dropped meanwhile is left out.
 */
export async function* exportDevices(
  platform: Platform,
  by: TenantBy,
  { order, ...filters }: DeviceFilters & Ordered,
): AsyncGenerator<ListedDevice[]> {
  const now = platform.clock.now().getTime();
  const ids = await readTenant(
    platform,
    by,
    async (tenant) => await orderedIds(tenant, await rowFilters(tenant, filters, now), order),
  );
  for (let from = 0; from < ids.length; from += mostIds) {
    const lot = ids.slice(from, from + mostIds);
    const places = new Map(lot.map((id, place) => [id, place]));
    yield await readTenant(platform, by, async (tenant) => {
      const groups = await groupsOf(tenant);
      const rows = (await statedRows(tenant, { groups, ids: lot }))
        .sort((a, b) => places.get(a.row.device_id)! - places.get(b.row.device_id)!);
      const joined = await joinedRows(tenant, groups, rows);
      return joined.map(({ row, state }) => ({ ...viewOf(row, state, now), row }));
    });
  }
}

/** By their common ids, in their order; those that are not there are left out. */
export function devicesNamed(platform: Platform, by: TenantBy, ids: readonly string[]): Promise<ListedDevice[]> {
  return readTenant(platform, by, async (tenant) => {
    const now = platform.clock.now().getTime(), groups = await groupsOf(tenant), found: ListedDevice[] = [];
    const fronts = new Map([...groups.of.values()].map(({ deviceId, parts }) => [deviceId, parts[0]!.device_id]));
    for (let from = 0; from < ids.length; from += mostIds) {
      const lot = ids.slice(from, from + mostIds).map((id) => fronts.get(id) ?? id);
      const rows = await joinedRows(tenant, groups, await statedRows(tenant, { groups, ids: lot }));
      found.push(...rows.map(({ row, state }) => ({ ...viewOf(row, state, now), row })));
    }
    const places = new Map(ids.map((id, place) => [id, place]));
    return found.sort((a, b) => places.get(a.row.device_id)! - places.get(b.row.device_id)!);
  });
}

/**
 * Those that a list without filters has, with the ids of it; of a merged one, the id of any part will do. Closed sites
 * have none.
 */
export function devicesListed(platform: Platform, by: TenantBy, ids: readonly string[]): Promise<ListedDevice[]> {
  return readTenant(platform, by, async (tenant) => {
    const now = platform.clock.now().getTime(), groups = await groupsOf(tenant), found: ListedDevice[] = [];
    const closed = new Set(await closedAgentIds(tenant));
    const isOpen = ({ row }: StatedRow) =>
      closed.size === 0 || (groups.of.get(row.device_id)?.parts ?? [row]).some(({ agent_id }) => !closed.has(agent_id));
    const fronts = [...new Set(ids.map((id) => groups.of.get(id)?.parts[0]?.device_id ?? id))];
    for (let from = 0; from < fronts.length; from += mostIds) {
      const stated = await statedRows(tenant, { groups, ids: fronts.slice(from, from + mostIds) });
      const rows = await joinedRows(tenant, groups, stated.filter(isOpen));
      found.push(...rows.map(({ row, state }) => ({ ...viewOf(row, state, now), row })));
    }
    return found;
  });
}

/* What comes behind the first ones is a page as well. */
function pageOf({ limit, offset, order }: Page & Ordered, agents: AgentCount[]): ListPage | undefined {
  if (limit === undefined && offset === undefined && order === undefined) return undefined;
  return { limit: limit ?? Number.MAX_SAFE_INTEGER, offset: offset ?? 0, agents, order };
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
  const groups = await groupsOf(tenant), search = wordsOf(text);
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

/* More would take long, and find nothing that these do not. */
const mostWords = 6;

function wordsOf(text: string | undefined): string[] | undefined {
  const words = (text ?? "").split(/\s+/).filter((word) => word !== "").slice(0, mostWords);
  return words.length === 0 ? undefined : words;
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

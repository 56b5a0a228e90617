import { LevelKind, type Supply } from "../../proto/gen/opendca/v1/reading.ts";
import type { Platform } from "../agents/platform.ts";
import { readTenant, type TenantBy } from "../audit/use_case.ts";
import {
  directionOf,
  inLots,
  lotSize,
  type OrderOf,
  type Page,
  type PageOf,
  type Place,
  type Position,
} from "../store/page.ts";
import type { Tenant } from "../store/store.ts";
import { frontOf, type Groups, groupsOf } from "./device_groups.ts";
import { isLow, suppliesOf } from "./device_state.ts";
import { levelRank, lowestFirst, supplyName } from "./device_view.ts";
import { keptForecasts } from "./kept_forecasts.ts";
import { agentCounts, type ListedRow, orderedIds, type RowFilters, type StatedRow } from "./listed_devices.ts";
import { pageBySite, type PlacedId, placeOfId } from "./page_of_devices.ts";
import { type DeviceFilters, rowFilters, statedRowsOf } from "./list_devices.ts";

export interface ListedSupply {
  row: ListedRow;
  supply: Supply;
  low: boolean;
  /** When it was read. */
  readAt: number;
}

type Text = string | number | null | undefined;

/* What a list can be ordered by; times of forecasts are asked for beside them. */
const sortKeys = {
  device: ({ row }) => `${row.manufacturer ?? ""} ${row.model ?? ""}`.trim().toLowerCase() || null,
  site: ({ row }) => row.site.toLowerCase(),
  address: ({ row }) => row.address,
  serial: ({ row }) => row.serial?.toLowerCase(),
  location: ({ row }) => row.location?.toLowerCase(),
  supply: ({ supply }) => supplyName(supply).toLowerCase(),
  level: ({ supply }) => supply.level?.kind === LevelKind.EMPTY ? 0 : supply.level?.percent,
  daysLeft: () => null,
  partNumber: ({ supply }) => supply.partNumber?.toLowerCase(),
  readAt: ({ readAt }) => readAt,
} satisfies Record<string, (listed: ListedSupply) => Text>;

export type SupplyOrder = OrderOf<keyof typeof sortKeys>;
export const supplySorts = Object.keys(sortKeys) as SupplyOrder["by"][];

export interface SuppliesWish extends DeviceFilters {
  /** Default: by device and level, lowest first. Any other looks at all of them first: it is for low ones. */
  order?: SupplyOrder | undefined;
}

/** Supplies of all devices; with `low`, only low ones. */
export async function listSupplies(
  platform: Platform,
  by: TenantBy,
  { limit = Infinity, offset = 0, ...wish }: SuppliesWish & Page,
): Promise<ListedSupply[]> {
  const found: ListedSupply[] = [], end = offset + limit;
  for await (const lot of exportSupplies(platform, by, wish)) {
    found.push(...lot);
    if (found.length >= end) break;
  }
  return found.slice(offset, end);
}

/** The whole list in lots. What is merged or dropped meanwhile is left out. */
export function exportSupplies(
  platform: Platform,
  by: TenantBy,
  { order, ...filters }: SuppliesWish,
): AsyncGenerator<ListedSupply[]> {
  const now = platform.clock.now().getTime(), isOnlyLow = filters.low === true;
  const read = <T>(work: (tenant: Tenant) => Promise<T>) => readTenant(platform, by, work);
  if (order !== undefined) {
    return inLots(read, {
      idsOf: async (tenant) => await placesInOrder(tenant, await rowFilters(tenant, filters, now), order),
      rowsOf: async (tenant, places) => await suppliesAt(tenant, { groups: await groupsOf(tenant), places, isOnlyLow }),
    });
  }
  return inLots(read, {
    idsOf: async (tenant) => await orderedIds(tenant, await rowFilters(tenant, filters, now), undefined),
    rowsOf: async (tenant, ids) => {
      const rows = await statedRowsOf(tenant, await groupsOf(tenant), ids);
      return rows.flatMap((row) => listedOf(row, isOnlyLow));
    },
  });
}

/** A page of low supplies. In the default order it is of whole devices, as many as it takes. */
export function pageOfLowSupplies(
  platform: Platform,
  by: TenantBy,
  { place, limit, order, ...filters }: Omit<SuppliesWish, "low"> & { place?: Place; limit: number },
): Promise<PageOf<ListedSupply>> {
  return readTenant(platform, by, async (tenant) => {
    const now = platform.clock.now(), chosen = await rowFilters(tenant, { ...filters, low: true }, now.getTime());
    const { groups } = chosen;
    if (order === undefined) {
      const agents = await agentCounts(tenant, chosen, { silentSince: now });
      const devices = await pageBySite(tenant, chosen, { place, limit, agents });
      return pageOfDevices(devices, {
        place,
        limit,
        groups,
        rows: await statedRowsOf(tenant, groups, devices.rows.map(({ device_id }) => device_id)),
      });
    }
    const { rows: places, ...further } = partOf(await placesInOrder(tenant, chosen, order), { place, limit, order });
    return { ...further, rows: await suppliesAt(tenant, { groups, places, isOnlyLow: true }) };
  });
}

function listedOf({ row, state }: StatedRow, isOnlyLow: boolean): ListedSupply[] {
  return lowestFirst(suppliesOf(state))
    .map((supply) => ({ row, supply, low: isLow(supply), readAt: state!.supplies_at! }))
    .filter(({ low }) => low || !isOnlyLow);
}

/* The supplies of the first devices of a page, or of the last ones, which fit on it. Of each device there is at least one. */
function pageOfDevices(
  { rows: devices, ...further }: PageOf<PlacedId>,
  { place, limit, groups, rows }: { place: Place; limit: number; groups: Groups; rows: readonly StatedRow[] },
): PageOf<ListedSupply> {
  const { isBackwards } = directionOf(place), idOf = (id: string) => groups.of.get(id)?.deviceId ?? id;
  const placed = new Map(devices.map((device) => [idOf(device.device_id), placeOfId(device)]));
  const taken: ListedSupply[][] = [];
  let left = limit;
  for (const row of isBackwards ? rows.toReversed() : rows) {
    const listed = listedOf(row, true);
    if (taken.length > 0 && listed.length > left) break;
    taken.push(listed);
    left -= listed.length;
  }
  const isCut = taken.length < rows.length, shown = (isBackwards ? taken.reverse() : taken).flat();
  const first = placed.get(shown[0]?.row.device_id ?? ""), last = placed.get(shown.at(-1)?.row.device_id ?? "");
  return {
    rows: shown,
    previous: (isBackwards && isCut) || further.previous !== undefined ? first : undefined,
    next: (!isBackwards && isCut) || further.next !== undefined ? last : undefined,
  };
}

/* A supply in a list that the database cannot order: by the key of the order, and what the default order is. */
interface PlacedSupply {
  deviceId: string;
  index: string;
  position: Position;
}

async function placesInOrder(
  tenant: Tenant,
  chosen: RowFilters & { groups: Groups },
  order: SupplyOrder,
): Promise<PlacedSupply[]> {
  const ids = await orderedIds(tenant, chosen, undefined), places: PlacedSupply[] = [];
  for (let from = 0; from < ids.length; from += lotSize) {
    const rows = await statedRowsOf(tenant, chosen.groups, ids.slice(from, from + lotSize));
    const kept = order.by === "daysLeft"
      ? await keptForecasts(tenant, rows.map(({ row }) => row.device_id))
      : undefined;
    for (const listed of rows.flatMap((row) => listedOf(row, chosen.low === true))) {
      const { row: { site, network, address_order, device_id }, supply: { index }, supply } = listed;
      const forecast = kept?.get(device_id)?.get(index);
      const key = forecast !== undefined && forecast.none === undefined ? forecast.likely : sortKeys[order.by](listed);
      const usual = [site.toLowerCase(), network, address_order, device_id, levelRank(supply), index];
      places.push({ deviceId: device_id, index, position: [key ?? null, ...usual] });
    }
  }
  return places.sort((a, b) => compared(a.position, b.position, order));
}

/* What is not known comes last. */
function compared(a: Position, b: Position, { isDescending }: SupplyOrder): number {
  const i = a.findIndex((value, i) => value !== b[i]), x = a[i], y = b[i];
  if (i < 0) return 0;
  if (x == null || y == null) return Number(x == null) - Number(y == null);
  return (x < y ? -1 : 1) * (i === 0 && isDescending ? -1 : 1);
}

function partOf(
  places: readonly PlacedSupply[],
  { place, limit, order }: { place: Place; limit: number; order: SupplyOrder },
): PageOf<PlacedSupply> {
  const { position, isBackwards } = directionOf(place);
  const behind = (isOwn: boolean) => {
    const at = position === undefined ? -1 : places.findIndex((each) => {
      const sign = compared(each.position, position, order);
      return sign > 0 || (isOwn && sign === 0);
    });
    return at < 0 ? places.length : at;
  };
  const end = isBackwards ? behind(true) : undefined;
  const from = end !== undefined ? Math.max(0, end - limit) : position === undefined ? 0 : behind(false);
  const rows = places.slice(from, end ?? from + limit);
  return {
    rows,
    previous: from > 0 ? rows[0]?.position : undefined,
    next: from + rows.length < places.length ? rows.at(-1)?.position : undefined,
  };
}

/* In the order of the places. */
async function suppliesAt(
  tenant: Tenant,
  { groups, places, isOnlyLow }: { groups: Groups; places: readonly PlacedSupply[]; isOnlyLow: boolean },
): Promise<ListedSupply[]> {
  const fronts = new Set(places.map(({ deviceId }) => frontOf(groups, deviceId)));
  const rows = await statedRowsOf(tenant, groups, [...fronts]), found = new Map<string, ListedSupply>();
  for (const listed of rows.flatMap((row) => listedOf(row, isOnlyLow))) {
    found.set(JSON.stringify([listed.row.device_id, listed.supply.index]), listed);
  }
  return places.flatMap(({ deviceId, index }) => found.get(JSON.stringify([deviceId, index])) ?? []);
}

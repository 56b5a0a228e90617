import { LevelKind, type Supply } from "../../proto/gen/opendca/v1/reading.ts";
import type { Platform } from "../agents/platform.ts";
import { readTenant, type TenantBy } from "../audit/use_case.ts";
import type { OrderOf, Page } from "../store/page.ts";
import type { Tenant } from "../store/store.ts";
import { joinedRows } from "./device_groups.ts";
import { isLow, suppliesOf } from "./device_state.ts";
import { lowestFirst, supplyName } from "./device_view.ts";
import { keptForecasts } from "./kept_forecasts.ts";
import { agentCounts, type ListedRow, type ListPage, statedRows } from "./listed_devices.ts";
import { type DeviceFilters, rowFilters } from "./list_devices.ts";

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

/* Devices that are read at once, as far as a page needs them. */
const mostDevices = 1000;

/**
 * Supplies of all devices; with `low`, only low ones. Default order: by device and level, lowest first. Any other takes
 * all of them at once: it is for low ones.
 */
export function listSupplies(
  platform: Platform,
  by: TenantBy,
  { limit, offset = 0, order, ...filters }: DeviceFilters & Page & { order?: SupplyOrder | undefined },
): Promise<ListedSupply[]> {
  return readTenant(platform, by, async (tenant) => {
    const now = platform.clock.now();
    const chosen = await rowFilters(tenant, filters, now.getTime());
    const suppliesFrom = async (page: ListPage | undefined) => {
      const rows = await joinedRows(tenant, chosen.groups, await statedRows(tenant, chosen, page));
      return rows.flatMap(({ row, state }) =>
        lowestFirst(suppliesOf(state))
          .map((supply) => ({ row, supply, low: isLow(supply), readAt: state!.supplies_at! }))
          .filter(({ low }) => low || filters.low !== true)
      );
    };
    const end = limit === undefined ? undefined : offset + limit;
    if (order !== undefined) return (await inOrder(tenant, await suppliesFrom(undefined), order)).slice(offset, end);
    if (end === undefined) return (await suppliesFrom(undefined)).slice(offset);
    const agents = await agentCounts(tenant, chosen, { silentSince: now });
    const devices = agents.reduce((sum, { found }) => sum + found, 0);
    const supplies: ListedSupply[] = [];
    // Of each device that is listed as low, at least one is shown.
    const lot = filters.low === true ? Math.min(mostDevices, end) : mostDevices;
    for (let from = 0; from < devices && supplies.length < end; from += lot) {
      supplies.push(...await suppliesFrom({ limit: lot, offset: from, agents }));
    }
    return supplies.slice(offset, end);
  });
}

/* What is not known comes last; equal ones stay in the default order. */
async function inOrder(
  tenant: Tenant,
  supplies: readonly ListedSupply[],
  { by, isDescending }: SupplyOrder,
): Promise<ListedSupply[]> {
  const kept = by === "daysLeft"
    ? await keptForecasts(tenant, [...new Set(supplies.map(({ row }) => row.device_id))])
    : undefined;
  const keyOf = (listed: ListedSupply): Text => {
    const forecast = kept?.get(listed.row.device_id)?.get(listed.supply.index);
    return forecast?.none === undefined && forecast !== undefined ? forecast.likely : sortKeys[by](listed);
  };
  const keyed = supplies.map((listed) => ({ listed, key: keyOf(listed) ?? null })), sign = isDescending ? -1 : 1;
  keyed.sort(({ key: a }, { key: b }) => {
    if (a === null || b === null) return Number(a === null) - Number(b === null);
    return a < b ? -sign : a > b ? sign : 0;
  });
  return keyed.map(({ listed }) => listed);
}

import type { Supply } from "../../proto/gen/opendca/v1/reading.ts";
import type { Platform } from "../agents/platform.ts";
import { readTenant, type TenantBy } from "../audit/use_case.ts";
import type { Page } from "../store/page.ts";
import { joinedRows } from "./device_groups.ts";
import { isLow, suppliesOf } from "./device_state.ts";
import { lowestFirst } from "./device_view.ts";
import { agentCounts, type ListedRow, type ListPage, statedRows } from "./listed_devices.ts";
import { type DeviceFilters, rowFilters } from "./list_devices.ts";

export interface ListedSupply {
  row: ListedRow;
  supply: Supply;
  low: boolean;
  /** When it was read. */
  readAt: number;
}

/* Devices that are read at once, as far as a page needs them. */
const mostDevices = 1000;

/** Supplies of all devices, ordered by device and level, lowest first; with `low`, only low ones. */
export function listSupplies(
  platform: Platform,
  by: TenantBy,
  { limit, offset = 0, ...filters }: DeviceFilters & Page,
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
    if (limit === undefined) return (await suppliesFrom(undefined)).slice(offset);
    const agents = await agentCounts(tenant, chosen, { silentSince: now });
    const devices = agents.reduce((sum, { found }) => sum + found, 0);
    const supplies: ListedSupply[] = [];
    // Of each device that is listed as low, at least one is shown.
    const lot = filters.low === true ? Math.min(mostDevices, offset + limit) : mostDevices;
    for (let from = 0; from < devices && supplies.length < offset + limit; from += lot) {
      supplies.push(...await suppliesFrom({ limit: lot, offset: from, agents }));
    }
    return supplies.slice(offset, offset + limit);
  });
}

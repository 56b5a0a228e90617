import type { Supply } from "../../proto/gen/opendca/v1/reading.ts";
import type { Platform } from "../agents/platform.ts";
import { readTenant, type TenantBy } from "../audit/use_case.ts";
import { joinedRows } from "./device_groups.ts";
import { isLow, suppliesOf } from "./device_state.ts";
import { lowestFirst } from "./device_view.ts";
import { type ListedRow, statedRows } from "./devices.ts";
import { type DeviceFilters, rowFilters } from "./list_devices.ts";

export interface ListedSupply {
  row: ListedRow;
  supply: Supply;
  low: boolean;
  /** When it was read. */
  readAt: number;
}

/** Supplies of all devices, ordered by device and level, lowest first; with `low`, only low ones. */
export function listSupplies(platform: Platform, by: TenantBy, filters: DeviceFilters): Promise<ListedSupply[]> {
  return readTenant(platform, by, async (tenant) => {
    const chosen = await rowFilters(tenant, filters, platform.clock.now().getTime());
    const rows = await joinedRows(tenant, chosen.groups, await statedRows(tenant, chosen));
    return rows.flatMap(({ row, state }) =>
      lowestFirst(suppliesOf(state))
        .map((supply) => ({ row, supply, low: isLow(supply), readAt: state!.supplies_at! }))
        .filter(({ low }) => low || filters.low !== true)
    );
  });
}

/** What a dealer asks every day: which supplies are low, what is wrong with the printers, what they printed. */
import type { Supply } from "../../proto/gen/opendca/v1/reading.ts";
import type { Platform } from "../agents/platform.ts";
import { readTenant, type TenantBy } from "../audit/use_case.ts";
import { alertRows, type ListedAlert } from "./alerts.ts";
import { joinedRows } from "./device_groups.ts";
import { isLow, suppliesOf } from "./device_state.ts";
import { lowestFirst } from "./device_view.ts";
import { type ListedRow, statedRows } from "./devices.ts";
import { type DeviceFilters, rowFilters } from "./list_devices.ts";
import { type PeriodRow, periodRows } from "./samples.ts";

export interface ListedSupply {
  row: ListedRow;
  supply: Supply;
  low: boolean;
  /** When it was read. */
  readAt: number;
}

/** Supplies of all devices, by device and the lowest first; with `low`, only those that are low. */
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

export interface AlertFilters extends DeviceFilters {
  severity?: string | undefined;
  /** Also those that have ended. */
  ended?: boolean | undefined;
  limit: number;
}

export function listAlerts(platform: Platform, by: TenantBy, filters: AlertFilters): Promise<ListedAlert[]> {
  const { severity, ended = false, limit } = filters;
  return readTenant(platform, by, async (tenant) =>
    await alertRows(tenant, {
      filters: await rowFilters(tenant, filters, platform.clock.now().getTime()),
      severity,
      ended,
      limit,
    }));
}

export interface MeterPeriod extends DeviceFilters {
  /** The first moment of the period, and the first after it. */
  from: Date;
  until: Date;
  name?: string | undefined;
}

/** Of each meter of each device: first and last reading in the period, difference, resets. */
export function meterPeriods(platform: Platform, by: TenantBy, period: MeterPeriod): Promise<PeriodRow[]> {
  const { from, until, name } = period;
  return readTenant(platform, by, async (tenant) => {
    const filters = await rowFilters(tenant, period, platform.clock.now().getTime());
    return await periodRows(tenant, { filters, name, from, until });
  });
}

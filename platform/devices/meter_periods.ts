import type { Platform } from "../agents/platform.ts";
import { readTenant, type TenantBy } from "../audit/use_case.ts";
import { type DeviceFilters, rowFilters } from "./list_devices.ts";
import { type PeriodRow, periodRows } from "./samples.ts";

export interface MeterPeriod extends DeviceFilters {
  /** Start of the period (included) and its end (excluded). */
  from: Date;
  until: Date;
  name?: string | undefined;
}

/** For each meter of each device: first and last reading in the period, difference, resets. */
export function meterPeriods(platform: Platform, by: TenantBy, period: MeterPeriod): Promise<PeriodRow[]> {
  const { from, until, name } = period;
  return readTenant(platform, by, async (tenant) => {
    const filters = await rowFilters(tenant, { ...period, withClosed: true }, platform.clock.now().getTime());
    return await periodRows(tenant, { filters, name, from, until });
  });
}

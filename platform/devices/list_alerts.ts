import type { Platform } from "../agents/platform.ts";
import { readTenant, type TenantBy } from "../audit/use_case.ts";
import { alertRows, type ListedAlert } from "./alerts.ts";
import { type DeviceFilters, rowFilters } from "./list_devices.ts";

export interface AlertFilters extends DeviceFilters {
  severity?: string | undefined;
  /** Also alerts that have ended. */
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

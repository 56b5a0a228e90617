import type { Platform } from "../agents/platform.ts";
import { readTenant, type TenantBy } from "../audit/use_case.ts";
import type { Page } from "../store/page.ts";
import { alertRows, type ListedAlert } from "./alerts.ts";
import { type DeviceFilters, rowFilters } from "./list_devices.ts";

export interface AlertFilters extends DeviceFilters, Page {
  severity?: string | undefined;
  /** Also alerts that have ended. */
  ended?: boolean | undefined;
}

export function listAlerts(platform: Platform, by: TenantBy, filters: AlertFilters): Promise<ListedAlert[]> {
  const { severity, ended = false, limit, offset } = filters;
  return readTenant(platform, by, async (tenant) =>
    await alertRows(tenant, {
      filters: await rowFilters(tenant, filters, platform.clock.now().getTime()),
      severity,
      ended,
      limit,
      offset,
    }));
}

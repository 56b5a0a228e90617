/** Which devices a list shows, and what it shows of them. */
import { UsageError } from "../../common/core/errors.ts";
import type { Platform } from "../agents/platform.ts";
import { readTenant, type TenantBy } from "../audit/use_case.ts";
import { maybeSite } from "../customers/customers.ts";
import type { Tenant } from "../store/store.ts";
import { maybeDeviceState } from "./device_state.ts";
import { type DeviceView, viewOf } from "./device_view.ts";
import { deviceRows, type ListedRow } from "./devices.ts";

export interface DeviceFilters {
  low?: boolean | undefined;
  /** Milliseconds without an answer; true: as the lists mark them. */
  silent?: boolean | number | undefined;
  /** Id or name of a customer's site. */
  site?: string | undefined;
  /** As an agent's file calls it. */
  network?: string | undefined;
}

export interface ListedDevice extends DeviceView {
  row: ListedRow;
}

export interface DeviceList {
  devices: ListedDevice[];
  /** How many the customer has, whatever the filters. */
  all: number;
}

/** By site and address. Throws UsageError for a site that there is not. */
export function listDevices(platform: Platform, by: TenantBy, filters: DeviceFilters): Promise<DeviceList> {
  return readTenant(platform, by, async (tenant) => {
    const now = platform.clock.now().getTime();
    const all: ListedDevice[] = [];
    for (const row of await deviceRows(tenant)) {
      all.push({ ...viewOf(row, await maybeDeviceState(tenant, row.device_id), now), row });
    }
    const siteId = filters.site === undefined ? undefined : await siteIdOf(tenant, filters.site);
    const network = filters.network?.toLowerCase(), { silent } = filters;
    const devices = all.filter(({ row, low, isSilent }) =>
      (siteId === undefined || row.site_id === siteId) &&
      (network === undefined || row.network.toLowerCase() === network) &&
      (filters.low !== true || low.length > 0) &&
      (typeof silent === "number" ? now - row.last_seen_at >= silent : silent !== true || isSilent)
    );
    return { devices, all: all.length };
  });
}

async function siteIdOf(tenant: Tenant, site: string): Promise<string> {
  const row = await maybeSite(tenant, site);
  if (row !== undefined) return row.site_id;
  throw new UsageError(`Cannot find the site "${site}"`, "opendca-platform site list shows them");
}

/** Which devices a list shows, and how many of how many that are. */
import type { Command } from "commander";
import { formatDuration } from "../../../common/core/duration.ts";
import { UsageError } from "../../../common/core/errors.ts";
import { listAgents } from "../../agents/agents.ts";
import { maybeSite } from "../../customers/customers.ts";
import { listDevices } from "../../devices/devices.ts";
import { maybeDeviceState } from "../../devices/device_state.ts";
import type { Tenant } from "../../store/store.ts";
import { customerOption, timeOption } from "./command_context.ts";
import { type DeviceView, viewOf } from "./device_view.ts";

export interface DeviceFilters {
  low?: boolean;
  /** Milliseconds; true: as the lists mark them. */
  silent?: boolean | number;
  site?: string;
}

export function addDeviceFilters(command: Command): Command {
  return command.option(...customerOption)
    .option("--site <site>", "of one site: its id or name, or its name in the agent's file")
    .option("--low", "only devices with a supply of which 20 % or less is left")
    .option(
      "--silent [time]",
      "only devices without contact for this time, such as 2h or 3d (default: a day, or known to be away)",
      timeOption("--silent", { min: "1m", max: "365d", bareUnit: "d" }),
    );
}

export interface ListedDevice extends DeviceView {
  total: number | null;
}

export interface DeviceSelection {
  devices: ListedDevice[];
  /** "8 of 43 devices (--low): …" */
  counts: string;
  isFiltered: boolean;
}

/** By site and address. Throws UsageError for a site that there is not. */
export async function selectDevices(tenant: Tenant, filters: DeviceFilters, now: number): Promise<DeviceSelection> {
  const all: ListedDevice[] = [];
  for (const { total, ...row } of await listDevices(tenant)) {
    all.push({ ...viewOf(row, await maybeDeviceState(tenant, row.device_id), now), total });
  }
  const isAtSite = filters.site === undefined ? () => true : await siteFilter(tenant, filters.site, all);
  const { silent } = filters;
  const isSilentFor = ({ row, isSilent }: DeviceView) =>
    typeof silent === "number" ? now - row.last_seen_at >= silent : silent !== true || isSilent;
  const devices = all.filter((device) =>
    isAtSite(device) && (filters.low !== true || device.low.length > 0) && isSilentFor(device)
  );
  const names = [
    ...(filters.site === undefined ? [] : [`--site ${filters.site}`]),
    ...(filters.low === true ? ["--low"] : []),
    ...(silent === true ? ["--silent"] : []),
    ...(typeof silent === "number" ? [`--silent ${formatDuration(silent)}`] : []),
  ];
  return { devices, counts: countsOf(devices, all.length, names), isFiltered: names.length > 0 };
}

/** The number of devices comes first: what a filter hides is never hidden silently. */
export function countsOf(devices: readonly DeviceView[], all: number, filters: readonly string[]): string {
  const parts = [
    [devices.filter(({ low }) => low.length > 0).length, "with low supplies"],
    [devices.filter(({ isSilent }) => isSilent).length, "silent"],
    [devices.filter(({ meters }) => meters === undefined).length, "without meters"],
  ] as const;
  const told = parts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  const one = all === 1 ? "device" : "devices";
  const shown = filters.length === 0 ? `${all} ${one}` : `${devices.length} of ${all} ${one} (${filters.join(", ")})`;
  return told.length === 0 ? shown : `${shown}: ${told.join(", ")}`;
}

async function siteFilter(
  tenant: Tenant,
  text: string,
  all: readonly DeviceView[],
): Promise<(device: DeviceView) => boolean> {
  const name = text.toLowerCase();
  const siteId = (await maybeSite(tenant, text))?.site_id;
  const agents = new Set(
    (await listAgents(tenant)).filter(({ site_id }) => site_id === siteId).map(({ agent_id }) => agent_id),
  );
  const isAtSite = ({ row }: DeviceView) => row.site.toLowerCase() === name || agents.has(row.agent_id);
  if (siteId !== undefined || all.some(isAtSite)) return isAtSite;
  throw new UsageError(
    `Cannot find the site "${text}"`,
    "opendca-platform site list shows them, and device list --wide",
  );
}

/** For a list that is empty. */
export const noDevices =
  "no devices yet: agents report them after their first scan; opendca-platform agent list shows who did";

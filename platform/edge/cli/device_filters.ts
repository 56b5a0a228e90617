/** Options of device lists, and the text with their counts. */
import type { Command } from "commander";
import { formatDuration } from "../../../common/core/duration.ts";
import type { Page } from "../../store/page.ts";
import type { Platform } from "../../agents/platform.ts";
import type { TenantBy } from "../../audit/use_case.ts";
import { type DeviceFilters, type DeviceList, listDevices } from "../../devices/list_devices.ts";
import { customerOption, timeOption } from "./command_context.ts";

export function addDeviceFilters(command: Command): Command {
  return command.option(...customerOption)
    .option("--site <site>", "of one site: its id or name")
    .option("--network <name>", "of one network, as the agent's file calls it under sites")
    .option("--model <text>", "only devices with this text in maker or model")
    .option("--low", "only devices with a supply of which 20 % or less is left")
    .option(
      "--silent [time]",
      "only devices without contact for this time, such as 2h or 3d (default: a day, or known to be away)",
      timeOption("--silent", { min: "1m", max: "365d", bareUnit: "d" }),
    );
}

/** " (--site Berlin, --low)"; empty without filters. */
export function filtersText({ site, network, model, low, silent }: DeviceFilters): string {
  const filters = [
    ...(site === undefined ? [] : [`--site ${site}`]),
    ...(network === undefined ? [] : [`--network ${network}`]),
    ...(model === undefined ? [] : [`--model ${model}`]),
    ...(low === true ? ["--low"] : []),
    ...(silent === true ? ["--silent"] : []),
    ...(typeof silent === "number" ? [`--silent ${formatDuration(silent)}`] : []),
  ];
  return filters.length === 0 ? "" : ` (${filters.join(", ")})`;
}

/** "8 of 43 devices (--low): …", so that it is visible how many devices the filters hide. */
export function countsOf(
  { devices, counts }: DeviceList,
  filters: DeviceFilters & Page,
): { counts: string; isFiltered: boolean; next: string | undefined } {
  const { offset = 0 } = filters, chosen = filtersText(filters);
  const parts = [
    [counts.low, "with low supplies"],
    [counts.silent, "silent"],
    [counts.withoutMeters, "without meters"],
  ] as const;
  const told = parts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  const one = counts.all === 1 ? "device" : "devices";
  const isPart = devices.length < counts.found, shownTo = offset + devices.length;
  const page = devices.length === 0 ? "none" : `${offset + 1} to ${shownTo}`;
  const whole = chosen === "" ? `${counts.all} ${one}` : `${counts.found} of ${counts.all} ${one}${chosen}`;
  const part = chosen === ""
    ? `${page} of ${whole}`
    : `${page} of ${counts.found} devices${chosen}, of ${counts.all} in all`;
  const shown = isPart ? part : whole;
  const closed = counts.closed === 0 ? "" : `; ${counts.closed} more at closed sites (--site shows them)`;
  return {
    counts: `${told.length === 0 ? shown : `${shown}: ${told.join(", ")}`}${closed}`,
    isFiltered: chosen !== "" || isPart,
    next: devices.length > 0 && shownTo < counts.found ? `--offset ${shownTo} shows what comes behind them` : undefined,
  };
}

/** The sentence for a list without rows, if that is for the lack of devices. */
export async function maybeNoDevices(platform: Platform, by: TenantBy): Promise<string | undefined> {
  const { counts } = await listDevices(platform, by, { limit: 1 });
  return counts.all === 0 ? noDevices(counts) : undefined;
}

/** Text for an empty list. */
export function noDevices({ closed }: DeviceList["counts"]): string {
  if (closed > 0) return `no devices but ${closed} at closed sites: --site shows them`;
  return "no devices yet: agents report them after their first scan; opendca-platform agent list shows who did";
}

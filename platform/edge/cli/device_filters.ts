/** Options of lists of devices, and how many of how many they show. */
import type { Command } from "commander";
import { formatDuration } from "../../../common/core/duration.ts";
import type { DeviceView } from "../../devices/device_view.ts";
import type { DeviceFilters } from "../../devices/list_devices.ts";
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

/** "8 of 43 devices (--low): …" The number comes first: what a filter hides is never hidden silently. */
export function countsOf(
  devices: readonly DeviceView[],
  all: number,
  { site, network, model, low, silent }: DeviceFilters,
): { counts: string; isFiltered: boolean } {
  const filters = [
    ...(site === undefined ? [] : [`--site ${site}`]),
    ...(network === undefined ? [] : [`--network ${network}`]),
    ...(model === undefined ? [] : [`--model ${model}`]),
    ...(low === true ? ["--low"] : []),
    ...(silent === true ? ["--silent"] : []),
    ...(typeof silent === "number" ? [`--silent ${formatDuration(silent)}`] : []),
  ];
  const parts = [
    [devices.filter(({ low }) => low.length > 0).length, "with low supplies"],
    [devices.filter(({ isSilent }) => isSilent).length, "silent"],
    [devices.filter(({ meters }) => meters === undefined).length, "without meters"],
  ] as const;
  const told = parts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  const one = all === 1 ? "device" : "devices";
  const shown = filters.length === 0 ? `${all} ${one}` : `${devices.length} of ${all} ${one} (${filters.join(", ")})`;
  return { counts: told.length === 0 ? shown : `${shown}: ${told.join(", ")}`, isFiltered: filters.length > 0 };
}

/** For a list that is empty. */
export const noDevices =
  "no devices yet: agents report them after their first scan; opendca-platform agent list shows who did";

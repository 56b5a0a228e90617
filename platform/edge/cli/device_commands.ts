import type { Command } from "commander";
import type { Page } from "../../store/page.ts";
import { type DeviceFilters, listDevices, type ListedDevice } from "../../devices/list_devices.ts";
import { deviceHistory, mergeDevice, undoDeviceChange } from "../../devices/merge_device.ts";
import { showDevice } from "../../devices/show_device.ts";
import { splitDevice } from "../../devices/split_device.ts";
import { changeCells, changeColumns, shownChange } from "./device_changes_table.ts";
import { addDeviceFilters, countsOf, noDevices } from "./device_filters.ts";
import { deviceText, shownDevice } from "./device_details.ts";
import { checkedReason, type CommandContext, customerOption, deviceHelp } from "./command_context.ts";
import { addPaging } from "./list_part.ts";
import { ageText, type Column, hasRoom, minuteText, renderTable, type Screen, timeText } from "./table.ts";

const columns = (screen: Screen): Column[] => [
  { heading: "DEVICE" },
  { heading: "SITE", optional: true },
  { heading: "NETWORK", optional: true },
  { heading: "ADDRESS" },
  { heading: "MAKER", optional: true },
  { heading: "MODEL", shrink: 10 },
  { heading: "SERIAL" },
  { heading: "STATE", optional: true },
  { heading: "TOTAL", optional: true },
  { heading: "LOW", optional: true },
  { heading: hasRoom(screen) ? "LAST SEEN" : "SEEN AGO" },
  { heading: "NOTE", note: true },
];

const partColumns = ["PART", "SERIAL", "FIRST SEEN", "LAST SEEN"];
const sourceColumns = ["AGENT", "NETWORK", "DEVICE KEY", "SERIAL", "READINGS", "LAST"];
const reasonOption = ["--reason <text>", "why, for the history and the audit log", checkedReason] as const;

interface SplitOptions {
  agent?: string;
  network?: string;
  deviceKey?: string;
  serial?: string;
  reason?: string;
}

/** `device list|show|merge|split|undo|history`. */
export function addDeviceCommands(program: Command, context: CommandContext): void {
  const device = program.command("device").description("devices that agents found");
  addPaging(addDeviceFilters(device.command("list").description("all devices, by site and address")))
    .action((filters: DeviceFilters & Page, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const now = context.host.clock.now().getTime();
        const list = await listDevices(platform, by, filters);
        const { devices } = list, { counts, isFiltered, next } = countsOf(list, filters);
        return {
          json: devices.map(listedDevice),
          note: isFiltered ? counts : undefined,
          ...(next === undefined ? {} : { next }),
          text: (screen) => {
            if (devices.length === 0 && !isFiltered) return `${noDevices(list.counts)}\n`;
            const rows = devices.map(({ row, low, note }) => [
              row.device_id,
              row.site,
              row.network,
              row.address,
              row.manufacturer,
              row.model,
              row.serial,
              row.state,
              row.total,
              low.length === 0 ? null : low.length,
              hasRoom(screen) ? timeText(row.last_seen_at) : ageText(row.last_seen_at, now),
              note,
            ]);
            return `${devices.length === 0 ? "" : renderTable(columns(screen), rows, screen)}${counts}\n`;
          },
        };
      })
    );
  device.command("show <device>")
    .description("a device with supplies, trays, alerts, meters, identity and history")
    .option(...customerOption)
    .addHelpText("after", `\n${deviceHelp}`)
    .action((text: string, _, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const details = await showDevice(platform, by, { device: text });
        return { json: shownDevice(details), text: (screen) => deviceText(details, screen) };
      })
    );
  addChangeCommands(device, context);
  addHistoryCommand(device, context);
}

function listedDevice({ row, low, isSilent, meters, note }: ListedDevice) {
  const { merged_into: _, split: __, ...facts } = row;
  return { ...facts, low: low.length, silent: isSilent, metersReadAt: meters?.at ?? null, note };
}

function addChangeCommands(device: Command, context: CommandContext): void {
  device.command("merge <device> <other>")
    .description("two devices are one machine, such as before and after a new main board; the first keeps its id")
    .option(...customerOption).option(...reasonOption)
    .addHelpText("after", "\nEach device: its id, or a unique address, serial number or host name.")
    .action((into: string, other: string, options: { reason?: string }, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const change = await mergeDevice(platform, by, { device: into, other, reason: options.reason });
        return {
          json: change,
          text: `${change.otherId} is part of ${change.deviceId} now: ${change.changeId}\n`,
          next: `opendca-platform device undo ${change.changeId} takes it back`,
        };
      })
    );
  device.command("split <device>")
    .description("a device is two machines: some of its readings, those to come included, go to a new device")
    .option(...customerOption)
    .option("--agent <agent>", "the readings of this agent")
    .option("--network <name>", "those of this network, as the agent's file calls it under sites")
    .option("--device-key <key>", "those with this id of the agent's own")
    .option("--serial <serial>", "those with this serial number")
    .option(...reasonOption)
    .addHelpText(
      "after",
      `\n${deviceHelp}\nOf several options, all must be so. device history shows what there is to choose from.`,
    )
    .action((text: string, options: SplitOptions, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const { agent: agentId, network, deviceKey, serial, reason } = options;
        const selector = { agentId, network, deviceKey, serial };
        const change = await splitDevice(platform, by, { device: text, selector, reason });
        const readings = change.readings === 1 ? "1 reading" : `${change.readings} readings`;
        const { undividedBefore } = change;
        const older = undividedBefore === null
          ? ""
          : `meters and supplies before ${minuteText(undividedBefore)} stay with ${change.deviceId}, as readings of ` +
            "that time are no longer kept\n";
        return {
          json: change,
          text: `${change.otherId} has ${readings} of ${change.deviceId} now: ${change.changeId}\n${older}`,
          next: `opendca-platform device undo ${change.changeId} takes it back`,
        };
      })
    );
  device.command("undo <change>").description("take back a merge or a split")
    .option(...customerOption).option(...reasonOption)
    .addHelpText("after", "\nThe change: its id, as device history shows it.")
    .action((changeId: string, options: { reason?: string }, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const change = await undoDeviceChange(platform, by, { changeId, reason: options.reason });
        const text = change.kind === "merge"
          ? `${change.deviceId} and ${change.otherId} are two devices again\n`
          : `${change.deviceId} and ${change.otherId} are one device again\n`;
        return { json: change, text };
      })
    );
}

function addHistoryCommand(device: Command, context: CommandContext): void {
  device.command("history <device>").description("merges and splits of a device: what, when, who and why")
    .option(...customerOption)
    .addHelpText("after", `\n${deviceHelp}`)
    .action((text: string, _, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const history = await deviceHistory(platform, by, { device: text });
        const { deviceId, parts, changes, sources } = history;
        return {
          json: { ...history, changes: changes.map(shownChange) },
          text: (screen) => {
            const partCells = parts.map((part) => [
              part.deviceId,
              part.serial,
              minuteText(part.firstSeenAt),
              minuteText(part.lastSeenAt),
            ]);
            const sourceCells = sources.map((source) => [
              source.agentId,
              source.network,
              source.deviceKey,
              source.serial,
              source.readings,
              minuteText(source.lastAt),
            ]);
            return [
              changes.length === 0
                ? `${deviceId} was never merged or split\n`
                : renderTable(changeColumns, changes.map(changeCells), screen),
              parts.length === 1 ? "" : `\nParts\n${renderTable(partColumns, partCells, screen)}`,
              sources.length === 0
                ? ""
                : `\nReadings that are kept\n${renderTable(sourceColumns, sourceCells, screen)}`,
            ].join("");
          },
        };
      })
    );
}

import type { Command } from "commander";
import type { Page } from "../../store/page.ts";
import { type DeviceFilters, listDevices, type ListedDevice } from "../../devices/list_devices.ts";
import { showDevice } from "../../devices/show_device.ts";
import { addDeviceChangeCommands } from "./device_change_commands.ts";
import { addDeviceFilters, countsOf, noDevices } from "./device_filters.ts";
import { deviceText, shownDevice } from "./device_details.ts";
import { type CommandContext, customerOption, deviceHelp } from "./command_context.ts";
import { addPaging } from "./list_part.ts";
import { ageText, type Column, hasRoom, renderTable, type Screen, timeText } from "./table.ts";

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
  addDeviceChangeCommands(device, context);
}

function listedDevice({ row, low, isSilent, meters, note }: ListedDevice) {
  const { merged_into: _, split: __, ...facts } = row;
  return { ...facts, low: low.length, silent: isSilent, metersReadAt: meters?.at ?? null, note };
}

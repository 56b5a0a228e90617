import type { Command } from "commander";
import { UsageError } from "../../../common/core/errors.ts";
import { type DeviceRow, findDevices } from "../../devices/devices.ts";
import { latestMeters, meterHistory } from "../../devices/samples.ts";
import type { Tenant } from "../../store/store.ts";
import { type CommandContext, customerOption, wholeNumber } from "./command_context.ts";
import { addDeviceFilters, type DeviceFilters, type ListedDevice, noDevices, selectDevices } from "./device_filters.ts";
import { deviceDetails, deviceText, shownDevice } from "./device_details.ts";
import { ageText, type Column, hasRoom, renderTable, type Screen, timeText } from "./table.ts";

const columns = (screen: Screen): Column[] => [
  { heading: "DEVICE" },
  { heading: "SITE", optional: true },
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

const deviceHelp = "The device: its id, or a unique address, serial number or host name.";

/** `device list|show` and `meter list|history`. */
export function addDeviceCommands(program: Command, context: CommandContext): void {
  const device = program.command("device").description("devices that agents found");
  addDeviceFilters(device.command("list").description("all devices, by site and address"))
    .action((filters: DeviceFilters, command: Command) =>
      context.runForCustomer(command, async (_, tenant) => {
        const now = context.host.clock.now().getTime();
        const { devices, counts, isFiltered } = await selectDevices(tenant, filters, now);
        return {
          json: devices.map(listedDevice),
          note: isFiltered ? counts : undefined,
          text: (screen) => {
            if (devices.length === 0 && !isFiltered) return `${noDevices}\n`;
            const rows = devices.map(({ row, total, low, note }) => [
              row.device_id,
              row.site,
              row.address,
              row.manufacturer,
              row.model,
              row.serial,
              row.state,
              total,
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
      context.runForCustomer(command, async (_, tenant) => {
        const details = await deviceDetails(tenant, await deviceOf(tenant, text), context.host.clock.now().getTime());
        return { json: shownDevice(details), text: (screen) => deviceText(details, screen) };
      })
    );

  const meter = program.command("meter").description("page counters");
  meter.command("list <device>").description("the latest value of every meter of a device").option(...customerOption)
    .addHelpText("after", `\n${deviceHelp}`)
    .action((text: string, _, command: Command) =>
      context.runForCustomer(command, async (_, tenant) => {
        const rows = await latestMeters(tenant, (await deviceOf(tenant, text)).device_id);
        const cells = rows.map((row) => [row.name, row.value, row.unit, timeText(row.observed_at)]);
        return {
          json: rows,
          text: (screen) =>
            rows.length === 0
              ? `no meters were read of it: opendca-platform device show ${text} says why\n`
              : renderTable(["METER", "VALUE", "UNIT", "READ"], cells, screen),
        };
      })
    );
  meter.command("history <device>").description("values over time, newest first").option(...customerOption)
    .option("--name <meter>", "one meter, such as total")
    .option("--limit <number>", "at most this many", wholeNumber("--limit", { min: 1, max: 100_000 }), 100)
    .addHelpText("after", `\n${deviceHelp}`)
    .action((text: string, options: { name?: string; limit: number }, command: Command) =>
      context.runForCustomer(command, async (_, tenant) => {
        const { device_id: deviceId } = await deviceOf(tenant, text);
        const rows = await meterHistory(tenant, { deviceId, name: options.name, limit: options.limit });
        const without = rows.length > 0 ? "" : await noHistory(tenant, { deviceId, name: options.name });
        const cells = rows.map((row) => [timeText(row.observed_at), row.name, row.value, row.unit]);
        return {
          json: rows,
          text: (screen) =>
            rows.length === 0 ? `${without}\n` : renderTable(["READ", "METER", "VALUE", "UNIT"], cells, screen),
        };
      })
    );
}

async function noHistory(
  tenant: Tenant,
  { deviceId, name }: { deviceId: string; name: string | undefined },
): Promise<string> {
  const names = (await latestMeters(tenant, deviceId)).map((row) => row.name);
  if (names.length === 0) return `no meters were read of it: opendca-platform device show ${deviceId} says why`;
  return `no meter "${name}" was read of it; there are: ${names.join(", ")}`;
}

/** Throws UsageError when the customer has no such device, or several. */
async function deviceOf(tenant: Tenant, text: string): Promise<DeviceRow> {
  const [row, ...others] = await findDevices(tenant, text);
  if (row !== undefined && (others.length === 0 || row.device_id === text)) return row;
  if (row === undefined) {
    throw new UsageError(`Cannot find the device "${text}"`, "opendca-platform device list shows them");
  }
  const ids = [row, ...others].map(({ device_id }) => device_id);
  throw new UsageError(
    `Cannot tell which device is meant by "${text}" as there are ${ids.length}`,
    `name one by its id: ${ids.slice(0, 5).join(", ")}`,
  );
}

function listedDevice({ row, total, low, isSilent, meters, note }: ListedDevice) {
  return { ...row, total, low: low.length, silent: isSilent, metersReadAt: meters?.at ?? null, note };
}

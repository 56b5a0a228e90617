import type { Command } from "commander";
import { UsageError } from "../../src/core/errors.ts";
import { type DeviceRow, evidenceOf, historyOf, listDevices, maybeDevice } from "../store/devices.ts";
import { latestMeters, meterHistory } from "../store/readings.ts";
import type { Tenant } from "../store/store.ts";
import { type CommandContext, customerOption, wholeNumber } from "./command_context.ts";
import { oneLine, renderRows, timeText } from "./table.ts";

/** `device list|show` and `meter list|history`. */
export function addDeviceCommands(program: Command, context: CommandContext): void {
  const device = program.command("device").description("devices that agents found");
  device.command("list").description("all devices, by site and address").option(...customerOption)
    .action((_, command: Command) =>
      context.runForCustomer(command, (_, tenant) => {
        const rows = listDevices(tenant);
        const cells = rows.map((row) => [
          row.device_id,
          row.site,
          row.address,
          row.manufacturer,
          row.model,
          row.serial,
          row.state,
          row.total,
          timeText(row.last_seen_at),
        ]);
        const headings = ["DEVICE", "SITE", "ADDRESS", "MAKER", "MODEL", "SERIAL", "STATE", "TOTAL", "LAST SEEN"];
        return { json: rows, text: renderRows(headings, cells) };
      })
    );
  device.command("show <device>").description("what a device is known by, its meters, and what changed")
    .option(...customerOption)
    .action((deviceId: string, _, command: Command) =>
      context.runForCustomer(command, (_, tenant) => {
        const row = deviceOf(tenant, deviceId);
        const evidence = evidenceOf(tenant, deviceId).map(({ kind, value }) => ({ kind, value }));
        const meters = latestMeters(tenant, deviceId);
        const history = historyOf(tenant, deviceId);
        const text = [
          deviceText(row),
          renderRows(["KNOWN BY", "VALUE"], evidence.map(({ kind, value }) => [kind, value])),
          renderRows(
            ["METER", "VALUE", "UNIT", "READ"],
            meters.map((meter) => [meter.name, meter.value, meter.unit, timeText(meter.observed_at)]),
          ),
          renderRows(
            ["WHEN", "WHAT", "BEFORE", "AFTER"],
            history.map(({ at, kind, before, after }) => [timeText(at), kind, before, after]),
          ),
        ];
        return { json: { ...row, evidence, meters, history }, text: text.join("\n") };
      })
    );

  const meter = program.command("meter").description("page counters");
  meter.command("list <device>").description("the latest value of every meter of a device").option(...customerOption)
    .action((deviceId: string, _, command: Command) =>
      context.runForCustomer(command, (_, tenant) => {
        deviceOf(tenant, deviceId);
        const rows = latestMeters(tenant, deviceId);
        const cells = rows.map((row) => [row.name, row.value, row.unit, timeText(row.observed_at)]);
        return { json: rows, text: renderRows(["METER", "VALUE", "UNIT", "READ"], cells) };
      })
    );
  meter.command("history <device>").description("values over time, newest first").option(...customerOption)
    .option("--name <meter>", "one meter, such as total")
    .option("--limit <number>", "at most so many", wholeNumber("--limit", { min: 1, max: 100_000 }), 100)
    .action((deviceId: string, options: { name?: string; limit: number }, command: Command) =>
      context.runForCustomer(command, (_, tenant) => {
        deviceOf(tenant, deviceId);
        const rows = meterHistory(tenant, { deviceId, name: options.name, limit: options.limit });
        const cells = rows.map((row) => [timeText(row.observed_at), row.name, row.value, row.unit]);
        return { json: rows, text: renderRows(["READ", "METER", "VALUE", "UNIT"], cells) };
      })
    );
}

function deviceOf(tenant: Tenant, deviceId: string): DeviceRow {
  const row = maybeDevice(tenant, deviceId);
  if (row !== undefined) return row;
  throw new UsageError(`Cannot find the device "${deviceId}"`, "opendca-platform device list shows them");
}

function deviceText(row: DeviceRow): string {
  const lines: [string, string | null][] = [
    ["Device", row.device_id],
    ["Model", [row.manufacturer, row.model].filter((text) => text !== null).join(" ")],
    ["Serial", row.serial],
    ["Address", row.address],
    ["Host name", row.hostname],
    ["Location", row.location],
    ["Firmware", row.firmware],
    ["State", row.state],
    ["Agent", row.agent_id],
    ["First seen", timeText(row.first_seen_at)],
    ["Last seen", timeText(row.last_seen_at)],
  ];
  return lines.filter(([, value]) => value !== null && value !== "")
    .map(([name, value]) => `${name.padEnd(12)}${oneLine(value!)}\n`).join("");
}

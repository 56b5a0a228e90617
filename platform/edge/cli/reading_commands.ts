import type { Command } from "commander";
import type { Page } from "../../store/page.ts";
import { type DeviceFilters, listDevices, type ListedDevice } from "../../devices/list_devices.ts";
import { addDeviceFilters, countsOf, noDevices } from "./device_filters.ts";
import { Record as RecordMessage } from "../../../proto/gen/opendca/v1/batch.ts";
import { Meter } from "../../../proto/gen/opendca/v1/reading.ts";
import type { CommandContext } from "./command_context.ts";
import { addPaging } from "./list_part.ts";
import { levelText, lowestFirst, shownSupply, shownTray, supplyName } from "../../devices/device_view.ts";
import { ageText, type Column, hasRoom, renderTable, type Screen, timeText } from "./table.ts";

const columns = (screen: Screen): Column[] => [
  { heading: "ADDRESS" },
  { heading: "MAKER", optional: true },
  { heading: "MODEL", shrink: 10 },
  { heading: "STATE", optional: true },
  { heading: "TOTAL" },
  { heading: hasRoom(screen) ? "READ" : "READ AGO" },
  { heading: "SUPPLIES, LOWEST FIRST", shrink: 22 },
  { heading: "NOTE", note: true },
];

/** `reading list`: the newest reading of every device. */
export function addReadingCommands(program: Command, context: CommandContext): void {
  const reading = program.command("reading").description("what agents read");
  addPaging(addDeviceFilters(
    reading.command("list").description("every device with its newest reading; --json prints all of it"),
  )).action((filters: DeviceFilters & Page, command: Command) =>
    context.runForCustomer(command, async (platform, by) => {
      const now = context.host.clock.now().getTime();
      const list = await listDevices(platform, by, filters);
      const { devices } = list, { counts, isFiltered, next } = countsOf(list, filters);
      return {
        ...(next === undefined ? {} : { next }),
        json: devices.map(shownReading),
        note: isFiltered ? counts : undefined,
        text: (screen) => {
          if (devices.length === 0 && !isFiltered) return `${noDevices(list.counts)}\n`;
          const rows = devices.map((device) => [
            device.row.address,
            device.row.manufacturer,
            device.row.model,
            device.row.state,
            device.row.total,
            hasRoom(screen) ? timeText(readAt(device)) : ageText(readAt(device), now),
            // With --wide all are shown. Otherwise the cell is cut, so the lowest come first.
            lowestFirst(device.supplies?.values ?? []).map((supply) =>
              `${supplyName(supply)} ${levelText(supply.level)}`
            )
              .join(", "),
            device.note,
          ]);
          return `${devices.length === 0 ? "" : renderTable(columns(screen), rows, screen)}${counts}\n`;
        },
      };
    })
  );
}

function readAt({ newest }: ListedDevice): number | null {
  return newest?.observed_at ?? null;
}

function shownReading(device: ListedDevice) {
  const { row, newest, meters, supplies, trays } = device;
  return {
    device_id: row.device_id,
    agent_id: newest?.agent_id ?? row.agent_id,
    site: row.site,
    network: row.network,
    address: row.address,
    state: row.state,
    last_seen_at: row.last_seen_at,
    silent: device.isSilent,
    low: device.low.length,
    note: device.note,
    observed_at: newest?.observed_at ?? null,
    time_basis: newest?.time_basis ?? null,
    scope: newest?.scope ?? null,
    meters: { readAt: meters?.at ?? null, values: (meters?.values ?? []).map((meter) => Meter.toJSON(meter)) },
    supplies: { readAt: supplies?.at ?? null, values: (supplies?.values ?? []).map(shownSupply) },
    trays: { readAt: trays?.at ?? null, values: (trays?.values ?? []).map(shownTray) },
    record: newest === undefined ? null : RecordMessage.toJSON(newest.record),
  };
}

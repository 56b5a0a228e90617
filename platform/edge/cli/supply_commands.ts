import type { Command } from "commander";
import { levelText, shownSupply, supplyName } from "../../devices/device_view.ts";
import type { DeviceFilters } from "../../devices/list_devices.ts";
import { listSupplies } from "../../devices/list_supplies.ts";
import type { CommandContext } from "./command_context.ts";
import { addDeviceFilters, filtersText, maybeNoDevices } from "./device_filters.ts";
import type { Page } from "../../store/page.ts";
import { addPaging, oneMore, partFrom } from "./list_part.ts";
import { ageText, hasRoom, minuteText, renderTable } from "./table.ts";

/** `supply list`. */
export function addSupplyCommands(program: Command, context: CommandContext): void {
  const supply = program.command("supply").description("toner, ink, drums and the like");
  addPaging(
    addDeviceFilters(supply.command("list").description("supplies of all devices; --low shows what to order or empty")),
  )
    .action((filters: DeviceFilters & Page, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const now = context.host.clock.now().getTime();
        const found = await listSupplies(platform, by, { ...filters, ...oneMore(filters) });
        const { rows: supplies, shown } = partFrom(found, filters, "supplies");
        const nothing = supplies.length > 0 ? undefined : await maybeNoDevices(platform, by);
        const devices = new Set(supplies.map(({ row }) => row.device_id)).size;
        return {
          note: shown,
          json: supplies.map(({ row, supply, low, readAt }) => {
            const { level, ...facts } = shownSupply(supply);
            const { site, network, device_id, address, manufacturer, model, serial } = row;
            const device = { site, network, device_id, address, manufacturer, model, deviceSerial: serial };
            return { ...device, ...facts, low, levelKind: level.kind, percent: level.percent, readAt };
          }),
          text: (screen) => {
            if (nothing !== undefined) return `${nothing}\n`;
            if (supplies.length === 0 && shown !== undefined) return `${shown}\n`;
            if (supplies.length === 0) {
              const { low, ...others } = filters, of = filtersText(others);
              return low ? `no supply is low${of}\n` : `no supplies were read${of === "" ? " yet" : of}\n`;
            }
            const columns = [
              { heading: "SITE", optional: true as const },
              { heading: "ADDRESS" },
              { heading: "MODEL", shrink: 10 },
              { heading: "SERIAL", optional: true as const },
              { heading: "SUPPLY", shrink: 14 },
              { heading: "PART NUMBER" },
              { heading: "LEVEL" },
              { heading: hasRoom(screen) ? "READ" : "READ AGO", optional: true as const },
            ];
            const rows = supplies.map(({ row, supply, readAt }) => [
              row.site,
              row.address,
              row.model,
              row.serial,
              supplyName(supply),
              supply.partNumber ?? null,
              levelText(supply.level),
              hasRoom(screen) ? minuteText(readAt) : ageText(readAt, now),
            ]);
            const one = supplies.length === 1, what = `${filters.low ? "low " : ""}${one ? "supply" : "supplies"}`;
            const of = `${devices} ${devices === 1 ? "device" : "devices"}`;
            return `${renderTable(columns, rows, screen)}${shown ?? `${supplies.length} ${what} of ${of}`}\n`;
          },
        };
      })
    );
}

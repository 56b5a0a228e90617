import type { Command } from "commander";
import { UsageError } from "../../../common/core/errors.ts";
import { type AlertFilters, listAlerts, listSupplies, meterPeriods } from "../../devices/dealer_lists.ts";
import { levelText, shownSupply, supplyName } from "../../devices/device_view.ts";
import type { DeviceFilters } from "../../devices/list_devices.ts";
import { type CommandContext, wholeNumber } from "./command_context.ts";
import { addDeviceFilters } from "./device_filters.ts";
import { ageText, hasRoom, minuteText, renderTable } from "./table.ts";

/** `supply list` and `alert list`. */
export function addDealerCommands(program: Command, context: CommandContext): void {
  addSupplyList(program, context);
  addAlertList(program, context);
}

function addSupplyList(program: Command, context: CommandContext): void {
  const supply = program.command("supply").description("toner, ink, drums and the like");
  addDeviceFilters(supply.command("list").description("supplies of all devices; --low shows what to order or empty"))
    .action((filters: DeviceFilters, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const now = context.host.clock.now().getTime();
        const supplies = await listSupplies(platform, by, filters);
        const devices = new Set(supplies.map(({ row }) => row.device_id)).size;
        return {
          json: supplies.map(({ row, supply, low, readAt }) => {
            const { level, ...facts } = shownSupply(supply);
            const { site, network, device_id, address, manufacturer, model, serial } = row;
            const device = { site, network, device_id, address, manufacturer, model, deviceSerial: serial };
            return { ...device, ...facts, low, levelKind: level.kind, percent: level.percent, readAt };
          }),
          text: (screen) => {
            if (supplies.length === 0) return filters.low ? "no supply is low\n" : "no supplies were read yet\n";
            const columns = [
              { heading: "SITE", optional: true as const },
              { heading: "ADDRESS" },
              { heading: "MODEL", shrink: 10 },
              { heading: "SERIAL", optional: true as const },
              { heading: "SUPPLY", shrink: 14 },
              { heading: "PART NUMBER" },
              { heading: "LEVEL" },
              { heading: hasRoom(screen) ? "READ" : "READ AGO" },
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
            const what = filters.low ? "low supplies" : "supplies";
            return `${renderTable(columns, rows, screen)}${supplies.length} ${what} of ${devices} devices\n`;
          },
        };
      })
    );
}

function addAlertList(program: Command, context: CommandContext): void {
  const alert = program.command("alert").description("what printers complain of");
  addDeviceFilters(alert.command("list").description("alerts that last, the most severe and the latest first"))
    .option("--severity <severity>", "critical, warning, other or unknown", severityOption)
    .option("--ended", "also alerts that have ended")
    .option("--limit <number>", "at most this many", wholeNumber("--limit", { min: 1, max: 100_000 }), 1000)
    .action((filters: AlertFilters, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const now = context.host.clock.now().getTime();
        const alerts = await listAlerts(platform, by, filters);
        return {
          json: alerts.map(({ alert_key: _, alert_group, ...alert }) => ({
            ...alert,
            group: alert_group,
            since_at: alert.since,
            since: undefined,
          })),
          text: (screen) => {
            if (alerts.length === 0) return "no alerts\n";
            const time = (ms: number | null) => hasRoom(screen) ? minuteText(ms) : ageText(ms, now);
            const columns = [
              { heading: "SEVERITY" },
              { heading: "SITE", optional: true as const },
              { heading: "ADDRESS" },
              { heading: "MODEL", shrink: 10 },
              { heading: hasRoom(screen) ? "FIRST SEEN" : "SEEN AGO" },
              ...(filters.ended ? [{ heading: hasRoom(screen) ? "ENDED" : "ENDED AGO" }] : []),
              { heading: "ALERT", note: true as const },
            ];
            const rows = alerts.map((row) => [
              row.severity,
              row.site,
              row.address,
              row.model,
              time(row.first_seen_at),
              ...(filters.ended ? [time(row.ended_at)] : []),
              row.description || row.alert_group,
            ]);
            return renderTable(columns, rows, screen);
          },
        };
      })
    );
}

function severityOption(text: string): string {
  if (/^(critical|warning|other|unknown)$/.test(text)) return text;
  throw new UsageError(
    `Cannot use --severity as a severity: current value is "${text}"`,
    "--severity takes critical, warning, other or unknown",
  );
}

interface ExportOptions extends DeviceFilters {
  from: number;
  to: number;
  name?: string;
}

/** `meter export`. */
export function addMeterExport(meter: Command, context: CommandContext): void {
  addDeviceFilters(
    meter.command("export").description(
      "meters of a period: first and last reading, difference and resets of each; --format csv for a file",
    ),
  )
    .requiredOption(
      "--from <day>",
      "first day, such as 2026-03-01, or a time: 2026-03-01T06:00Z",
      dayOption("--from", 0),
    )
    .requiredOption("--to <day>", "last day, which is included; or a time, which is not", dayOption("--to", 86_400_000))
    .option("--name <meter>", "one meter, such as total")
    .action((options: ExportOptions, command: Command) => {
      const { from, to, ...filters } = options;
      if (from >= to) {
        throw new UsageError(
          "Cannot export the meters of a period that ends before it begins",
          "--from is the first day and --to the last",
        );
      }
      return context.runForCustomer(command, async (platform, by) => {
        const rows = await meterPeriods(platform, by, { ...filters, from: new Date(from), until: new Date(to) });
        return {
          json: rows,
          text: (screen) => {
            if (rows.length === 0) return "no meters were read in this period\n";
            const columns = [
              { heading: "SITE", optional: true as const },
              { heading: "ADDRESS" },
              { heading: "MODEL", shrink: 10 },
              { heading: "SERIAL", optional: true as const },
              { heading: "METER" },
              { heading: "FIRST READ", optional: true as const },
              { heading: "FIRST" },
              { heading: "LAST READ", optional: true as const },
              { heading: "LAST" },
              { heading: "DIFFERENCE" },
              { heading: "RESETS", optional: true as const },
            ];
            const cells = rows.map((row) => [
              row.site,
              row.address,
              row.model,
              row.serial,
              row.name,
              minuteText(row.first_at),
              row.first_value,
              minuteText(row.last_at),
              row.last_value,
              row.difference,
              row.resets === 0 ? null : row.resets,
            ]);
            return renderTable(columns, cells, screen);
          },
        };
      });
    });
}

/** Milliseconds since 1970 of a time in UTC; of a day, `plusMs` after its beginning. Throws UsageError. */
function dayOption(option: string, plusMs: number): (text: string) => number {
  return (text) => {
    const isDay = /^\d{4}-\d{2}-\d{2}$/.test(text);
    const isTime = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/.test(text);
    const ms = isDay || isTime ? Date.parse(text) : NaN;
    // Date.parse() takes February 30th as March 2nd where it has a time.
    const [, month, day] = text.split(/[-T]/).map(Number);
    const isReal = new Date(Date.UTC(Number(text.slice(0, 4)), month! - 1, day)).getUTCDate() === day;
    if (!Number.isNaN(ms) && isReal) return ms + (isDay ? plusMs : 0);
    throw new UsageError(
      `Cannot use ${option} as a day or a time: current value is "${text}"`,
      `${option} takes a day in UTC such as 2026-03-01, or a time with its zone such as 2026-03-01T06:00Z`,
    );
  };
}

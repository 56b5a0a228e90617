import type { Command } from "commander";
import { UsageError } from "../../../common/core/errors.ts";
import type { DeviceFilters } from "../../devices/list_devices.ts";
import { meterPeriods } from "../../devices/samples.ts";
import { listMeters, meterHistory } from "../../devices/show_device.ts";
import { type CommandContext, customerOption, deviceHelp } from "./command_context.ts";
import type { Page } from "../../store/page.ts";
import { addDeviceFilters, filtersText } from "./device_filters.ts";
import { addPaging, oneMore, partAnswer, partFrom, partOf } from "./list_part.ts";
import { minuteText, renderTable, timeText } from "./table.ts";

/** `meter list|export|history`. */
export function addMeterCommands(program: Command, context: CommandContext): void {
  const meter = program.command("meter").description("page counters");
  addPaging(
    meter.command("list <device>").description("the latest value of every meter of a device").option(...customerOption),
  )
    .addHelpText("after", `\n${deviceHelp}`)
    .action((text: string, page: Page, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const part = partOf(await listMeters(platform, by, { device: text }), page, "meters"), { rows } = part;
        const cells = rows.map((row) => [row.name, row.value, row.unit, timeText(row.observed_at)]);
        return partAnswer(part, {
          json: rows,
          empty: `no meters were read of it: opendca-platform device show ${text} says why`,
          table: (screen) => renderTable(["METER", "VALUE", "UNIT", "READ"], cells, screen),
        });
      })
    );
  addMeterExport(meter, context);
  addPaging(
    meter.command("history <device>").description("values over time, newest first").option(...customerOption)
      .option("--name <meter>", "one meter, such as total"),
    100,
  )
    .addHelpText("after", `\n${deviceHelp}`)
    .action((text: string, options: { name?: string } & Page, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const { name } = options;
        const found = await meterHistory(platform, by, { device: text, name, ...oneMore(options) });
        const { deviceId, names } = found, part = partFrom(found.rows, options, "values"), { rows } = part;
        const cells = rows.map((row) => [timeText(row.observed_at), row.name, row.value, row.unit]);
        return partAnswer(part, {
          json: rows,
          empty: noHistory({ deviceId, name, names }),
          table: (screen) => renderTable(["READ", "METER", "VALUE", "UNIT"], cells, screen),
        });
      })
    );
}

function noHistory({ deviceId, name, names }: { deviceId: string; name: string | undefined; names: string[] }): string {
  if (names.length === 0) return `no meters were read of it: opendca-platform device show ${deviceId} says why`;
  return `no meter "${name}" was read of it; there are: ${names.join(", ")}`;
}

interface ExportOptions extends DeviceFilters, Page {
  from: number;
  to: number;
  name?: string;
}

function addMeterExport(meter: Command, context: CommandContext): void {
  addPaging(addDeviceFilters(
    meter.command("export").description(
      "meters of a period: first and last reading, difference and resets of each; --format csv for a file",
    ),
  ))
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
        const all = await meterPeriods(platform, by, { ...filters, from: new Date(from), until: new Date(to) });
        const part = partOf(all, filters, "meters"), { rows } = part;
        const changed = rows.filter(({ part_changes }) => part_changes > 0);
        const note = changed.length === 0 ? undefined : partNote(changed.length);
        const answer = partAnswer(part, {
          json: rows,
          empty: `no meters were read in this period${filtersText(filters)}`,
          table: (screen) => {
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
              ...(changed.length === 0 ? [] : [{ heading: "NEW PARTS" }]),
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
              ...(changed.length === 0 ? [] : [row.part_changes === 0 ? null : row.part_changes]),
            ]);
            return `${renderTable(columns, cells, screen)}${note === undefined ? "" : `${note}\n`}`;
          },
        });
        return { ...answer, note: [answer.note, note].filter((text) => text !== undefined).join("; ") || undefined };
      });
    });
}

function partNote(meters: number): string {
  const whose = meters === 1 ? "1 meter goes" : `${meters} meters go`;
  return `${whose} on in another part of a merged device, such as a new board, with another value: the step between ` +
    "them is not in the difference, as nobody knows what was printed then";
}

/** Milliseconds since 1970 of a time in UTC; for a date, its start plus `plusMs`. Throws UsageError. */
function dayOption(option: string, plusMs: number): (text: string) => number {
  return (text) => {
    const isDay = /^\d{4}-\d{2}-\d{2}$/.test(text);
    const isTime = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/.test(text);
    const ms = isDay || isTime ? Date.parse(text) : NaN;
    // Date.parse() accepts February 30th with a time as March 2nd.
    const [, month, day] = text.split(/[-T]/).map(Number);
    const isReal = new Date(Date.UTC(Number(text.slice(0, 4)), month! - 1, day)).getUTCDate() === day;
    if (!Number.isNaN(ms) && isReal) return ms + (isDay ? plusMs : 0);
    throw new UsageError(
      `Cannot use ${option} as a day or a time: current value is "${text}"`,
      `${option} takes a day in UTC such as 2026-03-01, or a time with its zone such as 2026-03-01T06:00Z`,
    );
  };
}

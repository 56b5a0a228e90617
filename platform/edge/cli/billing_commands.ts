/** `billing meters|make|list|show|export`: what is billed, and statements of it. */
import type { Command } from "commander";
import { UsageError } from "../../../common/core/errors.ts";
import { type ExportPlatform, exportStatement } from "../../billing/export_statement.ts";
import { exportMeters } from "../../billing/export_meters.ts";
import { makeStatement, previewStatement, type StatementWanted } from "../../billing/make_statement.ts";
import { localTime } from "../../billing/columns.ts";
import { daysOfMonth, periodText, timesOf } from "../../billing/period.ts";
import { billingSettings, type FileForm, fileForms } from "../../billing/settings.ts";
import { type StatementRow, totalsOf } from "../../billing/statement.ts";
import { listStatements, showStatement, statementRows } from "../../billing/statements.ts";
import type { TenantBy } from "../../audit/use_case.ts";
import { addBillingSettingCommands } from "./billing_setting_commands.ts";
import { type CommandContext, customerOption, wholeNumber } from "./command_context.ts";
import { renderTable, type Screen, timeText } from "./table.ts";
import { writeParts } from "./write_parts.ts";

interface PeriodOptions {
  period?: string;
  from?: string;
  to?: string;
  site?: string;
  device?: string;
  meter?: string[];
  estimate?: boolean;
  supersede?: number;
}

export function addBillingCommands(program: Command, context: CommandContext): void {
  const billing = program.command("billing").description("what is billed by meters: statements, corrections, settings");
  addPeriod(billing.command("meters").description("what a statement of a period would say now; nothing is stored"))
    .action((options: PeriodOptions, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const { head, rows } = await previewStatement(platform, by, wantedBy(options));
        const what = `${periodText(head.period)} in ${head.period.zone}`;
        return {
          json: rows,
          text: (screen) =>
            rows.length === 0
              ? `no meters were read up to the end of ${what}\n`
              : rowsTable(rows, screen, head.period.zone),
        };
      })
    );
  addPeriod(billing.command("make").description("make a statement: numbered, stored, and never changed afterwards"))
    .option("--supersede <number>", "in place of this statement", wholeNumber("--supersede", numbers))
    .action((options: PeriodOptions, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const made = await makeStatement(platform, by, { ...wantedBy(options), supersede: options.supersede });
        const { number, head, rows, hash } = made;
        const instead = made.supersedes === null ? "" : `, in place of statement ${made.supersedes}`;
        return {
          json: { ...head, hash },
          text: `statement ${number} of ${periodText(head.period)} has ${
            rows === 1 ? "1 row" : `${rows} rows`
          }${instead}\n`,
          next: `opendca-platform billing export ${number} --as xlsx --output statement.xlsx`,
        };
      })
    );
  addReading(billing, context);
  addReadingsExport(billing, context);
  addBillingSettingCommands(billing, context);
}

const numbers = { min: 1, max: 1_000_000_000 };

function addPeriod(command: Command): Command {
  return command.option(...customerOption)
    .option("--period <month>", "a month, such as 2026-03")
    .option("--from <day>", "or its first day, such as 2026-03-01, in the customer's time zone")
    .option("--to <day>", "and its last day, which is included")
    .option("--site <site>", "one site: id or name")
    .option("--device <device>", "one device: id, address, serial number or host name")
    .option("--meter <meters...>", "these meters (default: those of the customer's settings)")
    .option("--estimate", "interpolate to both ends of the period (default: as the customer's settings say)")
    .option("--no-estimate", "only what was read");
}

/** Throws UsageError. */
function wantedBy({ period, from, to, site, device, meter, estimate }: PeriodOptions): StatementWanted {
  const isMonth = period !== undefined, isDays = from !== undefined && to !== undefined;
  if (isMonth === (from !== undefined || to !== undefined) || isMonth === isDays) {
    throw new UsageError("Cannot bill without one period", "give --period 2026-03, or --from and --to with two days");
  }
  const days = isMonth ? daysOfMonth(period) : { fromDay: from!, toDay: to! };
  return { ...days, site, device, meters: meter, estimate };
}

function rowsTable(rows: readonly StatementRow[], screen: Screen, zone: string): string {
  const columns = [
    { heading: "ROW" },
    { heading: "SITE", optional: true as const },
    { heading: "MODEL", shrink: 10 },
    { heading: "SERIAL", optional: true as const },
    { heading: "METER" },
    { heading: "FIRST READ", optional: true as const },
    { heading: "FIRST" },
    { heading: "LAST READ", optional: true as const },
    { heading: "LAST" },
    { heading: "BILLED" },
    { heading: "NOTES", note: true as const },
  ];
  const cells = rows.map(({ row, device, meter, first, last, billed, notes }) => [
    row,
    device.site,
    device.model,
    device.serial,
    meter,
    first === null ? null : localTime(first.at, zone),
    first?.value ?? null,
    last === null ? null : localTime(last.at, zone),
    last?.value ?? null,
    billed,
    notes.length === 0 ? null : notes.join(" "),
  ]);
  const totals = [...totalsOf(rows)].map(([meter, pages]) => `${meter} ${pages}`).join(", ");
  return `${renderTable(columns, cells, screen)}billed: ${totals}\n`;
}

function addReading(billing: Command, context: CommandContext): void {
  billing.command("list").description("all statements, latest first").option(...customerOption)
    .action((_, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const all = await listStatements(platform, by);
        const cells = all.map(({ number, head, rows, madeAt, supersededBy }) => [
          number,
          periodText(head.period),
          head.device ?? head.site?.name ?? "all",
          rows,
          timeText(madeAt),
          head.madeBy,
          supersededBy,
        ]);
        return {
          json: all.map(({ head, hash, supersededBy }) => ({ ...head, hash, supersededBy })),
          text: (screen) =>
            all.length === 0
              ? "no statements yet: opendca-platform billing make --period 2026-03 makes one\n"
              : renderTable(["NUMBER", "PERIOD", "OF", "ROWS", "MADE", "BY", "SUPERSEDED BY"], cells, screen),
        };
      })
    );
  billing.command("show <number>").description("the rows of a statement").option(...customerOption)
    .action((text: string, _, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const record = await showStatement(platform, by, numberOf(text));
        const rows: StatementRow[] = [];
        for await (const row of statementRows(platform, by, record.number)) rows.push(row);
        return {
          json: rows,
          text: (screen) => {
            const { number, head: { period, madeBy }, madeAt, supersededBy, hash } = record;
            const instead = supersededBy === null ? "" : `; superseded by statement ${supersededBy}`;
            const made = `made ${timeText(madeAt)} by ${madeBy}`;
            return `statement ${number} of ${periodText(period)} in ${period.zone}, ${made}${instead}\n` +
              `hash ${hash}\n${rows.length === 0 ? "no rows\n" : rowsTable(rows, screen, period.zone)}`;
          },
        };
      })
    );
  billing.command("export <number>").description("a statement as a file").option(...customerOption)
    .requiredOption("--as <form>", fileForms.join(", "), formOption)
    .option("--output <file>", "write this file (default: standard output, for csv, erp and json)")
    .action((text: string, options: { as: FileForm; output?: string }, command: Command) =>
      exportFile(context, command, { number: numberOf(text), form: options.as, output: options.output })
    );
}

async function exportFile(
  context: CommandContext,
  command: Command,
  { number, form, output }: { number: number; form: FileForm; output: string | undefined },
): Promise<void> {
  if (output === undefined && (form === "xlsx" || form === "pdf")) {
    throw new UsageError(`Cannot print ${form} to a terminal`, `--output statement.${form} writes a file`);
  }
  await context.runForCustomer(command, async (platform, by) => {
    if (output === undefined) {
      return { json: null, text: "", ...await printed(context, platform, by, { number, form }) };
    }
    const bytes = await writeParts(output, (await exportStatement(platform, by, { number, form })).parts);
    return { json: { file: output, bytes }, text: `${output} has statement ${number}: ${bytes} bytes\n` };
  });
}

async function printed(
  { host }: CommandContext,
  platform: ExportPlatform,
  by: TenantBy,
  wanted: { number: number; form: FileForm },
): Promise<{ silent: true }> {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  for await (const part of (await exportStatement(platform, by, wanted)).parts) {
    await host.stdout(decoder.decode(part, { stream: true }));
  }
  return { silent: true };
}

function formOption(text: string): FileForm {
  if ((fileForms as readonly string[]).includes(text)) return text as FileForm;
  throw new UsageError(`Cannot use --as as a form: current value is "${text}"`, `--as takes ${fileForms.join(", ")}`);
}

function numberOf(text: string): number {
  return wholeNumber("the number of a statement", numbers)(text);
}

function addReadingsExport(billing: Command, context: CommandContext): void {
  billing.command("readings").description("all readings of meters in a period as CSV, of any length")
    .option(...customerOption)
    .requiredOption("--from <day>", "first day, such as 2026-01-01, in the customer's time zone")
    .requiredOption("--to <day>", "last day, which is included")
    .requiredOption("--output <file>", "write this file")
    .action(({ from, to, output }: { from: string; to: string; output: string }, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const { zone } = await billingSettings(platform, by);
        const period = timesOf({ fromDay: from, toDay: to }, zone);
        const bytes = await writeParts(output, exportMeters(platform, by, period));
        return { json: { file: output, bytes }, text: `${output} has the readings: ${bytes} bytes\n` };
      })
    );
}

/** `billing settings|correct|corrections|undo`. */
import type { Command } from "commander";
import { UsageError } from "../../../common/core/errors.ts";
import { correctMeter, listCorrections, undoCorrection } from "../../billing/corrections.ts";
import { listStatementKeys } from "../../billing/known_keys.ts";
import { timeOf } from "../../billing/period.ts";
import {
  type BillingSettings,
  billingSettings,
  changeBillingSettings,
  type ColumnName,
  columnNames,
  defaultMailDay,
  type FileForm,
  fileForms,
  type SettingChanges,
} from "../../billing/settings.ts";
import type { Language } from "../../users/users.ts";
import { checkedReason, type CommandContext, customerOption, deviceHelp, wholeNumber } from "./command_context.ts";
import { minuteText, renderTable } from "./table.ts";

interface SettingOptions {
  zone?: string;
  meter?: string[];
  estimate?: "yes" | "no";
  language?: string;
  column?: string[];
  fields?: string;
  decimals?: string;
  mailDay?: number;
  mailTo?: string[];
  mailAs?: string[];
  mail?: boolean;
}

export function addBillingSettingCommands(billing: Command, context: CommandContext): void {
  billing.command("settings").description(
    "time zone, meters, files and mails of a customer; without options, show them",
  )
    .option(...customerOption)
    .option("--zone <zone>", "time zone of its days, such as Europe/Berlin")
    .option("--meter <meters...>", "which meters are billed; all for every one")
    .option("--estimate <yes|no>", "whether to interpolate to both ends of a period", yesOrNo)
    .option("--language <language>", "en, de or it")
    .option("--column <columns...>", `columns of files, of ${columnNames.join(", ")}; all for every one`)
    .option("--fields <separator>", "between fields of CSV: comma, semicolon or tab")
    .option("--decimals <separator>", "of decimals in CSV: point or comma")
    .option("--mail-to <addresses...>", "mail the statement of each month to these addresses")
    .option(
      "--mail-day <day>",
      `on this day of the next month, 1 to 28; without it, ${defaultMailDay}`,
      wholeNumber("--mail-day", { min: 1, max: 28 }),
    )
    .option("--mail-as <forms...>", `with these files: ${fileForms.join(", ")}`)
    .option("--no-mail", "mail nothing")
    .action((options: SettingOptions, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const wanted = await wantedBy(options, () => billingSettings(platform, by));
        const isChange = Object.values(wanted).some((value) => value !== undefined);
        const settings = isChange
          ? await changeBillingSettings(platform, by, wanted)
          : await billingSettings(platform, by);
        return { json: settings, text: settingsText(settings) };
      })
    );
  addCorrections(billing, context);
  billing.command("keys").description("keys of the platform that statements were signed with, oldest first")
    .action((_, command: Command) =>
      context.run(command, async (platform, by) => {
        const rows = await listStatementKeys(platform, by);
        const cells = rows.map(({ keyId, since, statements, lastAt, isPresent }) => [
          keyId,
          minuteText(since),
          statements,
          lastAt === null ? null : minuteText(lastAt),
          isPresent ? "yes" : "no",
        ]);
        return {
          json: rows,
          text: (screen) =>
            rows.length === 0
              ? "no keys yet: the first statement notes one\n"
              : renderTable(["KEY", "SINCE", "STATEMENTS", "LAST", "IN USE"], cells, screen),
        };
      })
    );
}

const all = (values: string[] | undefined) => values?.length === 1 && values[0] === "all" ? null : values;

async function wantedBy(
  options: SettingOptions,
  before: () => Promise<BillingSettings>,
): Promise<SettingChanges> {
  const { zone, meter, estimate, language, column, fields, decimals, mailDay, mailTo, mailAs, mail } = options;
  const isMail = mailDay !== undefined || mailTo !== undefined || mailAs !== undefined;
  const schedule = isMail ? (await before()).schedule : undefined;
  return {
    ...(zone === undefined ? {} : { zone }),
    ...(meter === undefined ? {} : { meters: all(meter) ?? null }),
    ...(estimate === undefined ? {} : { estimate: estimate === "yes" }),
    ...(language === undefined ? {} : { language: language as Language }),
    ...(column === undefined ? {} : { columns: all(column) as ColumnName[] | null }),
    ...(fields === undefined ? {} : { fieldSeparator: fields as BillingSettings["fieldSeparator"] }),
    ...(decimals === undefined ? {} : { decimalSeparator: decimals as BillingSettings["decimalSeparator"] }),
    ...(mail === false ? { schedule: null } : !isMail ? {} : {
      schedule: {
        day: mailDay ?? schedule?.day ?? defaultMailDay,
        recipients: mailTo ?? schedule?.recipients ?? [],
        forms: (mailAs ?? schedule?.forms ?? ["pdf", "xlsx"]) as FileForm[],
      },
    }),
  };
}

function settingsText(settings: BillingSettings): string {
  const { zone, meters, estimate, language, columns, fieldSeparator, decimalSeparator, schedule } = settings;
  const mail = schedule === undefined
    ? "none"
    : `${schedule.forms.join(" and ")} to ${schedule.recipients.join(", ")} on day ${schedule.day} of the next month`;
  return [
    `time zone  ${zone}`,
    `meters     ${meters?.join(", ") ?? "all"}`,
    `estimates  ${estimate ? "yes" : "no"}`,
    `language   ${language}`,
    `columns    ${columns.length === columnNames.length ? "all" : columns.join(", ")}`,
    `CSV        ${fieldSeparator} between fields, decimal ${decimalSeparator}`,
    `mail       ${mail}`,
    "",
  ].join("\n");
}

function yesOrNo(text: string): string {
  if (text === "yes" || text === "no") return text;
  throw new UsageError(`Cannot use --estimate: current value is "${text}"`, "--estimate takes yes or no");
}

interface CorrectOptions {
  meter: string;
  from: string;
  to: string;
  pages: string;
  reason: string;
}

function addCorrections(billing: Command, context: CommandContext): void {
  billing.command("correct <device>").description("set what counts in a part of a meter, in place of its readings")
    .option(...customerOption)
    .requiredOption("--meter <meter>", "such as total")
    .requiredOption("--from <day>", "readings after this day begins or this time, such as 2026-03-01T06:00Z")
    .requiredOption("--to <day>", "up to the end of this day, or this time")
    .requiredOption("--pages <number>", "what counts in place of them")
    .requiredOption("--reason <text>", "why; statements show it", checkedReason)
    .addHelpText("after", `\n${deviceHelp}`)
    .action((device: string, options: CorrectOptions, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const { zone } = await billingSettings(platform, by);
        const { meter, reason } = options;
        const made = await correctMeter(platform, by, {
          device,
          meter,
          reason,
          pages: pagesOf(options.pages),
          from: new Date(timeOf(options.from, zone)),
          until: new Date(timeOf(options.to, zone, true)),
        });
        return {
          json: made,
          text: `${made.pages} count for ${meter} of ${made.device_id} in that time: ${made.correction_id}\n`,
          next: `opendca-platform billing undo ${made.correction_id} takes it back`,
        };
      })
    );
  billing.command("corrections").description("all corrections, newest first").option(...customerOption)
    .action((_, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const rows = await listCorrections(platform, by);
        const cells = rows.map((row) => [
          row.correction_id,
          row.device_id,
          row.meter,
          minuteText(row.from_at),
          minuteText(row.until_at),
          row.pages,
          row.made_by,
          row.reason,
          row.undone_at === null ? null : minuteText(row.undone_at),
        ]);
        const headings = ["CORRECTION", "DEVICE", "METER", "FROM", "TO", "PAGES", "BY", "REASON", "UNDONE"];
        return {
          json: rows,
          text: (screen) => rows.length === 0 ? "no corrections\n" : renderTable(headings, cells, screen),
        };
      })
    );
  billing.command("undo <correction>").description("take back a correction; its readings count again")
    .option(...customerOption).option("--reason <text>", "why, for the audit log", checkedReason)
    .action((correctionId: string, { reason }: { reason?: string }, command: Command) =>
      context.runForCustomer(command, async (platform, by) => {
        const undone = await undoCorrection(platform, by, { correctionId, reason });
        return { json: undone, text: `the readings of ${undone.device_id} count again in that time\n` };
      })
    );
}

function pagesOf(text: string): number {
  if (/^\d{1,12}(\.\d{1,3})?$/.test(text)) return Number(text);
  throw new UsageError(
    `Cannot use --pages as a number: current value is "${text}"`,
    "--pages takes a number such as 120",
  );
}

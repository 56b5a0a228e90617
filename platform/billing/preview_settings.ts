/** What files of a customer would look like by other settings, and when the next ones are mailed. */
import { type Base, readTenant, type TenantBy } from "../audit/use_case.ts";
import { csvTexts, erpTexts } from "./export_statement.ts";
import { previewStatement } from "./make_statement.ts";
import { daysOfMonth, monthBefore } from "./period.ts";
import { type BillingSettings, changedSettings, type SettingChanges, settingsOf } from "./settings.ts";
import type { StatementRow } from "./statement.ts";

export interface Mailing {
  /** Of the statement, such as `2026-03`. */
  month: string;
  /** On which it is mailed, such as `2026-04-05`; in the past if it is due. */
  day: string;
}

export interface SettingsPreview {
  settings: BillingSettings;
  month: string;
  /** Of the whole month. */
  rows: number;
  /** The begin of each file. */
  csv: string;
  erp: string;
  /** Undefined if nothing is mailed. */
  next: Mailing | undefined;
}

const shownRows = 5;

/** Nothing is stored. Throws UsageError. */
export async function previewSettings(platform: Base, by: TenantBy, wanted: SettingChanges): Promise<SettingsPreview> {
  const now = platform.clock.now();
  const { settings, number, mailed } = await readTenant(platform, by, async (tenant) => ({
    settings: changedSettings(await settingsOf(tenant), wanted),
    number: (await tenant.get<{ number: number }>(
      "SELECT coalesce(max(number), 0) + 1 AS number FROM statements WHERE customer_id = :customer",
    ))!.number,
    mailed: (await tenant.get<{ mailed: string }>(
      "SELECT mailed FROM billing_settings WHERE customer_id = :customer",
    ))?.mailed ?? "",
  }));
  const month = monthBefore(now, settings.zone);
  const { head, rows } = await previewStatement(platform, by, { ...daysOfMonth(month), settings });
  const shown: StatementRow[] = rows.slice(0, shownRows);
  return {
    settings,
    month,
    rows: rows.length,
    csv: await textOf(csvTexts(head, settings, shown)),
    erp: await textOf(erpTexts({ ...head, number }, shown)),
    next: nextMailing(settings, { mailed, now }),
  };
}

/** `mailed`: the last month whose statement was mailed, or empty. */
export function nextMailing(
  { schedule, zone }: Pick<BillingSettings, "schedule" | "zone">,
  { mailed, now }: { mailed: string; now: Date },
): Mailing | undefined {
  if (schedule === undefined) return undefined;
  const last = Temporal.PlainYearMonth.from(monthBefore(now, zone));
  const month = mailed < last.toString() ? last : last.add({ months: 1 });
  return { month: month.toString(), day: month.add({ months: 1 }).toPlainDate({ day: schedule.day }).toString() };
}

async function textOf(lines: AsyncIterable<string>): Promise<string> {
  return (await Array.fromAsync(lines)).join("").replace("\uFEFF", "");
}

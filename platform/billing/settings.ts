/** How a customer is billed: time zone, meters, forms of the files, and when they are mailed. */
import { UsageError } from "../../common/core/errors.ts";
import { checkedZone } from "../../common/core/time_zone.ts";
import { type Base, changeTenant, readTenant, type TenantBy } from "../audit/use_case.ts";
import type { Tenant } from "../store/store.ts";
import { type Language, languages } from "../users/users.ts";

export const fileForms = ["csv", "xlsx", "pdf", "json", "erp"] as const;
export type FileForm = typeof fileForms[number];

/** Columns that a file may have, in any order. */
export const columnNames = [
  "site",
  "device",
  "manufacturer",
  "model",
  "serial",
  "network",
  "address",
  "meter",
  "unit",
  "firstAt",
  "first",
  "lastAt",
  "last",
  "counted",
  "estimated",
  "corrected",
  "adjusted",
  "billed",
  "notes",
] as const;
export type ColumnName = typeof columnNames[number];

const fieldSeparators = { comma: ",", semicolon: ";", tab: "\t" } as const;
const decimalSeparators = { point: ".", comma: "," } as const;

export interface BillingSettings {
  zone: string;
  /** Undefined: all. */
  meters?: readonly string[] | undefined;
  /** Whether values are interpolated to both ends of a period. */
  estimate: boolean;
  language: Language;
  columns: readonly ColumnName[];
  fieldSeparator: keyof typeof fieldSeparators;
  decimalSeparator: keyof typeof decimalSeparators;
  /** Undefined: nothing is mailed. */
  schedule?: Schedule | undefined;
}

export interface Schedule {
  /** Day of the month on which the statement of the month before is made, 1 to 28: what comes before it is waited for. */
  day: number;
  recipients: readonly string[];
  forms: readonly FileForm[];
}

/** So that readings of a weekend are in it that agents could not send before. */
export const defaultMailDay = 3;

export const defaultSettings: BillingSettings = {
  zone: "UTC",
  estimate: false,
  language: "en",
  columns: columnNames,
  fieldSeparator: "comma",
  decimalSeparator: "point",
};

export function separatorsOf({ fieldSeparator, decimalSeparator }: BillingSettings) {
  return { field: fieldSeparators[fieldSeparator], decimal: decimalSeparators[decimalSeparator] };
}

export async function settingsOf(tenant: Tenant): Promise<BillingSettings> {
  const row = await tenant.get<{ settings: string }>(
    "SELECT settings FROM billing_settings WHERE customer_id = :customer",
  );
  return row === undefined ? defaultSettings : { ...defaultSettings, ...JSON.parse(row.settings) };
}

export function billingSettings(platform: Base, by: TenantBy): Promise<BillingSettings> {
  return readTenant(platform, by, settingsOf);
}

/** What is given changes; null takes a value back to its default. */
export type SettingChanges = { [Name in keyof BillingSettings]?: BillingSettings[Name] | null };

function givenBy(wanted: SettingChanges): Partial<BillingSettings> {
  return Object.fromEntries(
    Object.entries(wanted).filter(([, value]) => value !== undefined).map((
      [name, value],
    ) => [name, value ?? defaultSettings[name as keyof BillingSettings]]),
  );
}

/** What they would be after a change; nothing is stored. Throws UsageError. */
export function changedSettings(before: BillingSettings, wanted: SettingChanges): BillingSettings {
  return checkedSettings({ ...before, ...givenBy(wanted) });
}

/** Throws UsageError. */
export function changeBillingSettings(
  platform: Base,
  by: TenantBy,
  wanted: SettingChanges,
): Promise<BillingSettings> {
  return changeTenant(platform, by, async (tenant, at) => {
    const given = givenBy(wanted), settings = changedSettings(await settingsOf(tenant), wanted);
    await tenant.run(
      `INSERT INTO billing_settings (customer_id, settings, changed_at, mailed) VALUES (:customer, :settings, :at, '')
       ON CONFLICT (customer_id) DO UPDATE SET settings = excluded.settings, changed_at = excluded.changed_at`,
      { settings: JSON.stringify(settings), at: at.getTime() },
    );
    const detail = Object.fromEntries(
      Object.entries(given).map(([name, value]) => [name, JSON.stringify(value ?? null)]),
    );
    return { answer: settings, audit: { action: "billingChanged", subject: by.tenant, detail } };
  });
}

function checkedSettings(settings: BillingSettings): BillingSettings {
  const { meters, columns, fieldSeparator, decimalSeparator, language, schedule } = settings;
  const one = (what: string, value: string, of: readonly string[]) => {
    if (!of.includes(value)) throw new UsageError(`Cannot use "${value}" as ${what}: there are ${of.join(", ")}`);
  };
  for (const column of columns) one("a column", column, columnNames);
  if (columns.length === 0 || new Set(columns).size < columns.length) {
    throw new UsageError("Cannot use these columns: each may be there once, and one must be");
  }
  one("a field separator", fieldSeparator, Object.keys(fieldSeparators));
  one("a decimal separator", decimalSeparator, Object.keys(decimalSeparators));
  one("a language", language, languages);
  if (fieldSeparator === "comma" && decimalSeparator === "comma") {
    throw new UsageError("Cannot use a comma for both separators", "use semicolon between fields");
  }
  if (meters?.some((meter) => !/^[\w.-]{1,100}$/.test(meter)) || (meters?.length ?? 0) > 100) {
    throw new UsageError("Cannot use these meters: a name is such as total or print.color");
  }
  if (schedule !== undefined) checkSchedule(schedule, one);
  return { ...settings, zone: checkedZone(settings.zone) };
}

function checkSchedule(
  { day, recipients, forms }: Schedule,
  one: (what: string, value: string, of: readonly string[]) => void,
): void {
  if (!Number.isInteger(day) || day < 1 || day > 28) {
    throw new UsageError(`Cannot mail on day "${day}" of the month: it is from 1 to 28`);
  }
  for (const form of forms) one("a form of a file", form, fileForms);
  if (forms.length === 0) {
    throw new UsageError("Cannot mail statements without a file", "give csv, xlsx, pdf, json or erp");
  }
  if (recipients.length === 0 || recipients.length > 20) {
    throw new UsageError("Cannot mail statements to nobody, or to more than 20 addresses");
  }
  for (const recipient of recipients) {
    if (!/^[^\s@<>,;"]{1,64}@[^\s@<>,;"]{1,255}$/.test(recipient)) {
      throw new UsageError(`Cannot use "${recipient}" as an e-mail address`);
    }
  }
}

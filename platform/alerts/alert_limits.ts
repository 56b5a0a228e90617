/**
 * From when on alerts are raised. A customer's own limits go before those of its dealer, and these before the defaults.
 */
import { UsageError } from "../../common/core/errors.ts";
import { lowPercent } from "../../common/reading/low_supply.ts";
import type { Platform } from "../agents/platform.ts";
import { type By, changePlatform, readPlatform } from "../audit/use_case.ts";
import { customerOf } from "../customers/customers.ts";
import { dealerNamed, type DealerRow } from "../customers/dealers.ts";
import type { Transaction } from "../store/store.ts";

export interface AlertLimits {
  /** Percent at and below which a supply is low. */
  lowPercent: number;
  /** A supply that is expected to be empty within these days. */
  emptyDays: number;
  /** A device that was not seen for these days. */
  silentDeviceDays: number;
  /** An agent that has not reported for these hours; 0: as soon as it has missed three polls. */
  silentAgentHours: number;
}

export type LimitName = keyof AlertLimits;
export type OwnLimits = Partial<AlertLimits>;

/** Default: a device is silent for longer than a weekend. */
export const defaultLimits: AlertLimits = { lowPercent, emptyDays: 7, silentDeviceDays: 3, silentAgentHours: 0 };
export const limitRanges: Record<LimitName, { min: number; max: number }> = {
  lowPercent: { min: 1, max: 50 },
  emptyDays: { min: 1, max: 60 },
  silentDeviceDays: { min: 1, max: 90 },
  silentAgentHours: { min: 0, max: 168 },
};
export const limitNames = Object.keys(limitRanges) as LimitName[];

/** As stored; what is not known is left out. */
function ownOf(text: string | null): OwnLimits {
  const stored = text === null ? {} : JSON.parse(text) as OwnLimits;
  return Object.fromEntries(limitNames.flatMap((name) => stored[name] === undefined ? [] : [[name, stored[name]]]));
}

/** Of a customer, from the columns of the dealer and of itself. */
export function limitsOf({ dealer, customer }: { dealer: string | null; customer: string | null }): AlertLimits {
  return { ...defaultLimits, ...ownOf(dealer), ...ownOf(customer) };
}

/** Whose limits: a customer's, by id or name, or a dealer's. */
export type LimitsOf = { customer: string } | { dealer: string };

export interface ShownLimits {
  own: OwnLimits;
  /** What counts where it has none of its own. */
  inherited: AlertLimits;
  effective: AlertLimits;
}

interface Found {
  shown: ShownLimits;
  table: "customers" | "dealers";
  key: "customer_id" | "dealer_id";
  id: string;
}

type Limited<Row> = Row & { alert_limits: string | null };

async function found(tx: Transaction, of: LimitsOf): Promise<Found> {
  if ("dealer" in of) {
    const row = await dealerNamed(tx, of.dealer) as Limited<DealerRow>, own = ownOf(row.alert_limits);
    const shown = { own, inherited: defaultLimits, effective: { ...defaultLimits, ...own } };
    return { shown, table: "dealers", key: "dealer_id", id: row.dealer_id };
  }
  const { customer_id: id } = await customerOf(tx, of.customer);
  const row = (await tx.get<{ customer: string | null; dealer: string | null }>(
    `SELECT c.alert_limits AS customer, d.alert_limits AS dealer
     FROM customers c JOIN dealers d ON d.dealer_id = c.dealer_id WHERE c.customer_id = :id`,
    { id },
  ))!;
  const own = ownOf(row.customer), inherited = limitsOf({ ...row, customer: null });
  return { shown: { own, inherited, effective: { ...inherited, ...own } }, table: "customers", key: "customer_id", id };
}

/** Throws UsageError for a customer or dealer that is not known. */
export function alertLimits(platform: Pick<Platform, "store" | "clock">, by: By, of: LimitsOf): Promise<ShownLimits> {
  return readPlatform(platform, by, async (tx) => (await found(tx, of)).shown);
}

function textOf(limits: OwnLimits): string {
  return Object.entries(limits).map(([name, value]) => `${name} ${value}`).join(", ") || "none";
}

/** `null` takes the own limit away. Throws UsageError for a number that cannot be. */
export async function setAlertLimits(
  platform: Pick<Platform, "store" | "clock">,
  by: By,
  { changes, ...of }: LimitsOf & { changes: { [Name in LimitName]?: number | null | undefined } },
): Promise<ShownLimits> {
  for (const name of limitNames) {
    const value = changes[name], { min, max } = limitRanges[name];
    if (value == null || (Number.isInteger(value) && value >= min && value <= max)) continue;
    throw new UsageError(`Cannot set ${name} to ${value}: it is a whole number from ${min} to ${max}`);
  }
  return await changePlatform(platform, by, async (tx) => {
    const { shown: before, table, key, id } = await found(tx, of);
    const own: OwnLimits = { ...before.own };
    for (const name of limitNames) {
      const value = changes[name];
      if (value === null) delete own[name];
      else if (value !== undefined) own[name] = value;
    }
    const text = Object.keys(own).length === 0 ? null : JSON.stringify(own);
    await tx.run(`UPDATE ${table} SET alert_limits = :text WHERE ${key} = :id`, { text, id });
    return {
      answer: { ...before, own, effective: { ...before.inherited, ...own } },
      customerId: table === "customers" ? id : null,
      audit: { action: "alertLimitsSet", subject: id, detail: { before: textOf(before.own), after: textOf(own) } },
    };
  });
}

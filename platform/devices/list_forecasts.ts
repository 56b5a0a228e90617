/** Forecasts for lists: of supplies that are shown, of those that will be empty first, and how many there are. */
import type { Platform } from "../agents/platform.ts";
import { type By, readPlatform, readTenant, type TenantBy } from "../audit/use_case.ts";
import { siteOf } from "../customers/customers.ts";
import { type Expected, type Forecast } from "./forecast.ts";
import {
  type EmptyingOrder,
  emptyingQuery,
  type EmptyingRow,
  emptyingRows,
  type EmptyingRowsWish,
  forecastsOfDevices,
  keptForecasts,
} from "./kept_forecasts.ts";
import { type PageOf, type PageWish, queriedInLots } from "../store/page.ts";
import type { Tenant } from "../store/store.ts";
import type { ListedSupply } from "./list_supplies.ts";

const dayMs = 86_400_000;
/** How long a delivery takes, with a day to spare. */
export const deliveryDays = 7;

/** When it must be ordered, so that it is there in nine of ten cases; now, if that is over. */
export function orderBy({ first }: Expected, now: number): number {
  return Math.max(now, first - deliveryDays * dayMs);
}

/* Devices whose forecasts are made for a list where none is kept yet. */
const mostMade = 50;

/** By device and index of the supply. */
export function forecastsOfListed(
  platform: Platform,
  by: TenantBy,
  listed: readonly Pick<ListedSupply, "row">[],
): Promise<Map<string, Map<string, Forecast>>> {
  const ids = [...new Set(listed.map(({ row }) => row.device_id))], now = platform.clock.now().getTime();
  return readTenant(platform, by, async (tenant) => {
    const kept = await keptForecasts(tenant, ids);
    const missing = ids.filter((each) => !kept.has(each)).slice(0, mostMade);
    for (const [id, made] of await forecastsOfDevices(tenant, missing, now)) {
      kept.set(id, new Map(made.map(({ supply, forecast }) => [supply.index, forecast])));
    }
    return kept;
  });
}

export interface Emptying extends EmptyingRow {
  expected: Expected;
}

export interface EmptyingWish {
  site?: string | undefined;
  withinDays: number;
  /** Default: the first ones first. */
  order?: EmptyingOrder | undefined;
}

async function wishOf(tenant: Tenant, { site, withinDays, order }: EmptyingWish, now: Date): Promise<EmptyingRowsWish> {
  const siteId = site === undefined ? undefined : (await siteOf(tenant, site)).site_id;
  return { until: now.getTime() + withinDays * dayMs, siteId, order };
}

const withExpected = (row: EmptyingRow): Emptying => ({ ...row, expected: JSON.parse(row.forecast) });

/** Supplies that will be empty within some days. Throws UsageError for an unknown site. */
export async function listEmptying(
  platform: Platform,
  by: TenantBy,
  { place, limit, ...wish }: EmptyingWish & PageWish,
): Promise<PageOf<Emptying>> {
  const page = await readTenant(
    platform,
    by,
    async (tenant) => await emptyingRows(tenant, { ...await wishOf(tenant, wish, platform.clock.now()), place, limit }),
  );
  return { ...page, rows: page.rows.map(withExpected) };
}

/** All of them in lots: see `queriedInLots()`. */
export async function* exportEmptying(
  platform: Platform,
  by: TenantBy,
  wish: EmptyingWish,
): AsyncGenerator<Emptying[]> {
  const now = platform.clock.now();
  const lots = queriedInLots<EmptyingRow, Tenant>(
    (work) => readTenant(platform, by, work),
    async (tenant) => emptyingQuery(await wishOf(tenant, wish, now)),
  );
  for await (const lot of lots) yield lot.map(withExpected);
}

/** How many supplies of a dealer's customers will be empty within some days; of some sites only where they are given. */
export function emptyingCounts(
  platform: Platform,
  by: By,
  { dealerId, withinDays, sites }: {
    dealerId: string;
    withinDays: number;
    /** By the customer's id. */
    sites: ReadonlyMap<string, readonly string[]>;
  },
): Promise<Map<string, number>> {
  const until = platform.clock.now().getTime() + withinDays * dayMs;
  return readPlatform(platform, by, async (tx) => {
    // Counted in the index alone.
    const rows = await tx.all<{ customer_id: string; count: number }>(
      `SELECT customer_id, CAST(count(*) AS INTEGER) AS count FROM supply_forecasts
       WHERE customer_id IN (SELECT customer_id FROM customers WHERE dealer_id = :dealer) AND empties_at <= :until
       GROUP BY customer_id`,
      { dealer: dealerId, until },
    );
    const counts = new Map(rows.map(({ customer_id, count }) => [customer_id, count]));
    for (const [customerId, ofCustomer] of sites) {
      const lists = await Promise.all(
        ofCustomer.map((siteId) => emptyingRows(tx.tenant(customerId), { until, siteId })),
      );
      counts.set(customerId, lists.reduce((sum, { rows }) => sum + rows.length, 0));
    }
    return counts;
  });
}

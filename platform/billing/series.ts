/**
 * The readings of counters, as the store has them: a sample when the value changes, and one a day. A series comes as one
 * text, as tens of millions of rows of their own would take longer than all the rest.
 */
import type { Tenant } from "../store/store.ts";
import type { Period } from "./count_pages.ts";
import { memoryMs, type Point } from "./steps.ts";

/** One counter of a device, or of a part of a merged one. */
export interface Series {
  deviceId: string;
  name: string;
  points: Point[];
}

interface BasisRow {
  device_id: string;
  name: string;
  n: number;
  total: number;
}

interface SeriesRow extends BasisRow {
  unit: string;
  last_unit: string;
  points: string;
}

export interface Wanted extends Period {
  /** Undefined: all devices of the customer. */
  deviceIds?: readonly string[] | undefined;
  /** Undefined: all meters. */
  meters?: readonly string[] | undefined;
}

const dayMs = 86_400_000;

export interface FoundSeries {
  /** As `countPages` takes them; of a counter that was not read in that time, its last reading before. */
  series: Series[];
  /** As `basisOf` has it; undefined where only some meters were read. */
  basis: Map<string, string> | undefined;
}

export async function seriesOf(tenant: Tenant, wanted: Wanted): Promise<FoundSeries> {
  const { engine } = tenant.transaction;
  // Mostly in the order of the primary key, by which the rows are read; pointsOf() sees to it if they are not. Sorting
  // each group in the database takes a third longer.
  const joined = `${engine === "sqlite" ? "group_concat" : "string_agg"}(observed_at || ' ' || value, ',')`;
  const since = wanted.from - memoryMs - dayMs;
  const chosen = chosenBy(wanted);
  const rows = await manyOf<SeriesRow>(
    tenant,
    `SELECT device_id, name, min(unit) AS unit, max(unit) AS last_unit, ${joined} AS points,
       ${basisColumns("FILTER (WHERE observed_at > :from AND observed_at <= :end)")} FROM samples
     WHERE customer_id = :customer AND kind = 'meter' AND observed_at >= :since AND observed_at <= :until
       AND value IS NOT NULL${chosen.where} GROUP BY device_id, name`,
    { since, until: wanted.until + memoryMs, from: wanted.from, end: wanted.until, ...chosen.parameters },
    wanted.deviceIds,
  );
  const found: Series[] = [];
  for (const row of rows) found.push({ deviceId: row.device_id, name: row.name, points: await pointsOf(tenant, row) });
  return {
    series: await withEarlier(tenant, found, wanted),
    basis: wanted.meters === undefined ? basisBy(rows.filter(({ n }) => n > 0)) : undefined,
  };
}

function chosenBy({ meters }: Wanted): { where: string; parameters: Record<string, string> } {
  if (meters === undefined) return { where: "", parameters: {} };
  const parameters = Object.fromEntries(meters.map((meter, i) => [`meter_${i}`, meter]));
  return { where: ` AND name IN (${Object.keys(parameters).map((name) => `:${name}`).join(", ")})`, parameters };
}

/** One statement for all devices of the customer, or one for each of some. */
async function manyOf<Row>(
  tenant: Tenant,
  sql: string,
  parameters: Record<string, string | number>,
  deviceIds: readonly string[] | undefined,
): Promise<Row[]> {
  if (deviceIds === undefined) return await tenant.all<Row>(sql, parameters);
  const some = sql.replace("AND kind = 'meter'", "AND device_id = :device_id AND kind = 'meter'");
  const rows: Row[] = [];
  for (const device_id of deviceIds) rows.push(...await tenant.all<Row>(some, { ...parameters, device_id }));
  return rows;
}

async function pointsOf(tenant: Tenant, row: SeriesRow): Promise<Point[]> {
  const { device_id, name, unit, last_unit, points } = row;
  const all = points.split(",").map((text): Point => {
    const blank = text.indexOf(" ");
    return { at: Number(text.slice(0, blank)), value: Number(text.slice(blank + 1)), unit, part: "" };
  });
  if (all.some(({ at }, i) => i > 0 && at < all[i - 1]!.at)) all.sort((a, b) => a.at - b.at);
  const hasTwins = all.some(({ at }, i) => i > 0 && at === all[i - 1]!.at);
  if (unit === last_unit && !hasTwins) return all;
  // Few counters change their unit, or are read twice at one time.
  return await tenant.all<Point>(
    `SELECT observed_at AS at, value, unit, '' AS part FROM samples
     WHERE customer_id = :customer AND device_id = :device_id AND kind = 'meter' AND name = :name
       AND observed_at >= :first AND observed_at <= :last AND value IS NOT NULL ORDER BY observed_at, origin`,
    { device_id, name, first: all[0]!.at, last: all.at(-1)!.at },
  );
}

/* Most counters have a sample a day; of the others, the last one before is looked up. */
async function withEarlier(tenant: Tenant, found: Series[], wanted: Wanted): Promise<Series[]> {
  const { from, deviceIds, meters } = wanted, last = from - memoryMs;
  const known = new Set(found.map(({ deviceId, name }) => keyOf(deviceId, name)));
  const devices = deviceIds?.map((device_id) => ({ device_id })) ??
    await tenant.all<{ device_id: string }>("SELECT device_id FROM devices WHERE customer_id = :customer");
  const read = new Set(found.map(({ deviceId }) => deviceId));
  const unread: Series[] = [];
  for (const { device_id } of devices) {
    // A device of which all meters are known has no others, except for those that it lost before.
    if (read.has(device_id)) continue;
    const names = await tenant.all<{ name: string }>(
      `SELECT DISTINCT name FROM samples WHERE customer_id = :customer AND device_id = :device_id AND kind = 'meter'
         AND observed_at <= :until`,
      { device_id, until: wanted.until },
    );
    for (const { name } of names) {
      if (meters !== undefined && !meters.includes(name)) continue;
      if (!known.has(keyOf(device_id, name))) unread.push({ deviceId: device_id, name, points: [] });
    }
  }
  const all = [...found, ...unread];
  const wanting = all.filter(({ points }) => (points[0]?.at ?? Infinity) > last);
  const earlier = await tenant.allOf<Point & { device_id: string; name: string }>(
    `SELECT device_id, name, observed_at AS at, value, unit, '' AS part FROM samples
     WHERE customer_id = :customer AND device_id = :device_id AND kind = 'meter' AND name = :name
       AND observed_at < :before AND value IS NOT NULL ORDER BY observed_at DESC, origin DESC LIMIT 1`,
    wanting.map(({ deviceId, name, points }) => ({
      device_id: deviceId,
      name,
      before: points[0]?.at ?? from,
    })),
  );
  const byKey = new Map(earlier.map(({ device_id, name, ...point }) => [keyOf(device_id, name), point]));
  for (const series of wanting) {
    const point = byKey.get(keyOf(series.deviceId, series.name));
    if (point !== undefined) series.points.unshift(point);
  }
  return all.filter(({ points }) => points.length > 0);
}

function keyOf(deviceId: string, name: string): string {
  return `${deviceId} ${name}`;
}

/** Number and sum of the samples of each counter in a period: they change when a late reading arrives. */
export async function basisOf(
  tenant: Tenant,
  { from, until, deviceIds }: Period & { deviceIds?: readonly string[] | undefined },
): Promise<Map<string, string>> {
  const rows = await manyOf<BasisRow>(
    tenant,
    `SELECT device_id, name, ${basisColumns("")} FROM samples
     WHERE customer_id = :customer AND kind = 'meter' AND observed_at > :from AND observed_at <= :until
       AND value IS NOT NULL GROUP BY device_id, name`,
    { from, until },
    deviceIds,
  );
  return basisBy(rows);
}

function basisColumns(filter: string): string {
  return `count(*) ${filter} AS n, sum(value) ${filter} AS total`;
}

function basisBy(rows: readonly BasisRow[]): Map<string, string> {
  const byDevice = new Map<string, string>();
  for (const { device_id, name, n, total } of rows.toSorted((a, b) => a.name < b.name ? -1 : 1)) {
    byDevice.set(device_id, `${byDevice.get(device_id) ?? ""}${name} ${n} ${total};`);
  }
  return byDevice;
}

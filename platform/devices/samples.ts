/**
 * History of meters and supplies: a sample when the value changes, and one per day in UTC. Between two samples the
 * value is that of the first. A meter that decreases (a new board, a reset) is a change as well.
 */
import type { Meter, Reading, Supply } from "../../proto/gen/opendca/v1/reading.ts";
import { LevelKind, levelKindToJSON } from "../../proto/gen/opendca/v1/reading.ts";
import type { Platform } from "../agents/platform.ts";
import { readTenant, type TenantBy } from "../audit/use_case.ts";
import { type Page, pageParameters, pageSql } from "../store/page.ts";
import type { RowsOf, Tenant } from "../store/store.ts";
import { type DeviceFilters, rowFilters } from "./list_devices.ts";
import { conditionsOf, type RowFilters } from "./listed_devices.ts";
import { named, partsTable } from "./device_groups.ts";
import { type KnownState, maybeDeviceState, metersOf, suppliesOf } from "./device_state.ts";

const dayMs = 86_400_000;

export interface Sample {
  kind: "meter" | "supply";
  /** Name of the meter, or index of the supply. */
  name: string;
  /** Value of the meter, or percentage of the supply; null if the device reports none. */
  value: number | null;
  unit: string;
  /** Level kind of a supply: `exact`, `some`, `unknown`, `empty` or `unlimited`; empty for a meter. */
  level: string;
}

/** All values of a reading; if a name occurs twice, the first counts. */
export function samplesOf({ meters, supplies }: { meters: readonly Meter[]; supplies: readonly Supply[] }): Sample[] {
  const samples = [
    ...meters.map(({ name, value, unit }): Sample => ({ kind: "meter", name, value, unit, level: "" })),
    ...supplies.map(({ index, level }): Sample => ({
      kind: "supply",
      name: index,
      value: level?.percent ?? null,
      unit: "percent",
      level: levelName(level?.kind),
    })),
  ];
  const names = new Set<string>();
  return samples.filter((sample) => names.size < names.add(keyOf(sample)).size);
}

function levelName(kind: LevelKind | undefined): string {
  if (kind === undefined || kind === LevelKind.UNSPECIFIED || LevelKind[kind] === undefined) return "unknown";
  return levelKindToJSON(kind).replace(/^LEVEL_KIND_/, "").toLowerCase();
}

/** What was read before, decoded when it is needed. */
export interface ReadBefore {
  meters(): Meter[];
  supplies(): Supply[];
}

/** The samples of a reading that must be stored, by the state before and after it. */
export function newSamples(
  { before, after, reading, was }: {
    before: KnownState | undefined;
    after: KnownState;
    reading: Reading;
    was?: ReadBefore;
  },
): Sample[] {
  const at = after.observed_at;
  const isSameDay = (then: number | null | undefined) =>
    then != null && Math.floor(then / dayMs) === Math.floor(at / dayMs);
  const knowsMeters = isSameDay(before?.meters_at), knowsSupplies = isSameDay(before?.supplies_at);
  const meters = knowsMeters && before?.meters === after.meters ? [] : reading.meters;
  const supplies = knowsSupplies && before?.supplies === after.supplies ? [] : reading.supplies;
  const last = new Map(
    samplesOf({
      meters: knowsMeters && meters.length > 0 ? was?.meters() ?? metersOf(before) : [],
      supplies: knowsSupplies && supplies.length > 0 ? was?.supplies() ?? suppliesOf(before) : [],
    }).map((sample) => [keyOf(sample), sample]),
  );
  return samplesOf({ meters, supplies }).filter((sample) => !isSame(last.get(keyOf(sample)), sample));
}

function keyOf({ kind, name }: Sample): string {
  return `${kind} ${name}`;
}

function isSame(a: Omit<Sample, "kind" | "name"> | undefined, b: Sample): boolean {
  return a !== undefined && a.value === b.value && a.unit === b.unit && a.level === b.level;
}

/** Samples of one reading. */
export interface ReadSamples {
  deviceId: string;
  at: number;
  /** The reading is older than the state: values that equal stored samples of that time are left out. */
  isLate: boolean;
  samples: readonly Sample[];
}

type StoredSample = Sample & { device_id: string; observed_at: number; origin: string };

const sampleTable: RowsOf = {
  table: "samples",
  key: ["device_id", "kind", "name", "observed_at", "origin"],
  columns: ["device_id", "kind", "name", "observed_at", "origin", "value", "unit", "level"],
};

/** Adds samples of readings in order of arrival: of two for one device and millisecond, the later one counts. */
export async function addSamples(tenant: Tenant, readings: readonly ReadSamples[]): Promise<void> {
  const known = await samplesBefore(tenant, readings.filter(({ isLate }) => isLate));
  const added = new Map<string, Map<number, StoredSample>>();
  for (const { deviceId, at, isLate, samples } of readings) {
    for (const sample of samples) {
      const series = `${deviceId} ${keyOf(sample)}`;
      let own = added.get(series);
      if (own === undefined) added.set(series, own = new Map());
      if (isLate && isSame(latestAt(at, [...own.values(), ...known.get(series) ?? []]), sample)) continue;
      own.set(at, { ...sample, device_id: deviceId, observed_at: at, origin: "" });
    }
  }
  const rows = [...added.values()].flatMap((own) => [...own.values()]);
  if (rows.length === 0) return;
  await tenant.insertMany(
    sampleTable,
    rows,
    `ON CONFLICT (customer_id, ${sampleTable.key.join(", ")}) DO UPDATE SET
       value = excluded.value, unit = excluded.unit, level = excluded.level`,
  );
}

/** By device and name, the stored samples of the day and before each late reading. */
async function samplesBefore(tenant: Tenant, late: readonly ReadSamples[]): Promise<Map<string, StoredSample[]>> {
  const rows = await tenant.allOf<StoredSample>(
    `SELECT device_id, kind, name, observed_at, origin, value, unit, level FROM samples
     WHERE customer_id = :customer AND device_id = :device_id AND kind = :kind AND name = :name AND observed_at <= :at
       AND observed_at >= :midnight ORDER BY observed_at DESC, origin DESC LIMIT 1`,
    late.flatMap(({ deviceId, at, samples }) =>
      samples.map(({ kind, name }) => ({ device_id: deviceId, kind, name, at, midnight: midnightOf(at) }))
    ),
  );
  return Map.groupBy(rows, (row) => `${row.device_id} ${keyOf(row)}`);
}

/** The last sample by time and origin, in the order of the store; of equal ones, the first. */
function latestAt(at: number, samples: readonly StoredSample[]): StoredSample | undefined {
  let latest: StoredSample | undefined;
  for (const sample of samples) {
    if (sample.observed_at > at || sample.observed_at < midnightOf(at)) continue;
    if (latest === undefined || isAfter(sample, latest)) latest = sample;
  }
  return latest;
}

function isAfter(a: StoredSample, b: StoredSample): boolean {
  return a.observed_at === b.observed_at ? a.origin > b.origin : a.observed_at > b.observed_at;
}

function midnightOf(at: number): number {
  return at - at % dayMs;
}

export interface SampleRow {
  device_id: string;
  name: string;
  observed_at: number;
  value: number;
  unit: string;
}

/** Values of one meter or of all, newest first. */
export function meterHistoryRows(
  tenant: Tenant,
  { deviceId, name, ...page }: { deviceId: string; name: string | undefined } & Page,
): Promise<SampleRow[]> {
  return tenant.all(
    `SELECT device_id, name, observed_at, value, unit FROM samples
     WHERE customer_id = :customer AND device_id = :device_id AND kind = 'meter' ${
      name === undefined ? "" : "AND name = :name"
    }
     ORDER BY observed_at DESC, name, origin ${pageSql}`,
    { device_id: deviceId, ...pageParameters(page), ...(name === undefined ? {} : { name }) },
  );
}

/** The latest value of every meter of the device, with the time of the last read. */
export async function latestMeters(tenant: Tenant, deviceId: string): Promise<SampleRow[]> {
  const state = await maybeDeviceState(tenant, deviceId);
  const now = new Map(
    metersOf(state).map(({ name, value, unit }) => [
      name,
      { device_id: deviceId, name, observed_at: state!.meters_at!, value, unit },
    ]),
  );
  const before = (await lastSamples(tenant, deviceId)).filter(({ name }) => !now.has(name));
  return [...now.values(), ...before].sort((a, b) => a.name < b.name ? -1 : 1);
}

function lastSamples(tenant: Tenant, deviceId: string): Promise<SampleRow[]> {
  return tenant.all(
    `SELECT s.device_id, s.name, s.observed_at, s.value, s.unit FROM samples s
     JOIN (SELECT name, max(observed_at) AS latest FROM samples
       WHERE customer_id = :customer AND device_id = :device_id AND kind = 'meter' GROUP BY name) AS last
       ON last.name = s.name AND last.latest = s.observed_at
     WHERE s.customer_id = :customer AND s.device_id = :device_id AND s.kind = 'meter' ORDER BY s.name, s.origin`,
    { device_id: deviceId },
  );
}

export interface PeriodRow {
  site: string;
  network: string;
  device_id: string;
  address: string;
  manufacturer: string | null;
  model: string | null;
  serial: string | null;
  name: string;
  unit: string;
  /** First and last sample of the period. */
  first_at: number;
  first_value: number;
  last_at: number;
  last_value: number;
  /** Sum of all increases, without those between two parts. */
  difference: number;
  /** Number of decreases, without those between two parts. */
  resets: number;
  /**
   * How often another value followed where one part of a merged device ends and another begins, such as with a new
   * board: another counter, of which nobody knows what it had counted before.
   */
  part_changes: number;
  /** Sum of these steps, which may be negative. */
  part_jump: number;
}

/** Values of each meter from `from` (included) to `until` (excluded); no row for a meter without samples in it. */
export async function periodRows(
  tenant: Tenant,
  { filters, name, from, until }: { filters: RowFilters; name: string | undefined; from: Date; until: Date },
): Promise<PeriodRow[]> {
  const { where, parameters } = conditionsOf(filters), parts = partsTable(filters.groups);
  // Samples of the parts of a merged device are one series. Parts that are seen in turns are one counter: while a part
  // was seen before a step and is after it, no other counter took over. Its own times tell it, not its samples, of which
  // retention drops the old ones.
  const source = parts === undefined ? "samples s" : "samples s LEFT JOIN parts g ON g.part = s.device_id";
  const keys = parts === undefined
    ? "s.device_id, s.origin"
    : `coalesce(g.front, s.device_id) AS device_id, CASE s.origin WHEN '' THEN s.device_id ELSE s.origin END AS origin,
       g.part`;
  const spans = parts === undefined ? "" : `spans AS (
       SELECT g.front, p.first_seen_at AS begins, p.last_seen_at AS ends
       FROM parts g JOIN devices p ON p.customer_id = :customer AND p.device_id = g.part
     ), `;
  const isChange = parts === undefined ? "1 = 0" : `part <> part_before AND value <> before AND NOT EXISTS (
         SELECT 1 FROM spans n
         WHERE n.front = steps.device_id AND n.begins <= steps.before_at AND n.ends >= steps.observed_at)`;
  const rows = await tenant.all<PeriodRow>(
    `WITH ${parts === undefined ? "" : `${parts.sql}, `}${spans}series AS (
       SELECT ${keys}, s.name, s.unit, s.observed_at, s.value
       FROM ${source}
       WHERE s.customer_id = :customer AND s.kind = 'meter' AND s.observed_at >= :from AND s.observed_at < :until${
      name === undefined ? "" : " AND s.name = :name"
    }
     ), steps AS (
       SELECT device_id, name, unit, observed_at, value, lag(value) OVER w AS before,${
      parts === undefined ? "" : `
         part, lag(part) OVER w AS part_before, lag(observed_at) OVER w AS before_at,`
    }
         row_number() OVER w AS number,
         row_number() OVER (PARTITION BY device_id, name ORDER BY observed_at DESC, origin DESC) AS number_from_end
       FROM series WINDOW w AS (PARTITION BY device_id, name ORDER BY observed_at, origin)
     ), changes AS (
       SELECT steps.*, CASE WHEN ${isChange} THEN 1 ELSE 0 END AS changed FROM steps
     ), periods AS (
       SELECT device_id, name,
         max(CASE WHEN number_from_end = 1 THEN unit END) AS unit,
         max(CASE WHEN number = 1 THEN observed_at END) AS first_at, max(CASE WHEN number = 1 THEN value END) AS first_value,
         max(CASE WHEN number_from_end = 1 THEN observed_at END) AS last_at,
         max(CASE WHEN number_from_end = 1 THEN value END) AS last_value,
         sum(CASE WHEN value > before AND changed = 0 THEN value - before ELSE 0 END) AS difference,
         sum(CASE WHEN value < before AND changed = 0 THEN 1 ELSE 0 END) AS resets,
         sum(changed) AS part_changes, sum(CASE WHEN changed = 1 THEN value - before ELSE 0 END) AS part_jump
       FROM changes GROUP BY device_id, name
     )
     SELECT l.name AS site, d.network, p.device_id, d.address, d.manufacturer, d.model, d.serial, p.name, p.unit, p.first_at,
       p.first_value, p.last_at, p.last_value, p.difference, p.resets, p.part_changes, p.part_jump
     FROM periods p
     JOIN devices d ON d.customer_id = :customer AND d.device_id = p.device_id
     JOIN agents g ON g.customer_id = d.customer_id AND g.agent_id = d.agent_id
     JOIN sites l ON l.customer_id = g.customer_id AND l.site_id = g.site_id
     LEFT JOIN device_state s ON s.customer_id = d.customer_id AND s.device_id = d.device_id
     WHERE d.customer_id = :customer${where} ORDER BY lower(l.name), d.network, d.address_order, p.device_id, p.name`,
    {
      ...parameters,
      ...parts?.parameters,
      from: from.getTime(),
      until: until.getTime(),
      ...(name === undefined ? {} : { name }),
    },
  );
  return rows.map((row) => named(filters.groups, row));
}

export interface MeterPeriod extends DeviceFilters {
  /** Start of the period (included) and its end (excluded). */
  from: Date;
  until: Date;
  name?: string | undefined;
}

/** For each meter of each device: first and last reading in the period, difference, resets. */
export function meterPeriods(platform: Platform, by: TenantBy, period: MeterPeriod): Promise<PeriodRow[]> {
  const { from, until, name } = period;
  return readTenant(platform, by, async (tenant) => {
    const filters = await rowFilters(tenant, { ...period, withClosed: true }, platform.clock.now().getTime());
    return await periodRows(tenant, { filters, name, from, until });
  });
}

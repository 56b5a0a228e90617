/**
 * Forecasts of supplies that are kept, for lists over all devices: made anew some time after each reading of levels. The
 * page of a device makes its own.
 */
import type { Supply } from "../../proto/gen/opendca/v1/reading.ts";
import { type NamedQuery, orderKeys, type OrderOf, type PageOf, pageOf, type PageWish } from "../store/page.ts";
import type { RowsOf, Tenant } from "../store/store.ts";
import { type Group, groupOf, groupsOf, stateOf } from "./device_groups.ts";
import { type DeviceState, suppliesOf } from "./device_state.ts";
import { supplyName } from "./device_view.ts";
import { type DeviceRow, rowColumns } from "./devices.ts";
import { type Forecast, forecastOf, type LevelPoint, mostMs } from "./forecast.ts";

export interface LevelRow extends LevelPoint {
  device_id: string;
  /** Index of the supply. */
  name: string;
}

/** Levels of all supplies of these devices, by supply and time. */
export async function levelRows(
  tenant: Tenant,
  deviceIds: readonly string[],
  since: number,
): Promise<LevelRow[]> {
  const rows = await tenant.allOf<
    { device_id: string; name: string; observed_at: number; value: number | null; level: string }
  >(
    `SELECT device_id, name, observed_at, value, level FROM samples
     WHERE customer_id = :customer AND device_id = :device_id AND kind = 'supply' AND observed_at >= :since`,
    deviceIds.map((device_id) => ({ device_id, since })),
  );
  return rows.map(({ observed_at, value, ...row }) => ({ ...row, at: observed_at, percent: value }))
    .sort((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : a.at - b.at);
}

export interface Replaced {
  device_id: string;
  /** Index of the supply. */
  supply: string;
  at: number;
  /** Part and serial number, as far as they were read. */
  before: string;
  after: string;
}

/** When another part or serial number was read in the place of a supply, by time. */
export async function replacedRows(tenant: Tenant, deviceIds: readonly string[], since: number): Promise<Replaced[]> {
  const rows = await tenant.allOf<{ device_id: string; at: number; before: string | null; after: string | null }>(
    `SELECT device_id, at, before, after FROM device_history
     WHERE customer_id = :customer AND device_id = :device_id AND kind = 'supplyReplaced' AND at >= :since`,
    deviceIds.map((device_id) => ({ device_id, since })),
  );
  return rows.map(({ device_id, at, before, after }) => {
    const supply = (after ?? "").split(" ")[0]!;
    return {
      device_id,
      supply,
      at,
      before: (before ?? "").slice(supply.length + 1),
      after: (after ?? "").slice(supply.length + 1),
    };
  }).sort((a, b) => a.at - b.at);
}

export interface SupplyForecast {
  supply: Supply;
  forecast: Forecast;
}

/** Of each supply of the last reading of the device and its other parts. */
export async function forecastsOf(tenant: Tenant, group: Group, now: number): Promise<SupplyForecast[]> {
  return (await forecastsOfGroups(tenant, new Map([[group.deviceId, group]]), now)).get(group.deviceId)!;
}

/** Of devices by their ids, with one question for each kind of row; without devices that there are none of. */
export async function forecastsOfDevices(
  tenant: Tenant,
  deviceIds: readonly string[],
  now: number,
): Promise<Map<string, SupplyForecast[]>> {
  const rows = await tenant.allOf<DeviceRow>(
    `SELECT ${rowColumns} FROM devices WHERE customer_id = :customer AND device_id = :device_id`,
    deviceIds.map((device_id) => ({ device_id })),
  );
  const groups = new Map<string, Group>();
  for (const row of rows) groups.set(row.device_id, await groupOf(tenant, row));
  return await forecastsOfGroups(tenant, groups, now);
}

async function forecastsOfGroups<Key>(
  tenant: Tenant,
  groups: ReadonlyMap<Key, Group>,
  now: number,
): Promise<Map<Key, SupplyForecast[]>> {
  const ids = [...new Set([...groups.values()].flatMap(({ parts }) => parts.map(({ device_id }) => device_id)))];
  const since = now - mostMs;
  const points = Map.groupBy(await levelRows(tenant, ids, since), ({ device_id }) => device_id);
  const replaced = Map.groupBy(await replacedRows(tenant, ids, since), ({ device_id }) => device_id);
  const states = await suppliesRows(tenant, ids), made = new Map<Key, SupplyForecast[]>();
  const timely = (a: { at: number }, b: { at: number }) => a.at - b.at;
  for (const [key, group] of groups) {
    const parts = group.parts.map(({ device_id }) => device_id);
    const state = parts.length === 1 ? states.get(parts[0]!) : await stateOf(tenant, group);
    const ofSupply = Map.groupBy(parts.flatMap((id) => points.get(id) ?? []).sort(timely), ({ name }) => name);
    const last = new Map(parts.flatMap((id) => replaced.get(id) ?? []).sort(timely).map((one) => [one.supply, one.at]));
    made.set(
      key,
      suppliesOf(state).map((supply) => {
        const replacedAt = last.get(supply.index.replaceAll(" ", "_"));
        const history = { points: ofSupply.get(supply.index) ?? [], replacedAt, readAt: state!.supplies_at! };
        return { supply, forecast: forecastOf(history, now) };
      }),
    );
  }
  return made;
}

type SuppliesRow = Pick<DeviceState, "supplies" | "supplies_at"> & { device_id: string };

async function suppliesRows(tenant: Tenant, ids: readonly string[]): Promise<Map<string, SuppliesRow>> {
  const rows = await tenant.allOf<SuppliesRow>(
    "SELECT device_id, supplies, supplies_at FROM device_state WHERE customer_id = :customer AND device_id = :device_id",
    ids.map((device_id) => ({ device_id })),
  );
  return new Map(rows.map((row) => [row.device_id, row]));
}

const table: RowsOf = {
  table: "supply_forecasts",
  key: ["device_id", "supply"],
  columns: ["device_id", "supply", "name", "part_number", "made_at", "forecast", "empties_at"],
};

/** Makes those of these devices anew. */
export async function keepForecasts(tenant: Tenant, deviceIds: readonly string[], now: number): Promise<void> {
  const rows = new Map<string, object>(), hidden = new Set((await groupsOf(tenant)).hidden);
  // Of a merged device, the part that lists show has those of all.
  const shown = deviceIds.filter((id) => !hidden.has(id));
  for (const [deviceId, forecasts] of await forecastsOfDevices(tenant, shown, now)) {
    for (const { supply, forecast } of forecasts) {
      const empties_at = forecast.none === undefined ? forecast.likely : null;
      rows.set(`${deviceId} ${supply.index}`, {
        device_id: deviceId,
        supply: supply.index,
        name: supplyName(supply),
        part_number: supply.partNumber ?? null,
        made_at: now,
        forecast: JSON.stringify(forecast),
        empties_at,
      });
    }
  }
  if (rows.size > 0) {
    await tenant.insertMany(
      table,
      [...rows.values()],
      `ON CONFLICT (customer_id, device_id, supply) DO UPDATE SET name = excluded.name, part_number = excluded.part_number,
       made_at = excluded.made_at, forecast = excluded.forecast, empties_at = excluded.empties_at`,
    );
  }
  const old = await tenant.allOf<{ device_id: string }>(
    `SELECT device_id FROM supply_forecasts
     WHERE customer_id = :customer AND device_id = :device_id AND made_at < :now LIMIT 1`,
    deviceIds.map((device_id) => ({ device_id, now })),
  );
  for (const { device_id } of old) {
    await tenant.run(
      `DELETE FROM supply_forecasts WHERE customer_id = :customer AND device_id = :device_id AND made_at < :now`,
      { device_id, now },
    );
  }
}

/** Devices of a range whose levels were read since their forecasts were made. */
export async function devicesToForecast(
  tenant: Tenant,
  { from, to, now }: { from: string; to: string; now: number },
): Promise<string[]> {
  const rows = await tenant.all<{ device_id: string }>(
    `SELECT s.device_id FROM device_state s
     LEFT JOIN (SELECT device_id, min(made_at) AS made_at FROM supply_forecasts
       WHERE customer_id = :customer AND device_id > :from AND device_id <= :to GROUP BY device_id) f
       ON f.device_id = s.device_id
     WHERE s.customer_id = :customer AND s.device_id > :from AND s.device_id <= :to AND s.supplies_at IS NOT NULL
       AND (f.made_at IS NULL OR (s.supplies_at > f.made_at AND f.made_at <= :old) OR f.made_at <= :older)`,
    { from, to, old: now - remakeMs, older: now - 2 * remakeMs },
  );
  return rows.map(({ device_id }) => device_id);
}

const remakeMs = 12 * 3_600_000;

/** Kept forecasts of these devices, by device and supply. */
export async function keptForecasts(
  tenant: Tenant,
  deviceIds: readonly string[],
): Promise<Map<string, Map<string, Forecast>>> {
  const rows = await tenant.allOf<{ device_id: string; supply: string; forecast: string }>(
    "SELECT device_id, supply, forecast FROM supply_forecasts WHERE customer_id = :customer AND device_id = :device_id",
    deviceIds.map((device_id) => ({ device_id })),
  );
  const kept = new Map<string, Map<string, Forecast>>();
  for (const { device_id, supply, forecast } of rows) {
    const ofDevice = kept.get(device_id) ?? new Map<string, Forecast>();
    kept.set(device_id, ofDevice.set(supply, JSON.parse(forecast)));
  }
  return kept;
}

export interface EmptyingRow {
  device_id: string;
  agent_id: string;
  supply: string;
  name: string;
  part_number: string | null;
  empties_at: number;
  /** JSON. */
  forecast: string;
  site: string;
  address: string;
  manufacturer: string | null;
  model: string | null;
  serial: string | null;
}

/** Supplies that will be empty by `until`, of devices behind `from` and up to `to`. */
export function emptyingIn(
  tenant: Tenant,
  { from, to, until }: { from: string; to: string; until: number },
): Promise<Pick<EmptyingRow, "device_id" | "supply" | "name" | "part_number" | "empties_at">[]> {
  return tenant.all(
    `SELECT device_id, supply, name, part_number, empties_at FROM supply_forecasts
     WHERE customer_id = :customer AND device_id > :from AND device_id <= :to AND empties_at <= :until`,
    { from, to, until },
  );
}

const emptyingKeys = {
  device: "lower(coalesce(d.manufacturer, '') || ' ' || coalesce(d.model, ''))",
  site: "lower(l.name)",
  address: "d.address_order",
  serial: "lower(d.serial)",
  supply: "lower(f.name)",
  daysLeft: "f.empties_at",
  partNumber: "lower(f.part_number)",
} as const;

export type EmptyingOrder = OrderOf<keyof typeof emptyingKeys>;
export const emptyingSorts = Object.keys(emptyingKeys) as EmptyingOrder["by"][];

export interface EmptyingRowsWish {
  until: number;
  siteId?: string | undefined;
  /** Default: the first ones first. */
  order?: EmptyingOrder | undefined;
}

/** Supplies that will be empty by `until`. */
export function emptyingRows(
  tenant: Tenant,
  { place, limit, ...wish }: EmptyingRowsWish & PageWish,
): Promise<PageOf<EmptyingRow>> {
  return pageOf(tenant, emptyingQuery(wish), { place, limit });
}

export function emptyingQuery({ until, siteId, order }: EmptyingRowsWish): NamedQuery {
  return {
    columns: `f.device_id, d.agent_id, f.supply, f.name, f.part_number, f.empties_at, f.forecast,
       l.name AS site, d.address, d.manufacturer, d.model, d.serial`,
    from: `supply_forecasts f
     JOIN devices d ON d.customer_id = f.customer_id AND d.device_id = f.device_id
     JOIN agents g ON g.customer_id = d.customer_id AND g.agent_id = d.agent_id
     JOIN sites l ON l.customer_id = g.customer_id AND l.site_id = g.site_id`,
    where: `f.customer_id = :customer AND f.empties_at <= :until AND ${
      siteId === undefined ? "l.closed_at IS NULL" : "l.site_id = :site_id"
    }`,
    keys: [...orderKeys(emptyingKeys, order), ...["f.empties_at", "f.device_id", "f.supply"].map((sql) => ({ sql }))],
    id: { "f.device_id": "TEXT", "f.supply": "TEXT" },
    parameters: { until, ...(siteId === undefined ? {} : { site_id: siteId }) },
  };
}

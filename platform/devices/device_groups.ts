/**
 * Devices that a person merged: each part keeps its row, its readings and its evidence, so that a merge can be undone
 * at any time, and lists show one device. It has the id of the first part, and the facts of the part that was seen
 * last.
 */
import type { Parameters, Tenant } from "../store/store.ts";
import { type DeviceState, joinedState, maybeDeviceState } from "./device_state.ts";
import { type DeviceRow, rowColumns } from "./devices.ts";
import { conditionsOf, type MergedMatches, type RowFilters, type StatedRow } from "./listed_devices.ts";

export interface Group {
  /** The common id of all parts. */
  deviceId: string;
  /** The part that was seen last comes first. */
  parts: DeviceRow[];
}

/** Groups of one customer. */
export interface Groups {
  /** Ids of the parts that lists leave out. */
  hidden: string[];
  /** By the id of each part. */
  of: Map<string, Group>;
}

export async function groupsOf(tenant: Tenant): Promise<Groups> {
  const rows = await tenant.all<DeviceRow>(
    `SELECT ${rowColumns} FROM devices WHERE customer_id = :customer AND merged_into IS NOT NULL
     ORDER BY last_seen_at DESC, device_id DESC`,
  );
  const of = new Map<string, Group>();
  for (const [deviceId, parts] of Map.groupBy(rows, ({ merged_into }) => merged_into!)) {
    for (const { device_id } of parts) of.set(device_id, { deviceId, parts });
  }
  const hidden = rows.filter(({ device_id }) => of.get(device_id)!.parts[0]!.device_id !== device_id);
  return { hidden: hidden.map(({ device_id }) => device_id), of };
}

/** The device and its other parts, if any. */
export async function groupOf(tenant: Tenant, row: DeviceRow): Promise<Group> {
  if (row.merged_into === null) return { deviceId: row.device_id, parts: [row] };
  const parts = await tenant.all<DeviceRow>(
    `SELECT ${rowColumns} FROM devices WHERE customer_id = :customer AND merged_into = :merged_into
     ORDER BY last_seen_at DESC, device_id DESC`,
    { merged_into: row.merged_into },
  );
  return { deviceId: row.merged_into, parts };
}

/** Combines the parts into one row. Facts that the newest part lacks are taken from an older one. */
export function rowOf({ deviceId, parts }: Group): DeviceRow {
  const [newest] = parts as [DeviceRow, ...DeviceRow[]];
  const row = { ...newest, device_id: deviceId, first_seen_at: Math.min(...parts.map((part) => part.first_seen_at)) };
  for (const name of ["serial", "manufacturer", "model", "hostname", "firmware", "location"] as const) {
    row[name] = parts.find((part) => part[name] !== null)?.[name] ?? null;
  }
  return row;
}

/** Undefined if no part was read yet. */
export async function stateOf(tenant: Tenant, { parts }: Group): Promise<DeviceState | undefined> {
  let joined: DeviceState | undefined;
  for (const { device_id } of parts) {
    const state = await maybeDeviceState(tenant, device_id);
    if (state !== undefined) joined = joined === undefined ? state : joinedState(state, joined);
  }
  return joined;
}

/** Which merged devices match, by the part that lists show; undefined if no devices are merged. */
export async function maybeMerged(
  tenant: Tenant,
  { groups, filters }: {
    groups: Groups;
    filters: Pick<RowFilters, "siteId" | "network" | "model" | "search" | "low" | "openOnly">;
  },
): Promise<MergedMatches | undefined> {
  if (groups.of.size === 0) return undefined;
  const fronts = (parts: readonly string[]) =>
    new Set(parts.flatMap((part) => groups.of.get(part)?.parts[0]?.device_id ?? []));
  // Each condition may hold for another part.
  const withPart = async (filter: RowFilters) => {
    const { where, parameters } = conditionsOf(filter);
    const rows = await tenant.all<{ device_id: string }>(
      `SELECT d.device_id FROM devices d WHERE d.customer_id = :customer AND d.merged_into IS NOT NULL${where}`,
      parameters,
    );
    return fronts(rows.map(({ device_id }) => device_id));
  };
  const { siteId, network, model, search, low, openOnly } = filters;
  const states = await joinedStates(tenant, groups);
  const all = [...fronts([...groups.of.keys()])];
  const lowOnes = all.filter((id) => (states.get(id)?.low ?? 0) > 0), open = await withPart({ openOnly });
  const filtered = [await withPart({ siteId }), await withPart({ network }), await withPart({ model })];
  if (search !== undefined) filtered.push(await withPart({ search }));
  const found = all.filter((id) =>
    filtered.every((ids) => ids.has(id)) && (!openOnly || open.has(id)) && (!low || lowOnes.includes(id))
  );
  const withoutMeters = all.filter((id) => states.get(id)?.no_meters !== null);
  return { all, found, open: [...open], low: lowOnes, withoutMeters };
}

/* The states of all parts together, without what was read; by the part that lists show. */
export async function joinedStates(tenant: Tenant, groups: Groups): Promise<Map<string, DeviceState>> {
  const rows = await tenant.all<DeviceState & { device_id: string }>(
    `SELECT s.device_id, s.observed_at, s.full_at, s.no_meters, s.meters_at, s.supplies_at, s.trays_at, s.total, s.low
     FROM device_state s JOIN devices d ON d.customer_id = s.customer_id AND d.device_id = s.device_id
     WHERE s.customer_id = :customer AND d.merged_into IS NOT NULL`,
  );
  const ofPart = new Map(rows.map(({ device_id, ...state }) => [device_id, state as DeviceState]));
  const joined = new Map<string, DeviceState>();
  for (const { parts } of groups.of.values()) {
    const states = parts.flatMap(({ device_id }) => ofPart.get(device_id) ?? []);
    if (states.length > 0) joined.set(parts[0]!.device_id, states.reduce((sum, state) => joinedState(state, sum)));
  }
  return joined;
}

/** The part that lists show, by the common id. */
export function frontOf(groups: Groups, deviceId: string): string {
  return groups.of.get(deviceId)?.parts[0]?.device_id ?? deviceId;
}

/** Completes rows of a list without `groups.hidden` with the facts of the other parts. */
export async function joinedRows(tenant: Tenant, groups: Groups, rows: StatedRow[]): Promise<StatedRow[]> {
  const joined: StatedRow[] = [];
  for (const each of rows) {
    const group = groups.of.get(each.row.device_id);
    if (group === undefined) joined.push(each);
    else {
      const state = await stateOf(tenant, group);
      joined.push({ row: { ...each.row, ...rowOf(group), total: state?.total ?? null }, state });
    }
  }
  return joined;
}

/**
 * A common table expression with the columns `part` and `front` (the part that is listed), for statements over
 * readings. Undefined if no devices are merged, so that the statement need not join it.
 */
export function partsTable(groups: Groups | undefined): { sql: string; parameters: Parameters } | undefined {
  if (groups === undefined || groups.of.size === 0) return undefined;
  const parameters: Parameters = {}, rows: string[] = [];
  for (const [i, [part, group]] of [...groups.of].entries()) {
    Object.assign(parameters, { [`part_${i}`]: part, [`front_${i}`]: group.parts[0]!.device_id });
    rows.push(`(CAST(:part_${i} AS TEXT), CAST(:front_${i} AS TEXT))`);
  }
  return { sql: `parts (part, front) AS (VALUES ${rows.join(", ")})`, parameters };
}

/** The row with the common id of all parts. */
export function named<Row extends { device_id: string }>(groups: Groups | undefined, row: Row): Row {
  const group = groups?.of.get(row.device_id);
  return group === undefined ? row : { ...row, device_id: group.deviceId };
}

/**
 * Devices that a person merged: each part keeps its row, its readings and its evidence, so that a merge can be undone
 * at any time, and lists show one device. It has the id of the first part, and the facts of the part that was seen
 * last.
 */
import type { Parameters, Tenant } from "../store/store.ts";
import { type DeviceState, joinedState, maybeDeviceState } from "./device_state.ts";
import type { DeviceRow, StatedRow } from "./devices.ts";

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
    `SELECT * FROM devices WHERE customer_id = :customer AND merged_into IS NOT NULL
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
    `SELECT * FROM devices WHERE customer_id = :customer AND merged_into = :merged_into
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

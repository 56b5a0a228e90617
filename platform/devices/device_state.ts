/**
 * The latest state of each device: one row, updated by every reading that is not older. Lists use it and never the
 * records, which are kept for some weeks only. Parts that a reading lacks keep their last values and times: a status
 * reading has no meters, and a sleeping printer no supplies.
 */
import { Buffer } from "node:buffer";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { lowPercent } from "../../common/reading/low_supply.ts";
import {
  LevelKind,
  type Meter,
  PrinterState,
  Reading,
  type Supply,
  type Tray,
} from "../../proto/gen/opendca/v1/reading.ts";
import type { Tenant } from "../store/store.ts";
import type { TimeBasis } from "./record_time.ts";

/** A reading to be stored. */
export interface ArrivedReading {
  deviceId: string;
  agentId: string;
  /** By the platform's clock. */
  observedAt: Date;
  receivedAt: Date;
  basis: TimeBasis;
  scope: "full" | "status";
  reading: Reading;
  /** Its record in stored form: see stored_record.ts. */
  stored: Uint8Array;
}

/** A row of `device_state`. Times are milliseconds since 1970; a part that was never read is null. */
export interface DeviceState {
  agent_id: string;
  observed_at: number;
  received_at: number;
  time_basis: TimeBasis;
  scope: "full" | "status";
  /** The newest record in stored form. */
  record: Uint8Array;
  /** When everything was last asked for. */
  full_at: number | null;
  /** Why there are no meters; null if there are. */
  no_meters: string | null;
  /** Each list as an encoded Reading without other fields. */
  meters: Uint8Array | null;
  meters_at: number | null;
  supplies: Uint8Array | null;
  supplies_at: number | null;
  trays: Uint8Array | null;
  trays_at: number | null;
  /** Last value of the meter `total`. */
  total: number | null;
  /** Number of supplies that are low. */
  low: number;
}

/** The columns that are read before applying a reading. */
export type KnownState = Omit<DeviceState, "record">;

/** The row after a reading; undefined if the row is newer already. */
export function nextState(before: KnownState | undefined, arrived: ArrivedReading): DeviceState | undefined {
  const { reading, scope } = arrived;
  const at = arrived.observedAt.getTime();
  if (before !== undefined && at < before.observed_at) return undefined;
  const meters = part(before, reading, { name: "meters", at });
  const fullAt = scope === "full" ? at : before?.full_at ?? null;
  return {
    agent_id: arrived.agentId,
    observed_at: at,
    received_at: arrived.receivedAt.getTime(),
    time_basis: arrived.basis,
    scope,
    record: arrived.stored,
    full_at: fullAt,
    no_meters: noMetersAfter(before, { reading, scope, hasMeters: meters.meters !== null }),
    ...meters,
    ...part(before, reading, { name: "supplies", at }),
    ...part(before, reading, { name: "trays", at }),
    total: reading.meters.find(({ name }) => name === "total")?.value ?? before?.total ?? null,
    low: reading.supplies.length > 0 ? reading.supplies.filter(isLow).length : before?.low ?? 0,
  };
}

/** The row for two devices that are one: the newer row, with the newer value of each part. */
export function joinedState(a: DeviceState, b: DeviceState): DeviceState {
  const [newer, older] = a.observed_at > b.observed_at ? [a, b] : [b, a];
  const joined = { ...newer, full_at: Math.max(a.full_at ?? 0, b.full_at ?? 0) || null };
  for (const name of ["meters", "supplies", "trays"] as const) {
    if ((newer[`${name}_at`] ?? 0) >= (older[`${name}_at`] ?? 0)) continue;
    Object.assign(joined, { [name]: older[name], [`${name}_at`]: older[`${name}_at`] });
    if (name === "meters") Object.assign(joined, { total: older.total ?? newer.total, no_meters: null });
    if (name === "supplies") joined.low = older.low;
  }
  return { ...joined, total: joined.total ?? older.total };
}

type PartName = "meters" | "supplies" | "trays";
type Part<Name extends PartName> = Pick<DeviceState, Name | `${Name}_at`>;

const empty = Reading.create();
/* Used again for every reading, with the room that it has: it grows only at first. */
let writer = new BinaryWriter();

function encoded(parts: Partial<Reading>): Uint8Array {
  try {
    return Reading.encode({ ...empty, ...parts }, writer).finish();
  } catch (error) {
    writer = new BinaryWriter();
    throw error;
  }
}

/* What is as it was before is the same array of bytes. */
function part<Name extends PartName>(
  before: KnownState | undefined,
  reading: Reading,
  { name, at }: { name: Name; at: number },
): Part<Name> {
  const known = before?.[name] ?? null, knownAt = before?.[`${name}_at`] ?? null;
  if (reading[name].length === 0) return { [name]: known, [`${name}_at`]: knownAt } as Part<Name>;
  const bytes = encoded({ [name]: reading[name] });
  const isSame = known !== null && Buffer.compare(known, bytes) === 0;
  return { [name]: isSame ? known : bytes, [`${name}_at`]: at } as Part<Name>;
}

function noMetersAfter(
  before: KnownState | undefined,
  { reading, scope, hasMeters }: { reading: Reading; scope: "full" | "status"; hasMeters: boolean },
): string | null {
  if (hasMeters) return null;
  // A status reading never has meters, so the reason from a full reading stays.
  if (scope === "status" && before?.full_at != null) return before.no_meters;
  if (reading.status?.state === PrinterState.SLEEPING) return "no meters: asleep";
  if (scope === "status") return "no meters: only status reads so far";
  const [problem] = reading.problems.filter(({ code }) => isAboutReading(code));
  return problem === undefined ? "no meters: the device has none" : `no meters: ${problem.message}`;
}

/* What is said of values that were read is no reason for one that was not. */
function isAboutReading(code: string): boolean {
  return !/^(metersDisagree|severalMarkers|levelAboveCapacity|metersAllZero)$/.test(code);
}

/** Whether it must be ordered, emptied or replaced. An unknown level is not low. */
export function isLow({ level }: Supply): boolean {
  if (level?.kind === LevelKind.EMPTY) return true;
  return level?.kind === LevelKind.EXACT && level.percent !== undefined && level.percent <= lowPercent;
}

export function metersOf(state: Pick<DeviceState, "meters"> | undefined): Meter[] {
  return state?.meters == null ? [] : Reading.decode(state.meters).meters;
}

export function suppliesOf(state: Pick<DeviceState, "supplies"> | undefined): Supply[] {
  return state?.supplies == null ? [] : Reading.decode(state.supplies).supplies;
}

export function traysOf(state: Pick<DeviceState, "trays"> | undefined): Tray[] {
  return state?.trays == null ? [] : Reading.decode(state.trays).trays;
}

export const stateColumns = [
  "agent_id",
  "observed_at",
  "received_at",
  "time_basis",
  "scope",
  "record",
  "full_at",
  "no_meters",
  "meters",
  "meters_at",
  "supplies",
  "supplies_at",
  "trays",
  "trays_at",
  "total",
  "low",
] as const satisfies readonly (keyof DeviceState)[];

/** Undefined for a device that was not read yet. */
export function maybeDeviceState(tenant: Tenant, deviceId: string): Promise<DeviceState | undefined> {
  return tenant.get(
    `SELECT ${stateColumns.join(", ")} FROM device_state WHERE customer_id = :customer AND device_id = :device_id`,
    { device_id: deviceId },
  );
}

export async function setDeviceReading(tenant: Tenant, deviceId: string, state: DeviceState): Promise<void> {
  const columns = stateColumns.join(", "), values = stateColumns.map((name) => `:${name}`).join(", ");
  await tenant.run(
    `INSERT INTO device_state (customer_id, device_id, ${columns}) VALUES (:customer, :device_id, ${values})
     ON CONFLICT (customer_id, device_id) DO UPDATE SET ${
      stateColumns.map((name) => `${name} = excluded.${name}`).join(", ")
    }`,
    { device_id: deviceId, ...state },
  );
}

import type { TimeBasis } from "./record_time.ts";
import type { Meter } from "../../proto/gen/opendca/v1/reading.ts";
import type { Tenant } from "../store/store.ts";
import { packRecord, unpackRecord } from "../store/stored_record.ts";

export interface NewRecord {
  agentId: string;
  recordId: string;
  deviceId: string | null;
  /** By the platform's clock. */
  observedAt: Date;
  basis: TimeBasis;
  /** By the agent's clock, whatever it said. */
  agentAt: Date;
  receivedAt: Date;
  kind: "reading" | "device_event" | "task_result";
  meters: readonly Meter[];
  /** The encoded Record as it was uploaded. */
  bytes: Uint8Array;
}

export async function hasRecord(tenant: Tenant, key: { agentId: string; recordId: string }): Promise<boolean> {
  return await tenant.get(
    "SELECT 1 FROM readings WHERE customer_id = :customer AND agent_id = :agent_id AND record_id = :record_id",
    { agent_id: key.agentId, record_id: key.recordId },
  ) !== undefined;
}

export async function addRecord(tenant: Tenant, record: NewRecord): Promise<void> {
  await tenant.run(
    `INSERT INTO readings (customer_id, agent_id, record_id, device_id, observed_at, time_basis, agent_at,
       received_at, kind, meters, record)
     VALUES (:customer, :agent_id, :record_id, :device_id, :observed_at, :time_basis, :agent_at, :received_at, :kind,
       :meters, :record)`,
    {
      agent_id: record.agentId,
      record_id: record.recordId,
      device_id: record.deviceId,
      observed_at: record.observedAt.getTime(),
      time_basis: record.basis,
      agent_at: record.agentAt.getTime(),
      received_at: record.receivedAt.getTime(),
      kind: record.kind,
      meters: meterText(record.meters),
      record: packRecord(record.bytes),
    },
  );
}

function meterText(meters: readonly Meter[]): string | null {
  if (meters.length === 0) return null;
  return JSON.stringify(Object.fromEntries(meters.map(({ name, value, unit }) => [name, [value, unit]])));
}

export interface MeterRow {
  device_id: string;
  name: string;
  observed_at: number;
  value: number;
  unit: string;
}

/* Meters are text; each engine has its own way to look into it. */
function meterRows(tenant: Tenant): string {
  const isPostgres = tenant.transaction.engine === "postgres";
  return `SELECT r.device_id, ${isPostgres ? 'm.key COLLATE "C"' : "m.key"} AS name, r.observed_at,
      CAST(m.value ->> 0 AS NUMERIC) AS value, m.value ->> 1 AS unit
    FROM readings r, json_each(${isPostgres ? "r.meters::json" : "r.meters"}) m
    WHERE r.customer_id = :customer AND r.device_id = :device_id`;
}

/** The latest value of every meter of a device. */
export function latestMeters(tenant: Tenant, deviceId: string): Promise<MeterRow[]> {
  return tenant.all(
    `SELECT device_id, name, observed_at, value, unit FROM (
       SELECT m.*, row_number() OVER (PARTITION BY name ORDER BY observed_at DESC) AS place
       FROM (${meterRows(tenant)}) AS m
     ) AS latest WHERE place = 1 ORDER BY name`,
    { device_id: deviceId },
  );
}

/** Values of one meter or of all, newest first. */
export function meterHistory(
  tenant: Tenant,
  options: { deviceId: string; name: string | undefined; limit: number },
): Promise<MeterRow[]> {
  return tenant.all(
    `SELECT * FROM (${meterRows(tenant)}) AS m WHERE CAST(:name AS TEXT) IS NULL OR name = :name
     ORDER BY observed_at DESC, name LIMIT :limit`,
    { device_id: options.deviceId, name: options.name ?? null, limit: options.limit },
  );
}

export interface StoredReading {
  agent_id: string;
  observed_at: number;
  received_at: number;
  time_basis: TimeBasis;
  record: Uint8Array;
}

/** Readings of a device of any scope, as they were uploaded; newest first. */
export async function newestReadings(
  tenant: Tenant,
  options: { deviceId: string; limit: number },
): Promise<StoredReading[]> {
  const rows = await tenant.all<StoredReading>(
    `SELECT agent_id, observed_at, received_at, time_basis, record FROM readings
     WHERE customer_id = :customer AND device_id = :device_id AND kind = 'reading'
     ORDER BY observed_at DESC, reading_id DESC LIMIT :limit`,
    { device_id: options.deviceId, limit: options.limit },
  );
  return rows.map((row) => ({ ...row, record: unpackRecord(row.record) }));
}

export interface Reader {
  agent_id: string;
  readings: number;
  last_at: number;
}

/** Which agents have read a device, the one that did last first. */
export function readersOf(tenant: Tenant, deviceId: string): Promise<Reader[]> {
  return tenant.all(
    `SELECT agent_id, count(*) AS readings, max(observed_at) AS last_at FROM readings
     WHERE customer_id = :customer AND device_id = :device_id AND kind = 'reading' GROUP BY agent_id ORDER BY last_at DESC`,
    { device_id: deviceId },
  );
}

export async function countRecords(tenant: Tenant, kind: NewRecord["kind"]): Promise<number> {
  return (await tenant.get<{ n: number }>(
    "SELECT count(*) AS n FROM readings WHERE customer_id = :customer AND kind = :kind",
    { kind },
  ))?.n ?? 0;
}

import type { TimeBasis } from "./record_time.ts";
import type { RowsOf, Tenant } from "../store/store.ts";

export interface NewRecord {
  agentId: string;
  recordId: string;
  deviceId: string | null;
  /** By the platform's clock. */
  observedAt: Date;
  basis: TimeBasis;
  /** By the agent's clock, uncorrected. */
  agentAt: Date;
  receivedAt: Date;
  kind: "reading" | "device_event" | "task_result";
  /** The encoded Record as it was uploaded, packed: see stored_record.ts. */
  stored: Uint8Array;
}

/** The given records that are already stored. */
export async function knownRecords(
  tenant: Tenant,
  { agentId, recordIds }: { agentId: string; recordIds: readonly string[] },
): Promise<Set<string>> {
  const rows = await tenant.allOf<{ record_id: string }>(
    "SELECT record_id FROM records WHERE customer_id = :customer AND agent_id = :agent_id AND record_id = :record_id",
    recordIds.map((record_id) => ({ agent_id: agentId, record_id })),
  );
  return new Set(rows.map(({ record_id }) => record_id));
}

const recordTable: RowsOf = {
  table: "records",
  key: [],
  columns: [
    "agent_id",
    "record_id",
    "device_id",
    "observed_at",
    "time_basis",
    "agent_at",
    "received_at",
    "kind",
    "record",
  ],
};

export async function addRecords(tenant: Tenant, records: readonly NewRecord[]): Promise<void> {
  if (records.length === 0) return;
  const rows = records.map((record) => ({
    agent_id: record.agentId,
    record_id: record.recordId,
    device_id: record.deviceId,
    observed_at: record.observedAt.getTime(),
    time_basis: record.basis,
    agent_at: record.agentAt.getTime(),
    received_at: record.receivedAt.getTime(),
    kind: record.kind,
    record: record.stored,
  }));
  await tenant.insertMany(recordTable, rows);
}

export interface Reader {
  agent_id: string;
  readings: number;
  last_at: number;
}

/** Agents that have read a device, as far as records are kept; the latest first. */
export function readersOf(tenant: Tenant, deviceId: string): Promise<Reader[]> {
  return tenant.all(
    `SELECT agent_id, count(*) AS readings, max(observed_at) AS last_at FROM records
     WHERE customer_id = :customer AND device_id = :device_id AND kind = 'reading' GROUP BY agent_id ORDER BY last_at DESC`,
    { device_id: deviceId },
  );
}

export async function countRecords(tenant: Tenant, kind: NewRecord["kind"]): Promise<number> {
  return (await tenant.get<{ n: number }>(
    "SELECT count(*) AS n FROM records WHERE customer_id = :customer AND kind = :kind",
    { kind },
  ))?.n ?? 0;
}

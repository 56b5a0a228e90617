import type { TimeBasis } from "./record_time.ts";
import type { Tenant } from "../store/store.ts";

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
  /** The encoded Record as it was uploaded, packed: see stored_record.ts. */
  stored: Uint8Array;
}

export async function hasRecord(tenant: Tenant, key: { agentId: string; recordId: string }): Promise<boolean> {
  return await tenant.get(
    "SELECT 1 FROM records WHERE customer_id = :customer AND agent_id = :agent_id AND record_id = :record_id",
    { agent_id: key.agentId, record_id: key.recordId },
  ) !== undefined;
}

export async function addRecord(tenant: Tenant, record: NewRecord): Promise<void> {
  await tenant.run(
    `INSERT INTO records (customer_id, agent_id, record_id, device_id, observed_at, time_basis, agent_at, received_at,
       kind, record)
     VALUES (:customer, :agent_id, :record_id, :device_id, :observed_at, :time_basis, :agent_at, :received_at, :kind,
       :record)`,
    {
      agent_id: record.agentId,
      record_id: record.recordId,
      device_id: record.deviceId,
      observed_at: record.observedAt.getTime(),
      time_basis: record.basis,
      agent_at: record.agentAt.getTime(),
      received_at: record.receivedAt.getTime(),
      kind: record.kind,
      record: record.stored,
    },
  );
}

export interface Reader {
  agent_id: string;
  readings: number;
  last_at: number;
}

/** Which agents have read a device since records are kept, the one that did last first. */
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

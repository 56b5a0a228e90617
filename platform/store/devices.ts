import { newId } from "./new_id.ts";
import type { Tenant } from "./store.ts";

export interface DeviceRow {
  device_id: string;
  agent_id: string;
  site: string;
  serial: string | null;
  manufacturer: string | null;
  model: string | null;
  hostname: string | null;
  firmware: string | null;
  location: string | null;
  address: string;
  state: string;
  first_seen_at: number;
  last_seen_at: number;
  /** When the agent that it belongs to saw it last. */
  agent_seen_at: number;
}

export type DeviceFacts = Omit<DeviceRow, "device_id" | "first_seen_at" | "last_seen_at" | "agent_seen_at">;

/** `kind` is one of ingest/evidence.ts. */
export interface EvidenceRow {
  kind: string;
  value: string;
  device_id: string;
  seen_at: number;
}

export interface HistoryRow {
  at: number;
  kind: string;
  before: string | null;
  after: string | null;
}

export function createDevice(tenant: Tenant, options: { facts: DeviceFacts; at: Date }): string {
  const deviceId = newId("dev");
  tenant.run(
    `INSERT INTO devices (customer_id, device_id, agent_id, site, serial, manufacturer, model, hostname, firmware, location,
       address, state, first_seen_at, last_seen_at, agent_seen_at)
     VALUES (:customer, :device_id, :agent_id, :site, :serial, :manufacturer, :model, :hostname, :firmware, :location,
       :address, :state, :at, :at, :at)`,
    { ...options.facts, device_id: deviceId, at: options.at.getTime() },
  );
  return deviceId;
}

export function updateDevice(
  tenant: Tenant,
  options: { deviceId: string; facts: DeviceFacts; at: Date; agentSeenAt: Date },
): void {
  tenant.run(
    `UPDATE devices SET agent_id = :agent_id, site = :site, serial = :serial, manufacturer = :manufacturer, model = :model,
       hostname = :hostname, firmware = :firmware, location = :location, address = :address, state = :state,
       last_seen_at = :at, agent_seen_at = :agent_seen_at
     WHERE customer_id = :customer AND device_id = :device_id`,
    {
      ...options.facts,
      device_id: options.deviceId,
      at: options.at.getTime(),
      agent_seen_at: options.agentSeenAt.getTime(),
    },
  );
}

/** For an observation that is older than the newest one, as after an outage. */
export function noteEarlierSight(tenant: Tenant, options: { deviceId: string; at: Date }): void {
  tenant.run(
    `UPDATE devices SET first_seen_at = :at
     WHERE customer_id = :customer AND device_id = :device_id AND first_seen_at > :at`,
    { device_id: options.deviceId, at: options.at.getTime() },
  );
}

/** For an event; what was read of the device later stands. */
export function setDeviceState(tenant: Tenant, options: { deviceId: string; state: string; at: Date }): void {
  tenant.run(
    `UPDATE devices SET state = :state
     WHERE customer_id = :customer AND device_id = :device_id AND last_seen_at <= :at`,
    { device_id: options.deviceId, state: options.state, at: options.at.getTime() },
  );
}

export function maybeDevice(tenant: Tenant, deviceId: string): DeviceRow | undefined {
  return tenant.get("SELECT * FROM devices WHERE customer_id = :customer AND device_id = :device_id", {
    device_id: deviceId,
  });
}

export function listDevices(tenant: Tenant): (DeviceRow & { total: number | null })[] {
  return tenant.all(
    `SELECT d.*, (SELECT meters ->> '$.total[0]' FROM readings r
       WHERE r.customer_id = d.customer_id AND r.device_id = d.device_id AND r.meters ->> '$.total[0]' IS NOT NULL
       ORDER BY r.observed_at DESC LIMIT 1) AS total
     FROM devices d WHERE customer_id = :customer ORDER BY site, address, device_id`,
  );
}

export function maybeEvidence(
  tenant: Tenant,
  key: { kind: string; value: string },
): EvidenceRow & { shared_at: number | null } | undefined {
  return tenant.get(
    `SELECT kind, value, device_id, seen_at, shared_at FROM device_evidence
     WHERE customer_id = :customer AND kind = :kind AND value = :value`,
    { kind: key.kind, value: key.value },
  );
}

/** What tells the device; what it shares with another one does not. */
export function evidenceOf(tenant: Tenant, deviceId: string): EvidenceRow[] {
  return tenant.all(
    // SQLite would rather go through all that the customer has, as the primary key is in the order that is asked for.
    `SELECT kind, value, device_id, seen_at FROM device_evidence INDEXED BY device_evidence_by_device
     WHERE customer_id = :customer AND device_id = :device_id AND shared_at IS NULL ORDER BY kind, value`,
    { device_id: deviceId },
  );
}

/** Takes the evidence over from another device when that held it. */
export function setEvidence(tenant: Tenant, evidence: Omit<EvidenceRow, "seen_at"> & { at: Date }): void {
  tenant.run(
    `INSERT INTO device_evidence (customer_id, kind, value, device_id, seen_at)
     VALUES (:customer, :kind, :value, :device_id, :at)
     ON CONFLICT (customer_id, kind, value) DO UPDATE SET device_id = :device_id, seen_at = :at`,
    { kind: evidence.kind, value: evidence.value, device_id: evidence.device_id, at: evidence.at.getTime() },
  );
}

/** From now on the value tells no device. */
export function shareEvidence(tenant: Tenant, evidence: { kind: string; value: string; at: Date }): void {
  tenant.run(
    "UPDATE device_evidence SET shared_at = :at WHERE customer_id = :customer AND kind = :kind AND value = :value",
    { kind: evidence.kind, value: evidence.value, at: evidence.at.getTime() },
  );
}

/** Whether the device had this evidence, and another took it over. */
export function hasLostEvidence(tenant: Tenant, key: { deviceId: string; kind: string; value: string }): boolean {
  return tenant.get(
    `SELECT 1 FROM device_history WHERE customer_id = :customer AND device_id = :device_id AND kind = :kind
       AND before = :value`,
    { device_id: key.deviceId, kind: `${key.kind}Lost`, value: key.value },
  ) !== undefined;
}

export function addHistory(tenant: Tenant, entry: HistoryRow & { deviceId: string }): void {
  tenant.run(
    `INSERT INTO device_history (customer_id, device_id, at, kind, before, after)
     VALUES (:customer, :device_id, :at, :kind, :before, :after)`,
    { device_id: entry.deviceId, at: entry.at, kind: entry.kind, before: entry.before, after: entry.after },
  );
}

/** Oldest first. */
export function historyOf(tenant: Tenant, deviceId: string): HistoryRow[] {
  return tenant.all(
    `SELECT at, kind, before, after FROM device_history WHERE customer_id = :customer AND device_id = :device_id
     ORDER BY at, rowid`,
    { device_id: deviceId },
  );
}

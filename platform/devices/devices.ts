import { joinedState, maybeDeviceState, setDeviceReading } from "./device_state.ts";
import type { Tenant } from "../store/store.ts";

export interface DeviceRow {
  device_id: string;
  agent_id: string;
  /** Name of the network in the agent's file. */
  network: string;
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
  /** When its agent saw it last. */
  agent_seen_at: number;
  /** For merged devices, the part with the common id (also set in that part's own row); otherwise null. */
  merged_into: string | null;
  /** 1 while a split by a person affects which readings belong to it. */
  split: number;
}

export type DeviceFacts = Pick<
  DeviceRow,
  | "agent_id"
  | "network"
  | "serial"
  | "manufacturer"
  | "model"
  | "hostname"
  | "firmware"
  | "location"
  | "address"
  | "state"
>;

/** Whether a person has merged or split it, which evidence must not override. */
export function isDecided({ merged_into, split }: DeviceRow): boolean {
  return merged_into !== null || split === 1;
}

export const deviceColumns = [
  "device_id",
  "agent_id",
  "network",
  "serial",
  "manufacturer",
  "model",
  "hostname",
  "firmware",
  "location",
  "address",
  "state",
  "first_seen_at",
  "last_seen_at",
  "agent_seen_at",
  "merged_into",
  "split",
] as const satisfies readonly (keyof DeviceRow)[];

/** What is selected of a row; PostgreSQL has further columns, which it makes of these. */
export const rowColumns = ["customer_id", ...deviceColumns].join(", ");

/** `kind`: one of common/reading/device_evidence.ts, or `key`: the agent's id and the agent's own id of the device. */
export interface EvidenceRow {
  kind: string;
  value: string;
  device_id: string;
  /** When the device had it first. */
  seen_at: number;
  /** 0 after it was seen with another device. */
  current: number;
  /** 1 if two devices show it alternately, so that it identifies neither. */
  shared: number;
  /** 1 if it was in a complete reading; for a key, if one of its readings had other evidence. */
  sure: number;
}

/** A present or former place of a device, as seen by one agent or by the agents of one site. */
export interface PlaceRow {
  /** An agent, or a site. */
  scope: string;
  /** Address, port, and the device index if several printers answer there. */
  place: string;
  device_id: string;
  seen_at: number;
  /** Null while the device is there. */
  until: number | null;
}

export interface HistoryRow {
  at: number;
  kind: string;
  before: string | null;
  after: string | null;
}

export async function updateDevice(
  tenant: Tenant,
  options: { deviceId: string; facts: DeviceFacts; at: Date; agentSeenAt: Date },
): Promise<void> {
  await tenant.run(
    `UPDATE devices SET agent_id = :agent_id, network = :network, serial = :serial, manufacturer = :manufacturer, model = :model,
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

/** Records an observation that is older than the newest one, as after an outage. */
export async function noteEarlierSight(tenant: Tenant, options: { deviceId: string; at: Date }): Promise<void> {
  await tenant.run(
    `UPDATE devices SET first_seen_at = :at
     WHERE customer_id = :customer AND device_id = :device_id AND first_seen_at > :at`,
    { device_id: options.deviceId, at: options.at.getTime() },
  );
}

export function maybeDevice(tenant: Tenant, deviceId: string): Promise<DeviceRow | undefined> {
  return tenant.get(`SELECT ${rowColumns} FROM devices WHERE customer_id = :customer AND device_id = :device_id`, {
    device_id: deviceId,
  });
}

/* What the indices have. */
const lowered = {
  sqlite: { serial: "lower(serial)", hostname: "lower(hostname)" },
  postgres: { serial: "serial_lower", hostname: "hostname_lower" },
};

/** Finds a device by its id, or else devices by address, serial number or host name. */
export async function findDevices(tenant: Tenant, text: string): Promise<DeviceRow[]> {
  const { serial, hostname } = lowered[tenant.transaction.engine];
  const by = (condition: string) =>
    tenant.all<DeviceRow>(
      `SELECT ${rowColumns} FROM devices WHERE customer_id = :customer AND ${condition}
       ORDER BY network, address_order, device_id`,
      { text },
    );
  const named = await by("device_id = :text");
  if (named.length > 0) return named;
  return await by(`(address = :text OR ${serial} = lower(:text) OR ${hostname} = lower(:text))`);
}

const evidenceColumns = "kind, value, device_id, seen_at, current, shared, sure";

/** All that the device was ever seen with. */
export function allEvidenceOf(tenant: Tenant, deviceId: string): Promise<EvidenceRow[]> {
  return tenant.all(
    // Otherwise SQLite scans all rows of the customer, as the primary key has the requested order.
    `SELECT ${evidenceColumns} FROM device_evidence INDEXED BY device_evidence_by_device
     WHERE customer_id = :customer AND device_id = :device_id ORDER BY kind, value`,
    { device_id: deviceId },
  );
}

/** Evidence that identifies the device, without values that moved to another device or are shared. */
export async function evidenceOf(tenant: Tenant, deviceId: string): Promise<EvidenceRow[]> {
  return (await allEvidenceOf(tenant, deviceId)).filter(({ current, shared }) => current === 1 && shared === 0);
}

/** Present and former places of the device, as seen by each agent; latest first. */
export function agentPlacesOf(tenant: Tenant, deviceId: string): Promise<PlaceRow[]> {
  return tenant.all(
    `SELECT scope, place, device_id, seen_at, until FROM device_places INDEXED BY device_places_by_device
     WHERE customer_id = :customer AND device_id = :device_id AND scope LIKE 'agent %'
     ORDER BY until IS NOT NULL, seen_at DESC`,
    { device_id: deviceId },
  );
}

/* Of a row that is there and the one that comes. */
export function larger(table: string, column: string): string {
  return `CASE WHEN ${table}.${column} > excluded.${column} THEN ${table}.${column} ELSE excluded.${column} END`;
}

/** Merges two devices that are one: moves readings, history, evidence and places of one to the other. */
export async function mergeDevices(tenant: Tenant, merge: { from: string; into: string; at: number }): Promise<void> {
  const { from, into, at } = merge;
  const gone = await maybeDevice(tenant, from), stays = await maybeDevice(tenant, into);
  if (gone === undefined || stays === undefined || from === into || isDecided(gone)) return;
  const ids = { from, into };
  for (const table of ["records", "kept_readings", "device_history", "access_sessions"]) {
    await tenant.run(`UPDATE ${table} SET device_id = :into WHERE customer_id = :customer AND device_id = :from`, ids);
  }
  await moveWork(tenant, ids);
  await moveReadings(tenant, ids);
  await moveTrust(tenant, ids);
  await tenant.run(
    `INSERT INTO device_evidence (customer_id, kind, value, device_id, seen_at, current, shared, sure)
     SELECT customer_id, kind, value, :into, seen_at, current, shared, sure FROM device_evidence
     WHERE customer_id = :customer AND device_id = :from
     ON CONFLICT (customer_id, kind, value, device_id) DO UPDATE SET ${
      ["seen_at", "current", "shared", "sure"].map((column) => `${column} = ${larger("device_evidence", column)}`).join(
        ", ",
      )
    }`,
    ids,
  );
  await tenant.run(
    `INSERT INTO device_places (customer_id, scope, place, device_id, seen_at, until)
     SELECT customer_id, scope, place, :into, seen_at, until FROM device_places
     WHERE customer_id = :customer AND device_id = :from
     ON CONFLICT (customer_id, scope, place, device_id) DO UPDATE SET seen_at = ${larger("device_places", "seen_at")},
       until = CASE WHEN device_places.until IS NOT NULL AND excluded.until IS NOT NULL THEN ${
      larger("device_places", "until")
    } END`,
    ids,
  );
  for (const table of ["device_evidence", "device_places"]) {
    await tenant.run(`DELETE FROM ${table} WHERE customer_id = :customer AND device_id = :from`, { from });
  }
  const newer = gone.last_seen_at > stays.last_seen_at ? gone : stays;
  const { serial, manufacturer, model, hostname, firmware, location } = stays;
  const known = { serial, manufacturer, model, hostname, firmware, location };
  const names = Object.entries(known).map(([name, value]) => [name, value ?? gone[name as keyof typeof known]]);
  await updateDevice(tenant, {
    deviceId: into,
    facts: {
      agent_id: newer.agent_id,
      network: newer.network,
      address: newer.address,
      state: newer.state,
      ...Object.fromEntries(names) as typeof known,
    },
    at: new Date(newer.last_seen_at),
    agentSeenAt: new Date(newer.agent_seen_at),
  });
  await noteEarlierSight(tenant, { deviceId: into, at: new Date(gone.first_seen_at) });
  await tenant.run("DELETE FROM devices WHERE customer_id = :customer AND device_id = :from", { from });
  await addHistory(tenant, { deviceId: into, at, kind: "merged", before: from, after: into });
}

/* Which of its records are needed is seen with those of the other. */
async function moveWork(tenant: Tenant, { from, into }: { from: string; into: string }): Promise<void> {
  await tenant.run(
    `INSERT INTO proof_work (customer_id, device_id, from_at, until_at)
     SELECT customer_id, :into, from_at, until_at FROM proof_work WHERE customer_id = :customer AND device_id = :from
     ON CONFLICT (customer_id, device_id) DO UPDATE SET ${widened}`,
    { from, into },
  );
  await tenant.run("DELETE FROM proof_work WHERE customer_id = :customer AND device_id = :from", { from });
}

/** Of a row of `proof_work` that is there, for one that comes. */
export const widened = `from_at = CASE WHEN excluded.from_at < proof_work.from_at THEN excluded.from_at
       ELSE proof_work.from_at END, until_at = ${larger("proof_work", "until_at")}`;

/* What was read of the one is now what was read of the other; samples and alerts remember whose they were. */
async function moveReadings(tenant: Tenant, { from, into }: { from: string; into: string }): Promise<void> {
  const gone = await maybeDeviceState(tenant, from), stays = await maybeDeviceState(tenant, into);
  if (gone !== undefined) {
    await setDeviceReading(tenant, into, stays === undefined ? gone : joinedState(gone, stays));
    await tenant.run("DELETE FROM device_state WHERE customer_id = :customer AND device_id = :from", { from });
  }
  const moved = {
    samples: "kind, name, observed_at, value, unit, level",
    alerts: "alert_key, first_seen_at, severity, code, alert_group, description, since, last_seen_at, ended_at",
  };
  for (const [table, columns] of Object.entries(moved)) {
    await tenant.run(
      `INSERT INTO ${table} (customer_id, device_id, origin, ${columns})
       SELECT customer_id, :into, CASE origin WHEN '' THEN :from ELSE origin END, ${columns} FROM ${table}
       WHERE customer_id = :customer AND device_id = :from ON CONFLICT DO NOTHING`,
      { from, into },
    );
    await tenant.run(`DELETE FROM ${table} WHERE customer_id = :customer AND device_id = :from`, { from });
  }
  await tenant.run(
    "UPDATE meter_corrections SET device_id = :into WHERE customer_id = :customer AND device_id = :from",
    { from, into },
  );
}

/* Certificates that its web pages are known by, of two the later one, and the permission of old TLS. */
async function moveTrust(tenant: Tenant, { from, into }: { from: string; into: string }): Promise<void> {
  await tenant.run(
    `INSERT INTO access_certificates (customer_id, device_id, port, fingerprint, pinned_at)
     SELECT customer_id, :into, port, fingerprint, pinned_at FROM access_certificates
     WHERE customer_id = :customer AND device_id = :from
     ON CONFLICT (customer_id, device_id, port) DO UPDATE SET
       fingerprint = CASE WHEN access_certificates.pinned_at > excluded.pinned_at THEN access_certificates.fingerprint
         ELSE excluded.fingerprint END,
       pinned_at = ${larger("access_certificates", "pinned_at")}`,
    { from, into },
  );
  await tenant.run(
    `INSERT INTO access_legacy_tls (customer_id, device_id, allowed_by, allowed_at)
     SELECT customer_id, :into, allowed_by, allowed_at FROM access_legacy_tls
     WHERE customer_id = :customer AND device_id = :from ON CONFLICT DO NOTHING`,
    { from, into },
  );
  for (const table of ["access_certificates", "access_legacy_tls"]) {
    await tenant.run(`DELETE FROM ${table} WHERE customer_id = :customer AND device_id = :from`, { from });
  }
}

export async function addHistory(tenant: Tenant, entry: HistoryRow & { deviceId: string }): Promise<void> {
  await tenant.run(
    `INSERT INTO device_history (customer_id, device_id, at, kind, before, after)
     VALUES (:customer, :device_id, :at, :kind, :before, :after)`,
    { device_id: entry.deviceId, at: entry.at, kind: entry.kind, before: entry.before, after: entry.after },
  );
}

/** Oldest first. */
export function historyOf(tenant: Tenant, deviceId: string): Promise<HistoryRow[]> {
  return tenant.all(
    `SELECT at, kind, before, after FROM device_history WHERE customer_id = :customer AND device_id = :device_id
     ORDER BY at, rowid`,
    { device_id: deviceId },
  );
}

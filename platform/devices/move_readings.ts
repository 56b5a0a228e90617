/**
 * Moves the readings of an older release's store to the tables of this release, by processing them again in order. Each
 * lot is one transaction: if interrupted, it continues where it stopped. An installation moves to PostgreSQL after that.
 */
import { ReadingScope, Record as UploadedRecord } from "../../proto/gen/opendca/v1/batch.ts";
import { readingsBefore } from "../store/device_tables.ts";
import type { Store, Transaction } from "../store/store.ts";
import { unpackRecord } from "../store/stored_record.ts";
import { keepReading } from "./keep_reading.ts";
import { KnownDevices } from "./known_devices.ts";
import type { NewRecord } from "./readings.ts";
import type { TimeBasis } from "./record_time.ts";
import { copyStore } from "../store/copy_store.ts";
import type { DatabaseAddress } from "../store/postgres/database_url.ts";
import { openSqliteStore } from "../store/sqlite/sqlite_store.ts";

interface ReadingRow {
  reading_id: number;
  customer_id: string;
  agent_id: string;
  record_id: string;
  device_id: string | null;
  observed_at: number;
  received_at: number;
  agent_at: number;
  time_basis: TimeBasis;
  kind: NewRecord["kind"];
  record: Uint8Array;
}

const lot = 500;

/** Calls `onProgress` after each lot with the number of remaining readings. */
export async function moveReadings(store: Store, onProgress: (left: number) => void): Promise<void> {
  if (store.engine !== "sqlite") return;
  const name = { name: readingsBefore };
  const isThere = (tx: Transaction) => tx.get("SELECT 1 FROM sqlite_schema WHERE name = :name", name);
  if (await store.transaction(isThere, { readOnly: true }) === undefined) return;
  for (;;) {
    const left = await store.transaction(async (tx) => {
      // Another process may do the same.
      if (await isThere(tx) === undefined) return 0;
      const rows = await tx.all<ReadingRow>(
        `SELECT * FROM ${readingsBefore} ORDER BY observed_at, reading_id LIMIT ${lot}`,
      );
      for (const row of rows) await moveReading(tx, row);
      const { left } = (await tx.get<{ left: number }>(`SELECT count(*) AS left FROM ${readingsBefore}`))!;
      if (left === 0) await tx.run(`DROP TABLE ${readingsBefore}`);
      return left;
    });
    if (left === 0) return;
    onProgress(left);
  }
}

async function moveReading(tx: Transaction, row: ReadingRow): Promise<void> {
  const tenant = tx.tenant(row.customer_id);
  const { agent_id: agentId, record_id: recordId, device_id: deviceId, time_basis: basis, kind, record: stored } = row;
  const time = { observedAt: new Date(row.observed_at), receivedAt: new Date(row.received_at), basis };
  const devices = await KnownDevices.load(tenant, { deviceIds: deviceId === null ? [] : [deviceId] });
  devices.addRecord({ agentId, recordId, deviceId, ...time, agentAt: new Date(row.agent_at), kind, stored });
  await tx.run(`DELETE FROM ${readingsBefore} WHERE reading_id = :id`, { id: row.reading_id });
  const { content, scope } = UploadedRecord.decode(unpackRecord(stored));
  if (deviceId !== null && content?.$case === "reading" && devices.device(deviceId) !== undefined) {
    const reading = content.value;
    keepReading(devices, {
      deviceId,
      agentId,
      ...time,
      scope: scope === ReadingScope.STATUS ? "status" : "full",
      reading,
      stored,
    });
  }
  await devices.flush();
}

/** Moves the SQLite file to the empty database `target`, connected as its owner; see copyStore(). */
export async function copyInstallation(
  { path, target, role }: { path: string; target: DatabaseAddress; role: string },
): ReturnType<typeof copyStore> {
  // Brings an older file up to date.
  {
    await using store = openSqliteStore(path);
    await moveReadings(store, () => {});
  }
  return await copyStore({ path, target, role });
}

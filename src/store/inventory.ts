/** The known devices of the agent and their history, in `inventory.db`. One process has it open at a time. */
import type { KnownValue } from "../../common/reading/device_identity.ts";
import { type Database, openDatabase } from "../../common/host/sqlite.ts";
import type { Reading } from "../../common/reading/reading.ts";
import { eventsOf, insertEvent, type InventoryEvent } from "./inventory_event.ts";
import { prepareInventoryDatabase, untoldMergesMark } from "./inventory_database.ts";
import { knownEvidence } from "./known_evidence.ts";
import { decodeLastGood } from "./last_good.ts";
import { type Observation, type Observed, observeDevice } from "./observe_device.ts";

export interface KnownDevice {
  deviceId: string;
  site: string;
  /** The place where it was seen last; null if another device answers there now. */
  place: { address: string; port: number } | null;
  /** The place where it was seen last, even if another device is there now. */
  lastPlace: { address: string; port: number } | null;
  maker: string | null;
  model: string | null;
  evidence: KnownValue[];
  quarantined: boolean;
  asleep: boolean;
  /** Name of the credential that worked last. */
  credential: string | null;
  snmpVersion: Reading["snmp"]["version"] | null;
  addedAt: Date;
  seenAt: Date;
}

export interface Inventory extends Disposable {
  /**
   * Finds or adds the device of a reading and stores what is new. Returns the readings whose device is known now:
   * held ones, and this one last; none if a second read is needed. Durable when it returns. Throws
   * `StorageError`.
   */
  observe(observation: Observation, now: Date): Observed[];
  devices(): KnownDevice[];
  device(deviceId: string): KnownDevice | undefined;
  lastGood(deviceId: string): Reading | undefined;
  locations(deviceId: string): { address: string; port: number; since: Date; until: Date | null }[];
  events(deviceId?: string): InventoryEvent[];
  /**
   * Undoes an `evidenceAdded` or `deviceMerged`: what it added to a device becomes a device of its own, and so do later observations.
   * Returns the new device's id. Throws `RangeError` for an event that cannot be undone, or was.
   */
  undo(eventId: number, now: Date): string;
  /**
   * Passes the merges made by a migration to `tell`, and forgets that they are to be reported
   * when `tell` returns.
   */
  takeMerges(tell: (events: InventoryEvent[]) => void): void;
  /** Forgets a device and its history. */
  remove(deviceId: string): void;
  /**
   * Forgets all but the latest `kept` events and former places; what is needed to undo a merge, and a device's last place,
   * stays. By count, not by age, so that a wrong clock deletes nothing.
   */
  prune(kept: number): void;
  /** A single value by name, such as when a site was swept last. */
  mark(name: string): string | undefined;
  setMark(name: string, value: string): void;
}

/** Readings that wait for a second read. */
const mostHeld = 1000;

/** Opens or creates the inventory at `path`. Throws `StorageError`, or `DamagedDatabaseError` if it is not an inventory. */
export function openInventory(path: string): Inventory {
  const db = openDatabase(path);
  try {
    prepareInventoryDatabase(db);
  } catch (error) {
    db.close();
    throw error;
  }
  return inventoryOn(db);
}

/** The inventory on a database that has its tables; disposal closes it. */
export function inventoryOn(db: Database): Inventory {
  return {
    observe: (observation, now) => db.transaction(() => observeDevice(db, observation, now)),
    devices: () => db.all<DeviceRow>("SELECT * FROM device ORDER BY added_at, id").map((row) => knownDevice(db, row)),
    device(deviceId) {
      const row = db.get<DeviceRow>("SELECT * FROM device WHERE id = ?", deviceId);
      return row === undefined ? undefined : knownDevice(db, row);
    },
    lastGood(deviceId) {
      const text = db.get<{ last_good: string }>("SELECT last_good FROM device WHERE id = ?", deviceId)?.last_good;
      return text === undefined ? undefined : decodeLastGood(text) ?? undefined;
    },
    locations: (deviceId) =>
      db.all<{ address: string; port: number; since: number; until: number | null }>(
        "SELECT address, port, since, until FROM location WHERE device = ? ORDER BY rowid",
        deviceId,
      ).map(({ address, port, since, until }) => ({
        address,
        port,
        since: new Date(since),
        until: until === null ? null : new Date(until),
      })),
    events: (deviceId) => eventsOf(db, deviceId),
    undo: (eventId, now) => db.transaction(() => splitDevice(db, eventId, now)),
    takeMerges(tell) {
      const first = db.get<{ value: string }>("SELECT value FROM mark WHERE name = ?", untoldMergesMark)?.value;
      if (first === undefined) return;
      tell(eventsOf(db).filter(({ id, type }) => type === "deviceMerged" && id >= Number(first)));
      db.run("DELETE FROM mark WHERE name = ?", untoldMergesMark);
    },
    remove: (deviceId) =>
      db.transaction(() => {
        for (const table of ["evidence", "location", "event"]) {
          db.run(`DELETE FROM ${table} WHERE device = ?`, deviceId);
        }
        db.run("DELETE FROM device WHERE id = ?", deviceId);
      }),
    prune: (kept) =>
      db.transaction(() => {
        db.run(
          `DELETE FROM event WHERE id <= (SELECT max(id) FROM event) - ? AND id NOT IN (SELECT event FROM evidence)`,
          kept,
        );
        db.run(
          `DELETE FROM location WHERE rowid <= (SELECT max(rowid) FROM location) - ?
           AND until IS NOT NULL AND rowid NOT IN (SELECT max(rowid) FROM location GROUP BY device)`,
          kept,
        );
        db.run("DELETE FROM held WHERE id <= (SELECT max(id) FROM held) - ?", Math.min(kept, mostHeld));
      }),
    mark: (name) => db.get<{ value: string }>("SELECT value FROM mark WHERE name = ?", name)?.value,
    setMark(name, value) {
      db.run(
        "INSERT INTO mark (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        name,
        value,
      );
    },
    [Symbol.dispose]: () => db.close(),
  };
}

interface DeviceRow {
  id: string;
  added_at: number;
  seen_at: number;
  site: string;
  maker: string | null;
  model: string | null;
  quarantined: number;
  asleep: number;
  credential: string | null;
  snmp_version: Reading["snmp"]["version"] | null;
}

function knownDevice(db: Database, row: DeviceRow): KnownDevice {
  const last = db.get<{ address: string; port: number; until: number | null }>(
    "SELECT address, port, until FROM location WHERE device = ? ORDER BY until IS NULL DESC, seen_at DESC, rowid DESC",
    row.id,
  );
  const lastPlace = last === undefined ? null : { address: last.address, port: last.port };
  return {
    deviceId: row.id,
    site: row.site,
    place: last?.until === null ? lastPlace : null,
    lastPlace,
    maker: row.maker,
    model: row.model,
    evidence: knownEvidence(db, row.id),
    quarantined: row.quarantined === 1,
    asleep: row.asleep === 1,
    credential: row.credential,
    snmpVersion: row.snmp_version,
    addedAt: new Date(row.added_at),
    seenAt: new Date(row.seen_at),
  };
}

function splitDevice(db: Database, eventId: number, now: Date): string {
  const [from] = db.all<{ device: string }>("SELECT DISTINCT device FROM evidence WHERE event = ?", eventId);
  const type = db.get<{ type: string }>("SELECT type FROM event WHERE id = ?", eventId)?.type;
  if (from === undefined || (type !== "evidenceAdded" && type !== "deviceMerged")) {
    throw new RangeError(`Cannot undo event ${eventId} as a merge: current value of its type is "${type ?? "none"}"`);
  }
  const id = crypto.randomUUID();
  db.run(
    `INSERT INTO device (id, added_at, seen_at, site, maker, model, quarantined, asleep, last_good)
     SELECT ?, ?, seen_at, site, maker, model, 0, 0, 'null' FROM device WHERE id = ?`,
    id,
    now.getTime(),
    from.device,
  );
  const event = insertEvent(db, {
    at: now,
    type: "deviceSplit",
    deviceId: id,
    details: { undone: eventId, previousDeviceId: from.device },
  });
  db.run("UPDATE evidence SET device = ?, event = ?, current = 1 WHERE event = ?", id, event.id, eventId);
  return id;
}

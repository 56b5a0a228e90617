/**
 * The layout of `inventory.db`: devices, what they are recognised by, where they were and what was decided.
 *
 *   device    a row a device: names, the credential that worked, the last good reading (last_good.ts)
 *   evidence  everything that a device was seen with; `current` is 0 once the value was seen with another device, `shared`
 *             is 1 where two show it in turns, `sure` is 1 when nothing was lost of a reading that had it.
 *             `event` is the decision that added it, by which a wrong one is undone
 *   location  where a device was; rows without `until` are where it is, of which a device with IPv4 and IPv6 has two. No two
 *             devices are at one place. `printer` is hrDeviceIndex where several printers answer at one address, else 0
 *   held      readings whose device is not known yet, unchanged (held_readings.ts)
 *   event     decisions and their reasons, in order
 *   mark      single values, such as when a site was swept last
 *
 * An observation is one transaction, and so is a step from one version to the next: a crash leaves all of it or nothing.
 */
import { DamagedDatabaseError, type Database } from "../../common/host/sqlite.ts";
import { mergeDuplicates, respellEvidence } from "./merge_devices.ts";

const first = `
CREATE TABLE device (
  id TEXT PRIMARY KEY,
  added_at INTEGER NOT NULL,
  seen_at INTEGER NOT NULL,
  site TEXT NOT NULL,
  maker TEXT,
  model TEXT,
  quarantined INTEGER NOT NULL,
  asleep INTEGER NOT NULL,
  credential TEXT,
  snmp_version TEXT,
  last_good TEXT NOT NULL
) STRICT;
CREATE TABLE evidence (
  device TEXT NOT NULL REFERENCES device,
  kind TEXT NOT NULL,
  value TEXT NOT NULL,
  current INTEGER NOT NULL,
  event INTEGER NOT NULL,
  PRIMARY KEY (kind, value, device)
) STRICT, WITHOUT ROWID;
CREATE INDEX evidence_device ON evidence (device);
CREATE TABLE location (
  device TEXT NOT NULL REFERENCES device,
  address TEXT NOT NULL,
  port INTEGER NOT NULL,
  since INTEGER NOT NULL,
  until INTEGER
) STRICT;
CREATE UNIQUE INDEX location_now ON location (address, port) WHERE until IS NULL;
CREATE INDEX location_device ON location (device);
CREATE TABLE event (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  type TEXT NOT NULL,
  device TEXT NOT NULL,
  details TEXT NOT NULL
) STRICT;
CREATE TABLE mark (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
`;

const second = `
ALTER TABLE evidence ADD COLUMN shared INTEGER NOT NULL DEFAULT 0;
ALTER TABLE evidence ADD COLUMN sure INTEGER NOT NULL DEFAULT 1;
ALTER TABLE location ADD COLUMN printer INTEGER NOT NULL DEFAULT 0;
ALTER TABLE location ADD COLUMN seen_at INTEGER NOT NULL DEFAULT 0;
UPDATE location SET seen_at = coalesce(until, (SELECT seen_at FROM device WHERE id = device));
DROP INDEX location_now;
CREATE UNIQUE INDEX location_now ON location (address, port, printer) WHERE until IS NULL;
CREATE TABLE held (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  address TEXT NOT NULL,
  port INTEGER NOT NULL,
  printer INTEGER NOT NULL,
  -- DeviceEvidence as JSON.
  evidence TEXT NOT NULL,
  -- 1 when it contradicts the device that is known there.
  contradicts INTEGER NOT NULL,
  strong INTEGER NOT NULL,
  site TEXT NOT NULL,
  scope TEXT NOT NULL,
  credential TEXT,
  reading TEXT NOT NULL
) STRICT;
`;

/** First event of the merges that still have to be reported to the platform. */
export const untoldMergesMark = "untoldMerges";

/** Steps from each version to the next, beginning with an empty file. A released step is never changed. */
const steps: readonly ((db: Database) => void)[] = [
  (db) => db.exec(first),
  (db) => {
    db.exec(second);
    respellEvidence(db);
    const next = (db.get<{ id: number | null }>("SELECT max(id) AS id FROM event")?.id ?? 0) + 1;
    if (mergeDuplicates(db) > 0) db.run("INSERT INTO mark (name, value) VALUES (?, ?)", untoldMergesMark, String(next));
  },
];

/**
 * Brings a database up to date, a new one to the latest layout; `through` is the version to stop at. Throws
 * `DamagedDatabaseError` for a file that is none, or of a later release.
 */
export function prepareInventoryDatabase(db: Database, through = steps.length): void {
  const version = inventoryVersion(db);
  if (version >= through) return;
  db.transaction(() => {
    for (const step of steps.slice(version, through)) step(db);
    db.exec(`PRAGMA user_version = ${through}`);
  });
}

/** Throws `DamagedDatabaseError` for a file that is none, or of a later release. */
export function inventoryVersion(db: Database): number {
  const version = db.get<{ user_version: number }>("PRAGMA user_version")?.user_version ?? 0;
  if (version > steps.length) {
    throw new DamagedDatabaseError(
      `Cannot read "${db.path}" as an inventory: current value of its version is ${version}`,
    );
  }
  return version;
}

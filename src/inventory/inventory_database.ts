/**
 * The layout of `inventory.db`: devices, what they are recognised by, where they were and what was decided.
 *
 *   device    a row a device: names, the credential that worked, the last good reading (last_good.ts)
 *   evidence  everything that a device was seen with; `current` is 0 once the value was seen with another device.
 *             `event` is the decision that added it, by which a wrong one is undone
 *   location  where a device was; the row without `until` is where it is. No two devices are at one place
 *   event     decisions and what they rest on, in order
 *   mark      single values, such as when a site was swept last
 *
 * An observation is one transaction: a crash leaves all of it or nothing.
 */
import type { Database } from "../core/sqlite.ts";

const layout = `
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
PRAGMA user_version = 1;
`;

/** Makes the tables of a new database. Throws `DamagedDatabaseError` for a file that is none. */
export function prepareInventoryDatabase(db: Database): void {
  if (db.get<{ user_version: number }>("PRAGMA user_version")?.user_version === 0) {
    db.transaction(() => db.exec(layout));
  }
}

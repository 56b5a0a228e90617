/** Evidence in the spelling of common/reading, held by several devices where that is so; where devices are. */
export const deviceEvidence = `
ALTER TABLE device_evidence RENAME TO device_evidence_before;
DROP INDEX device_evidence_by_device;
CREATE TABLE device_evidence (
  customer_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  value TEXT NOT NULL,
  device_id TEXT NOT NULL,
  seen_at INTEGER NOT NULL,
  -- 0 once it was seen with another device; 1 in shared where two show it in turns.
  current INTEGER NOT NULL,
  shared INTEGER NOT NULL,
  -- 1 when it was in a reading of which nothing was lost.
  sure INTEGER NOT NULL,
  PRIMARY KEY (customer_id, kind, value, device_id),
  FOREIGN KEY (customer_id, device_id) REFERENCES devices
) STRICT, WITHOUT ROWID;
CREATE INDEX device_evidence_by_device ON device_evidence (customer_id, device_id);

-- Where a device is, or was: as an agent sees it, and as the agents of a site do.
CREATE TABLE device_places (
  customer_id TEXT NOT NULL,
  scope TEXT NOT NULL,
  place TEXT NOT NULL,
  device_id TEXT NOT NULL,
  seen_at INTEGER NOT NULL,
  until INTEGER,
  PRIMARY KEY (customer_id, scope, place, device_id),
  FOREIGN KEY (customer_id, device_id) REFERENCES devices
) STRICT, WITHOUT ROWID;
CREATE INDEX device_places_by_device ON device_places (customer_id, device_id, scope);
`;

/** Table with readings of an older release that are not moved yet; it exists only if there are any. */
export const readingsBefore = "readings_before";

/**
 * Records are kept for some weeks; long-term data has its own tables. A table that PostgreSQL partitions by time has
 * the time in its key.
 */
export const years = `
CREATE TABLE records (
  customer_id TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  record_id TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  device_id TEXT,
  -- By the platform's clock, made from time_basis: see devices/record_time.ts.
  observed_at INTEGER NOT NULL,
  time_basis TEXT NOT NULL,
  -- By the agent's clock.
  agent_at INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('reading', 'device_event', 'task_result')),
  -- As it was uploaded, byte for byte, compressed: see stored_record.ts.
  record BLOB NOT NULL,
  PRIMARY KEY (customer_id, agent_id, record_id, received_at)
) STRICT;
CREATE INDEX records_by_time ON records (received_at);
CREATE INDEX records_by_device ON records (customer_id, device_id, observed_at);

-- See devices/device_state.ts.
CREATE TABLE device_state (
  customer_id TEXT NOT NULL,
  device_id TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  observed_at INTEGER NOT NULL,
  received_at INTEGER NOT NULL,
  time_basis TEXT NOT NULL,
  scope TEXT NOT NULL,
  record BLOB NOT NULL,
  full_at INTEGER,
  no_meters TEXT,
  meters BLOB,
  meters_at INTEGER,
  supplies BLOB,
  supplies_at INTEGER,
  trays BLOB,
  trays_at INTEGER,
  total REAL,
  low INTEGER NOT NULL,
  PRIMARY KEY (customer_id, device_id),
  FOREIGN KEY (customer_id, device_id) REFERENCES devices
) STRICT;
CREATE INDEX device_state_low ON device_state (customer_id, device_id) WHERE low > 0;

-- See devices/samples.ts. The origin is the device that it was a sample of before a merge; empty where there was none.
CREATE TABLE samples (
  customer_id TEXT NOT NULL,
  device_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  observed_at INTEGER NOT NULL,
  origin TEXT NOT NULL,
  value REAL,
  unit TEXT NOT NULL,
  level TEXT NOT NULL,
  PRIMARY KEY (customer_id, device_id, kind, name, observed_at, origin)
) STRICT, WITHOUT ROWID;

-- See devices/alerts.ts.
CREATE TABLE alerts (
  customer_id TEXT NOT NULL,
  device_id TEXT NOT NULL,
  alert_key TEXT NOT NULL,
  first_seen_at INTEGER NOT NULL,
  origin TEXT NOT NULL,
  severity TEXT NOT NULL,
  code INTEGER,
  alert_group TEXT NOT NULL,
  description TEXT NOT NULL,
  since INTEGER,
  last_seen_at INTEGER NOT NULL,
  ended_at INTEGER,
  PRIMARY KEY (customer_id, device_id, alert_key, first_seen_at, origin)
) STRICT, WITHOUT ROWID;
CREATE INDEX alerts_open ON alerts (customer_id, device_id) WHERE ended_at IS NULL;
CREATE INDEX alerts_ended ON alerts (ended_at) WHERE ended_at IS NOT NULL;
`;

/**
 * Changes of devices by a person: two are one machine, or one is two. Parts of one machine keep their rows, and each
 * has in `merged_into` the part whose id lists show.
 */
export const deviceChanges = `
CREATE TABLE device_changes (
  customer_id TEXT NOT NULL,
  change_id TEXT NOT NULL,
  -- 'merge' or 'split'.
  kind TEXT NOT NULL,
  -- Whose id stays, and the one that is part of it now, or was made of some of its readings.
  device_id TEXT NOT NULL,
  other_id TEXT NOT NULL,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  reason TEXT,
  -- Of a split, as JSON: which readings go to the other one.
  selector TEXT,
  -- Of a split, compressed JSON: what was there before.
  saved BLOB,
  undone_at INTEGER,
  undone_by TEXT,
  undone_reason TEXT,
  PRIMARY KEY (customer_id, change_id)
) STRICT;

ALTER TABLE devices ADD COLUMN merged_into TEXT;
CREATE INDEX devices_merged ON devices (customer_id, merged_into) WHERE merged_into IS NOT NULL;
-- 1 while a split has a say in which readings are of the device.
ALTER TABLE devices ADD COLUMN split INTEGER NOT NULL DEFAULT 0;
`;

/** What lists are ordered by, and what they count without reading what was last read of each device. */
export const lists = `
CREATE INDEX devices_listed ON devices (customer_id, agent_id, network, address, device_id);
CREATE INDEX device_state_meterless ON device_state (customer_id, device_id) WHERE no_meters IS NOT NULL;
`;

/** What the next statement has to look at: see devices/late_arrivals.ts. */
export const lateReadings = `
CREATE TABLE late_readings (
  customer_id TEXT NOT NULL,
  device_id TEXT NOT NULL,
  -- When the first and the last of them were observed, and when the last one came.
  from_at INTEGER NOT NULL,
  until_at INTEGER NOT NULL,
  noted_at INTEGER NOT NULL,
  PRIMARY KEY (customer_id, device_id)
) STRICT, WITHOUT ROWID;

-- 1: what came late after it was made is in late_readings.
ALTER TABLE statements ADD COLUMN is_noted INTEGER NOT NULL DEFAULT 0;
`;

/** What proves statements of past periods, for longer than the records: see billing/keep_proofs.ts. */
export const proofs = `
CREATE TABLE kept_readings (
  customer_id TEXT NOT NULL,
  device_id TEXT NOT NULL,
  observed_at INTEGER NOT NULL,
  agent_id TEXT NOT NULL,
  record_id TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  -- Of its batch; empty and 0 if nothing signed was there.
  epoch TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  leaf_index INTEGER NOT NULL,
  -- The digests from its leaf up to the root, one after the other.
  path BLOB NOT NULL,
  -- As in records; empty if nothing signed was there.
  record BLOB NOT NULL,
  PRIMARY KEY (customer_id, device_id, observed_at, agent_id, record_id)
) STRICT;
CREATE INDEX kept_readings_by_time ON kept_readings (observed_at);

-- Rows of batch_seals that are older than the records, without the digests of these.
CREATE TABLE kept_seals (
  customer_id TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  epoch TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  batch_id TEXT NOT NULL,
  records INTEGER NOT NULL,
  root BLOB NOT NULL,
  previous BLOB NOT NULL,
  signature BLOB NOT NULL,
  certificate BLOB NOT NULL,
  fault TEXT NOT NULL,
  PRIMARY KEY (customer_id, agent_id, received_at, epoch, sequence)
) STRICT;
CREATE INDEX kept_seals_by_time ON kept_seals (received_at);

-- Devices with records that may go once it is known which of them proofs need.
CREATE TABLE proof_work (
  customer_id TEXT NOT NULL,
  device_id TEXT NOT NULL,
  -- When the first of these records was observed, and when the last one had been received at the latest.
  from_at INTEGER NOT NULL,
  until_at INTEGER NOT NULL,
  PRIMARY KEY (customer_id, device_id)
) STRICT, WITHOUT ROWID;
`;

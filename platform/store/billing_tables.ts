/** Statements of meters and what they are made with, and what agents have signed. */
export const billing = `
CREATE TABLE billing_settings (
  customer_id TEXT NOT NULL,
  -- JSON: see billing/settings.ts.
  settings TEXT NOT NULL,
  changed_at INTEGER NOT NULL,
  -- First day of the period of the last statement that was mailed by schedule; empty before the first.
  mailed TEXT NOT NULL,
  PRIMARY KEY (customer_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE statements (
  customer_id TEXT NOT NULL,
  -- From 1, without gaps.
  number INTEGER NOT NULL,
  -- Of what it is: a site, a device, or with both empty everything of the customer.
  site_id TEXT NOT NULL,
  device_id TEXT NOT NULL,
  from_at INTEGER NOT NULL,
  until_at INTEGER NOT NULL,
  made_at INTEGER NOT NULL,
  supersedes INTEGER,
  superseded_by INTEGER,
  rows INTEGER NOT NULL,
  -- JSON, as it is part of the hash.
  head TEXT NOT NULL,
  -- SHA-256 of the head and all rows, in hexadecimal, and the platform's signature of it.
  hash TEXT NOT NULL,
  signature BLOB NOT NULL,
  key_id TEXT NOT NULL,
  -- Compressed JSON: number and sum of the samples of each counter, by which late ones are noticed.
  basis BLOB NOT NULL,
  PRIMARY KEY (customer_id, number)
) STRICT, WITHOUT ROWID;

-- Rows and proofs of a statement, some hundreds together, as compressed lines of JSON.
CREATE TABLE statement_parts (
  customer_id TEXT NOT NULL,
  number INTEGER NOT NULL,
  -- 'rows', 'readings', 'batches' or 'certificates'.
  kind TEXT NOT NULL,
  part INTEGER NOT NULL,
  content BLOB NOT NULL,
  PRIMARY KEY (customer_id, number, kind, part)
) STRICT, WITHOUT ROWID;

CREATE TABLE meter_corrections (
  customer_id TEXT NOT NULL,
  correction_id TEXT NOT NULL,
  device_id TEXT NOT NULL,
  meter TEXT NOT NULL,
  from_at INTEGER NOT NULL,
  until_at INTEGER NOT NULL,
  pages REAL NOT NULL,
  reason TEXT NOT NULL,
  made_at INTEGER NOT NULL,
  made_by TEXT NOT NULL,
  undone_at INTEGER,
  undone_by TEXT,
  undone_reason TEXT,
  PRIMARY KEY (customer_id, correction_id)
) STRICT, WITHOUT ROWID;

-- What the agent signed with each batch, as long as its records are kept; see common/protocol/signed_batch.ts.
CREATE TABLE batch_seals (
  customer_id TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  epoch TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  batch_id TEXT NOT NULL,
  records INTEGER NOT NULL,
  root BLOB NOT NULL,
  previous BLOB NOT NULL,
  head BLOB NOT NULL,
  signature BLOB NOT NULL,
  -- SHA-256 of the certificate whose key signed.
  certificate BLOB NOT NULL,
  -- The digests of the records, one after the other.
  leaves BLOB NOT NULL,
  -- Why it proves nothing, or does not follow the batch before; empty where all is well.
  fault TEXT NOT NULL,
  PRIMARY KEY (customer_id, agent_id, received_at, epoch, sequence)
) STRICT, WITHOUT ROWID;
CREATE INDEX batch_seals_by_time ON batch_seals (received_at);

-- The last batch of each agent that signs.
CREATE TABLE agent_chains (
  customer_id TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  head BLOB NOT NULL,
  PRIMARY KEY (customer_id, agent_id)
) STRICT, WITHOUT ROWID;
`;

/**
 * Tables of the platform, first version; migrations.ts has the later changes. Times are milliseconds since 1970, UTC.
 * `customer_id` is the first column and the first key part of everything that a customer owns, so that no query is fast
 * without it. The tables without one are `customers`, `installations` (known by a failed attempt before it belongs to
 * anybody) and `audit_log`.
 */
export const schema = `
CREATE TABLE customers (
  customer_id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE COLLATE NOCASE,
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE sites (
  customer_id TEXT NOT NULL REFERENCES customers,
  site_id TEXT NOT NULL,
  name TEXT NOT NULL COLLATE NOCASE,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (customer_id, site_id),
  UNIQUE (customer_id, name)
) STRICT;

-- The first four characters of a code say which it is; the rest is the secret. Only a keyed digest of the whole is kept.
CREATE TABLE activation_codes (
  customer_id TEXT NOT NULL REFERENCES customers,
  code_id TEXT NOT NULL,
  site_id TEXT NOT NULL,
  locator TEXT NOT NULL UNIQUE,
  digest BLOB NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'used', 'burned', 'withdrawn')),
  failed_attempts INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  used_at INTEGER,
  agent_id TEXT,
  -- Of the attempt that used the code, so that the same attempt gets its lost answer once more.
  attempt_id TEXT,
  PRIMARY KEY (customer_id, code_id),
  FOREIGN KEY (customer_id, site_id) REFERENCES sites
) STRICT;

CREATE TABLE installations (
  installation_id TEXT PRIMARY KEY,
  failed_attempts INTEGER NOT NULL,
  last_at INTEGER NOT NULL
) STRICT;

CREATE TABLE agents (
  customer_id TEXT NOT NULL REFERENCES customers,
  agent_id TEXT NOT NULL,
  site_id TEXT NOT NULL,
  installation_id TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('active', 'revoked')),
  created_at INTEGER NOT NULL,
  revoked_at INTEGER,
  revoked_reason TEXT,
  hostname TEXT NOT NULL,
  version TEXT NOT NULL,
  last_seen_at INTEGER,
  -- Encoded AgentStatus of the last poll.
  status BLOB,
  effective_config_hash TEXT,
  effective_config TEXT,
  suspected_clone_at INTEGER,
  suspected_clone_reason TEXT,
  PRIMARY KEY (customer_id, agent_id),
  FOREIGN KEY (customer_id, site_id) REFERENCES sites
) STRICT;

CREATE TABLE agent_runs (
  customer_id TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  run_id TEXT NOT NULL,
  run_number INTEGER NOT NULL,
  first_seen_at INTEGER NOT NULL,
  PRIMARY KEY (customer_id, agent_id, run_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE certificates (
  customer_id TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  serial TEXT NOT NULL,
  fingerprint BLOB NOT NULL UNIQUE,
  der BLOB NOT NULL,
  issued_at INTEGER NOT NULL,
  not_after INTEGER NOT NULL,
  first_used_at INTEGER,
  -- When a later certificate of the agent was used for the first time.
  replaced_at INTEGER,
  revoked_at INTEGER,
  PRIMARY KEY (customer_id, agent_id, serial),
  FOREIGN KEY (customer_id, agent_id) REFERENCES agents
) STRICT;

CREATE TABLE devices (
  customer_id TEXT NOT NULL,
  device_id TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  site TEXT NOT NULL,
  serial TEXT,
  manufacturer TEXT,
  model TEXT,
  hostname TEXT,
  firmware TEXT,
  location TEXT,
  address TEXT NOT NULL,
  state TEXT NOT NULL,
  first_seen_at INTEGER NOT NULL,
  last_seen_at INTEGER NOT NULL,
  PRIMARY KEY (customer_id, device_id),
  FOREIGN KEY (customer_id, agent_id) REFERENCES agents
) STRICT;

-- What a device is recognised by; see common/reading/device_evidence.ts.
CREATE TABLE device_evidence (
  customer_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  value TEXT NOT NULL,
  device_id TEXT NOT NULL,
  seen_at INTEGER NOT NULL,
  PRIMARY KEY (customer_id, kind, value),
  FOREIGN KEY (customer_id, device_id) REFERENCES devices
) STRICT, WITHOUT ROWID;
CREATE INDEX device_evidence_by_device ON device_evidence (customer_id, device_id);

CREATE TABLE device_history (
  customer_id TEXT NOT NULL,
  device_id TEXT NOT NULL,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  before TEXT,
  after TEXT
) STRICT;
CREATE INDEX device_history_by_device ON device_history (customer_id, device_id, at);

-- Every record as it was uploaded, byte for byte: fields that this version does not know are kept. Meters stand beside it,
-- as {"total": [64299, "impressions"]}, because one row a reading costs a tenth of one row a meter in pages written.
CREATE TABLE readings (
  reading_id INTEGER PRIMARY KEY,
  customer_id TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  record_id TEXT NOT NULL,
  device_id TEXT,
  observed_at INTEGER NOT NULL,
  received_at INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('reading', 'device_event', 'task_result')),
  meters TEXT,
  record BLOB NOT NULL,
  UNIQUE (customer_id, agent_id, record_id)
) STRICT;
CREATE INDEX readings_by_device ON readings (customer_id, device_id, observed_at);

CREATE TABLE epochs (
  customer_id TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  epoch TEXT NOT NULL,
  epoch_number INTEGER NOT NULL,
  contiguous INTEGER NOT NULL,
  first_seen_at INTEGER NOT NULL,
  PRIMARY KEY (customer_id, agent_id, epoch)
) STRICT, WITHOUT ROWID;

CREATE TABLE batches (
  customer_id TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  epoch TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  batch_id TEXT NOT NULL,
  digest BLOB NOT NULL,
  received_at INTEGER NOT NULL,
  records INTEGER NOT NULL,
  -- Encoded Rejection, where the batch or some of its records were rejected.
  rejection BLOB,
  PRIMARY KEY (customer_id, agent_id, epoch, sequence)
) STRICT, WITHOUT ROWID;
CREATE INDEX batches_rejected ON batches (customer_id, agent_id, epoch, sequence) WHERE rejection IS NOT NULL;

CREATE TABLE tasks (
  customer_id TEXT NOT NULL,
  task_id TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  -- As signed.
  task BLOB NOT NULL,
  signature BLOB NOT NULL,
  key_id TEXT NOT NULL,
  -- 'waiting', 'delivered', or a TaskState in lower case.
  state TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  message TEXT,
  -- Encoded TaskResult.
  result BLOB,
  PRIMARY KEY (customer_id, task_id),
  FOREIGN KEY (customer_id, agent_id) REFERENCES agents
) STRICT;
CREATE INDEX tasks_by_agent ON tasks (customer_id, agent_id, state);

-- The platform's part of an agent's configuration.
CREATE TABLE agent_configs (
  customer_id TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  hash TEXT NOT NULL,
  content BLOB NOT NULL,
  changed_at INTEGER NOT NULL,
  PRIMARY KEY (customer_id, agent_id),
  FOREIGN KEY (customer_id, agent_id) REFERENCES agents
) STRICT;

-- Each entry holds the digest of the one before. customer_id is null for what concerns the platform itself.
CREATE TABLE audit_log (
  entry INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  customer_id TEXT,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  subject TEXT NOT NULL,
  detail TEXT NOT NULL,
  digest TEXT NOT NULL
) STRICT;
CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log BEGIN SELECT RAISE(ABORT, 'The audit log is append-only'); END;
CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log BEGIN SELECT RAISE(ABORT, 'The audit log is append-only'); END;
`;

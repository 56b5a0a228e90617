import type { DatabaseSync } from "node:sqlite";
import { moveEvidence } from "./sqlite/merge_duplicates.ts";
import { schema } from "./schema.ts";
import { approvals } from "./approval_tables.ts";
import { billing } from "./billing_tables.ts";
import { alertLimits } from "./alert_tables.ts";
import { access } from "./access_tables.ts";
import { insight } from "./insight_tables.ts";
import { counts, countTriggers } from "./count_tables.ts";
import { feedChanges, feeds } from "./feed_tables.ts";
import { interfaces } from "./interface_tables.ts";
import { notifications } from "./notification_tables.ts";
import { passkeys } from "./passkey_tables.ts";
import { proofs } from "./proof_tables.ts";
import { releases } from "./release_tables.ts";
import { signOuts } from "./sign_out_tables.ts";
import { sso } from "./sso_tables.ts";
import { addresses, mails, spraying, users } from "./user_tables.ts";
import { trust } from "./trust_tables.ts";
import { agentIds, codeUses, work } from "./work_tables.ts";
import { auditSubjects, lowerNames, ownRoles, views } from "./view_tables.ts";

/* Refusals and ledger heads of agents; devices that two agents see; indices of what each poll and upload asks. */
const second = `
-- JSON list: what the agent's policy refused of the platform's configuration, as it last said.
ALTER TABLE agents ADD COLUMN config_refusals TEXT NOT NULL DEFAULT '[]';
-- When the end of the agent's ledger was first found to be cut off or rewritten.
ALTER TABLE agents ADD COLUMN ledger_rewound_at INTEGER;
ALTER TABLE agents ADD COLUMN ledger_rewound_reason TEXT;

-- Each head that is not the one told before it. told_number counts them.
CREATE TABLE agent_ledger_heads (
  customer_id TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  told_number INTEGER NOT NULL,
  number INTEGER NOT NULL,
  hash TEXT NOT NULL,
  first_told_at INTEGER NOT NULL,
  -- Why it cannot follow the head before it; null where it can.
  rewound TEXT,
  PRIMARY KEY (customer_id, agent_id, told_number),
  FOREIGN KEY (customer_id, agent_id) REFERENCES agents
) STRICT, WITHOUT ROWID;

-- When the device was last seen by the agent that it belongs to.
ALTER TABLE devices ADD COLUMN agent_seen_at INTEGER NOT NULL DEFAULT 0;
UPDATE devices SET agent_seen_at = last_seen_at;
-- Set where two devices show the same value in turns, so that it tells neither.
ALTER TABLE device_evidence ADD COLUMN shared_at INTEGER;

CREATE INDEX agent_runs_by_number ON agent_runs (customer_id, agent_id, run_number);
CREATE INDEX epochs_by_number ON epochs (customer_id, agent_id, epoch_number);
CREATE INDEX installations_by_time ON installations (last_at);
`;

/* Evidence in the spelling of common/reading, held by several devices where that is so; where devices are. */
const third = `
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

/* Times of records: by which clock. */
const times = `
-- When the record was observed by the agent's own clock; observed_at is by the platform's.
ALTER TABLE readings ADD COLUMN agent_at INTEGER;
-- What observed_at was made from: see TimeBasis in ingest/record_time.ts.
ALTER TABLE readings ADD COLUMN time_basis TEXT NOT NULL DEFAULT 'agent';
UPDATE readings SET agent_at = observed_at;
CREATE INDEX agents_by_installation ON agents (customer_id, installation_id);
`;

/* How often an agent polls, so that one that does not is named. */
const polls = `
ALTER TABLE agents ADD COLUMN poll_seconds INTEGER;
`;

/* Failed attempts by proven key: anybody can name an installation. */
const keys = `
DROP TABLE installations;
CREATE TABLE failed_keys (
  failed_key INTEGER PRIMARY KEY,
  -- SHA-256 of the public key of the certificate request.
  key_digest BLOB NOT NULL UNIQUE,
  -- As the attempt said; an unlock token of it gives the key new attempts.
  installation_id TEXT NOT NULL,
  failed_attempts INTEGER NOT NULL,
  last_at INTEGER NOT NULL
) STRICT;
CREATE INDEX failed_keys_by_time ON failed_keys (last_at);
CREATE INDEX failed_keys_by_installation ON failed_keys (installation_id);
`;

/* What agents made the store grow by. */
const usage = `
CREATE TABLE usage (
  customer_id TEXT NOT NULL,
  -- Since 1970, in UTC.
  day INTEGER NOT NULL,
  agent_id TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  -- 1 once the audit log says that there was too much.
  told INTEGER NOT NULL,
  PRIMARY KEY (customer_id, day, agent_id),
  FOREIGN KEY (customer_id, agent_id) REFERENCES agents
) STRICT, WITHOUT ROWID;
`;

/* How many entries of the audit log an agent has made on a day, so that it does not fill it. */
const auditCounts = `
CREATE TABLE audit_counts (
  whose TEXT PRIMARY KEY,
  -- The latest; since 1970, in UTC.
  day INTEGER NOT NULL,
  entries INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
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

/* Who owns customers; the name of what an agent's file calls a site is not that of a customer's site. */
const dealers = `
CREATE TABLE dealers (
  dealer_id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX dealers_by_name ON dealers (lower(name));
-- One that owns all customers that there are.
INSERT INTO dealers (dealer_id, name, created_at)
  SELECT 'dea-000000000000', 'default', (SELECT min(created_at) FROM customers) WHERE EXISTS (SELECT 1 FROM customers);
-- Never null in a row; SQLite adds no reference that is NOT NULL.
ALTER TABLE customers ADD COLUMN dealer_id TEXT REFERENCES dealers;
UPDATE customers SET dealer_id = 'dea-000000000000';
CREATE INDEX customers_by_dealer ON customers (dealer_id);

ALTER TABLE devices RENAME COLUMN site TO network;
UPDATE device_history SET kind = 'networkChanged' WHERE kind = 'siteChanged';
`;

/*
 * Changes of devices by a person: two are one machine, or one is two. Parts of one machine keep their rows, and each
 * has in `merged_into` the part whose id lists show.
 */
const deviceChanges = `
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

/* Wrong activation codes that belong to nobody, of the hour under way: see agents/guess_watch.ts. */
const guesses = `
CREATE TABLE guess_hours (
  -- One row: 'all'.
  whose TEXT PRIMARY KEY,
  began_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  sources INTEGER NOT NULL,
  others INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE guess_sources (
  source TEXT PRIMARY KEY,
  -- From 1, in the order of their first wrong code.
  place INTEGER NOT NULL,
  -- Attempts that the audit log does not tell yet.
  untold INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
`;

/* Since when an agent is connected to the broker, or is not. */
const presence = `
ALTER TABLE agents ADD COLUMN mqtt_online_at INTEGER;
ALTER TABLE agents ADD COLUMN mqtt_offline_at INTEGER;
`;

/* When a task was sent by a broker that several processes share. */
const pushes = `
ALTER TABLE tasks ADD COLUMN pushed_at INTEGER;
`;

/* What lists are ordered by, and what they count without reading what was last read of each device. */
const lists = `
CREATE INDEX devices_listed ON devices (customer_id, agent_id, network, address, device_id);
CREATE INDEX device_state_meterless ON device_state (customer_id, device_id) WHERE no_meters IS NOT NULL;
`;

/* Web access in the browser: secrets are kept as digests alone, of a query only the length. */
const accessPages = `
-- Domain and port at which it shows pages; null where it shows none.
ALTER TABLE access_gateways ADD COLUMN web TEXT;

CREATE TABLE access_links (
  customer_id TEXT NOT NULL,
  token_digest BLOB NOT NULL,
  session_id TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  used_at INTEGER,
  -- Of the cookie of whoever used it.
  secret_digest BLOB,
  PRIMARY KEY (customer_id, token_digest)
) STRICT;
CREATE INDEX access_links_by_session ON access_links (customer_id, session_id);

CREATE TABLE access_requests (
  customer_id TEXT NOT NULL,
  session_id TEXT NOT NULL,
  request_id TEXT NOT NULL,
  at INTEGER NOT NULL,
  method TEXT NOT NULL,
  path TEXT NOT NULL,
  query_length INTEGER NOT NULL,
  status INTEGER NOT NULL,
  bytes_in INTEGER NOT NULL,
  bytes_out INTEGER NOT NULL,
  ms INTEGER NOT NULL,
  PRIMARY KEY (customer_id, session_id, request_id)
) STRICT;

-- By which a printer's HTTPS port is known since its first use.
CREATE TABLE access_certificates (
  customer_id TEXT NOT NULL,
  device_id TEXT NOT NULL,
  port INTEGER NOT NULL,
  -- SHA-256, in hexadecimal.
  fingerprint TEXT NOT NULL,
  pinned_at INTEGER NOT NULL,
  PRIMARY KEY (customer_id, device_id, port)
) STRICT;
`;

/* Which broker an agent was connected to: one that was killed does not say that its agents are gone. */
const brokers = `
CREATE TABLE mqtt_brokers (
  -- 'shared', or random for one of a process of the platform.
  broker_id TEXT PRIMARY KEY,
  alive_at INTEGER NOT NULL
) STRICT;
ALTER TABLE agents ADD COLUMN mqtt_broker TEXT;
CREATE INDEX tasks_unsent ON tasks (expires_at) WHERE state = 'waiting' AND pushed_at IS NULL;
`;

/* What a dealer has ended, daily limits that are not the default, and calls of sources without a certificate. */
const closings = `
ALTER TABLE dealers ADD COLUMN closed_at INTEGER;
ALTER TABLE customers ADD COLUMN closed_at INTEGER;
ALTER TABLE sites ADD COLUMN closed_at INTEGER;
-- Bytes that may be stored per UTC day; null: the default.
ALTER TABLE customers ADD COLUMN quota_bytes INTEGER;
ALTER TABLE agents ADD COLUMN quota_bytes INTEGER;

-- Activation calls of a source, by all processes: see agents/activation_calls.ts.
CREATE TABLE activation_calls (
  source TEXT PRIMARY KEY,
  -- When it may make as many calls at once as one that never made any.
  full_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX activation_calls_by_time ON activation_calls (full_at);
`;

/* Devices that may be reached by TLS that is not safe. */
const legacyTls = `
CREATE TABLE access_legacy_tls (
  customer_id TEXT NOT NULL,
  device_id TEXT NOT NULL,
  allowed_by TEXT NOT NULL,
  allowed_at INTEGER NOT NULL,
  PRIMARY KEY (customer_id, device_id)
) STRICT;
`;

/* Gateways that are OpenSSH's sshd, and the ports of their sessions. */
const sshd = `
-- JSON: user, firstPort, lastPort; null: the platform's own gateway.
ALTER TABLE access_gateways ADD COLUMN sshd TEXT;

CREATE TABLE access_forwards (
  gateway_id TEXT NOT NULL,
  port INTEGER NOT NULL,
  session_id TEXT NOT NULL,
  -- SHA-256 of the session's public key as SSH encodes it.
  key_digest BLOB NOT NULL,
  -- By which both ends of each connection through the port know each other.
  forward_key BLOB NOT NULL,
  -- The port may be another session's then.
  free_at INTEGER NOT NULL,
  PRIMARY KEY (gateway_id, port)
) STRICT;
CREATE INDEX access_forwards_by_key ON access_forwards (gateway_id, key_digest);
CREATE INDEX access_forwards_by_time ON access_forwards (free_at);
`;

/* What retention drops of web access by its time, and what is asked for lists of revoked certificates. */
const accessTimes = `
CREATE INDEX access_requests_by_time ON access_requests (at);
CREATE INDEX access_links_by_time ON access_links (expires_at);
CREATE INDEX certificates_revoked ON certificates (not_after) WHERE revoked_at IS NOT NULL;
`;

/** A step is SQL, or a function if SQL is not sufficient. */
export type Migration = string | ((database: DatabaseSync) => void);

/** Steps from each version of the store to the next, starting with an empty file. Released steps are never changed. */
export const migrations: readonly Migration[] = [
  schema,
  second,
  (database) => {
    database.exec(third);
    moveEvidence(database);
    database.exec("DROP TABLE device_evidence_before");
  },
  times,
  polls,
  keys,
  usage,
  auditCounts,
  (database) => {
    database.exec(years);
    const isUsed = database.prepare("SELECT 1 FROM readings LIMIT 1").get() !== undefined;
    // Its rows are moved later in small lots: devices/move_readings.ts.
    database.exec(isUsed ? `ALTER TABLE readings RENAME TO ${readingsBefore}` : "DROP TABLE readings");
  },
  dealers,
  deviceChanges,
  guesses,
  presence,
  access,
  pushes,
  lists,
  accessPages,
  brokers,
  closings,
  legacyTls,
  sshd,
  releases,
  users,
  mails,
  accessTimes,
  interfaces,
  insight,
  sso,
  counts + countTriggers,
  billing,
  passkeys,
  views,
  work,
  spraying,
  ownRoles,
  auditSubjects,
  addresses,
  trust,
  lowerNames,
  notifications,
  feeds,
  approvals,
  alertLimits,
  agentIds,
  feedChanges,
  signOuts,
  codeUses,
  proofs,
];

import type { DatabaseSync } from "node:sqlite";
import { moveEvidence } from "./sqlite/merge_duplicates.ts";
import { schema } from "./schema.ts";
import { approvals } from "./approval_tables.ts";
import { billing } from "./billing_tables.ts";
import { access, accessExtensions, accessPages, accessTimes, legacyTls, sshd } from "./access_tables.ts";
import { alertLimits, insight } from "./insight_tables.ts";
import { counts, countTriggers } from "./count_tables.ts";
import { deviceChanges, deviceEvidence, lists, readingsBefore, years } from "./device_tables.ts";
import { feedChanges, feeds } from "./feed_tables.ts";
import { interfaces } from "./interface_tables.ts";
import { notifications } from "./notification_tables.ts";
import { lateReadings, proofs } from "./proof_tables.ts";
import { releases } from "./release_tables.ts";
import { sessionEnds, signOuts, sso } from "./sso_tables.ts";
import { addresses, mails, passkeys, spraying, users } from "./user_tables.ts";
import { trust } from "./trust_tables.ts";
import { agentIds, codeUses, work } from "./work_tables.ts";
import { auditSubjects, listOrders, lowerNames, ownRoles, sqliteAddressOrders, views } from "./view_tables.ts";

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

/** A step is SQL, or a function if SQL is not sufficient. */
export type Migration = string | ((database: DatabaseSync) => void);

/** Steps from each version of the store to the next, starting with an empty file. Released steps are never changed. */
export const migrations: readonly Migration[] = [
  schema,
  second,
  (database) => {
    database.exec(deviceEvidence);
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
  sessionEnds,
  lateReadings,
  listOrders,
  accessExtensions,
  sqliteAddressOrders,
];

/**
 * Releases of the agent, and who is offered them. Files are stored encoded, in chunks of which each is one message of
 * FetchUpdate. What agents are offered is the platform's own; what an agent did with it is its customer's.
 */
export const releases = `
CREATE TABLE releases (
  version TEXT PRIMARY KEY,
  -- As it was signed.
  manifest TEXT NOT NULL,
  -- 'offered', 'paused' or 'withdrawn'.
  state TEXT NOT NULL,
  reason TEXT,
  changed_by TEXT NOT NULL,
  changed_at INTEGER NOT NULL,
  added_at INTEGER NOT NULL,
  -- Failures of agents before do not pause it.
  counted_since INTEGER NOT NULL
) STRICT;

CREATE TABLE release_files (
  file_id TEXT PRIMARY KEY,
  -- Null until all of it is stored.
  version TEXT,
  target TEXT NOT NULL,
  -- Of the decoded file, in hexadecimal.
  sha256 TEXT NOT NULL,
  encoded_bytes INTEGER NOT NULL,
  added_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX release_files_by_target ON release_files (version, target);

CREATE TABLE release_chunks (
  file_id TEXT NOT NULL,
  -- From 0.
  number INTEGER NOT NULL,
  bytes BLOB NOT NULL,
  PRIMARY KEY (file_id, number)
) STRICT;

CREATE TABLE release_rollouts (
  version TEXT NOT NULL,
  -- Id of a dealer, a customer or a site; 'all'.
  scope TEXT NOT NULL,
  percent INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  PRIMARY KEY (version, scope)
) STRICT;

-- One row, whose number is another one after each change of what is offered: see releases/catalogue.ts.
CREATE TABLE release_revision (
  whose TEXT PRIMARY KEY,
  revision INTEGER NOT NULL
) STRICT;

-- A version, or 'hold'; null: as the next larger group, and at last as the roll-out says.
ALTER TABLE customers ADD COLUMN update_pin TEXT;
ALTER TABLE sites ADD COLUMN update_pin TEXT;
ALTER TABLE agents ADD COLUMN update_pin TEXT;
-- The version that it was last offered, and what it last said of an update, as JSON.
ALTER TABLE agents ADD COLUMN update_offered TEXT;
ALTER TABLE agents ADD COLUMN update_told TEXT;

CREATE TABLE agent_updates (
  customer_id TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  version TEXT NOT NULL,
  offered_at INTEGER NOT NULL,
  -- An UpdatePhase, as the agent last said; 0 if it has said nothing yet.
  phase INTEGER NOT NULL,
  message TEXT NOT NULL,
  told_at INTEGER,
  -- When it last said that it installs it or has tried to, and when it last said that this failed.
  tried_at INTEGER,
  failed_at INTEGER,
  PRIMARY KEY (customer_id, agent_id, version),
  FOREIGN KEY (customer_id, agent_id) REFERENCES agents
) STRICT, WITHOUT ROWID;
CREATE INDEX agent_updates_by_version ON agent_updates (version, phase);
`;

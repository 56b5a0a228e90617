/**
 * Sessions of Device Web Access, and the processes that hold them. Only a digest of the one-time key is stored. Whether
 * the agent refused a waiting session is in its task.
 */
export const access = `
CREATE TABLE access_sessions (
  customer_id TEXT NOT NULL,
  session_id TEXT NOT NULL,
  -- Random, as a part of a host name.
  label TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  device_id TEXT NOT NULL,
  task_id TEXT NOT NULL,
  -- Empty where the agent's policy masks it.
  address TEXT NOT NULL,
  port INTEGER NOT NULL,
  -- 'http', 'https' or 'raw'.
  scheme TEXT NOT NULL,
  -- 'waiting', 'open' or 'closed'.
  state TEXT NOT NULL,
  opened_by TEXT NOT NULL,
  -- SHA-256 of the public key as SSH encodes it.
  key_digest BLOB NOT NULL,
  key_used_at INTEGER,
  gateway_id TEXT,
  created_at INTEGER NOT NULL,
  opened_at INTEGER,
  ends_at INTEGER NOT NULL,
  ended_at INTEGER,
  end_reason TEXT,
  bytes_to_device INTEGER NOT NULL,
  bytes_from_device INTEGER NOT NULL,
  PRIMARY KEY (customer_id, session_id),
  FOREIGN KEY (customer_id, agent_id) REFERENCES agents
) STRICT;
CREATE UNIQUE INDEX access_sessions_by_id ON access_sessions (session_id);
CREATE UNIQUE INDEX access_sessions_by_label ON access_sessions (label);
CREATE INDEX access_sessions_by_agent ON access_sessions (customer_id, agent_id, state);
CREATE INDEX access_sessions_live ON access_sessions (state) WHERE state <> 'closed';

CREATE TABLE access_gateways (
  gateway_id TEXT PRIMARY KEY,
  -- JSON list of HOST:PORT that agents connect to.
  hosts TEXT NOT NULL,
  -- As SSH encodes it.
  host_key BLOB NOT NULL,
  seen_at INTEGER NOT NULL
) STRICT;
`;

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

/** Web access in the browser: secrets are kept as digests alone, of a query only the length. */
export const accessPages = `
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

/** Devices that may be reached by TLS that is not safe. */
export const legacyTls = `
CREATE TABLE access_legacy_tls (
  customer_id TEXT NOT NULL,
  device_id TEXT NOT NULL,
  allowed_by TEXT NOT NULL,
  allowed_at INTEGER NOT NULL,
  PRIMARY KEY (customer_id, device_id)
) STRICT;
`;

/** Gateways that are OpenSSH's sshd, and the ports of their sessions. */
export const sshd = `
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

/** What retention drops of web access by its time, and what is asked for lists of revoked certificates. */
export const accessTimes = `
CREATE INDEX access_requests_by_time ON access_requests (at);
CREATE INDEX access_links_by_time ON access_links (expires_at);
CREATE INDEX certificates_revoked ON certificates (not_after) WHERE revoked_at IS NOT NULL;
`;

/** More time for a session that is open: the last task that asks its agent for it. */
export const accessExtensions = `
ALTER TABLE access_sessions ADD COLUMN extension_id TEXT;
`;

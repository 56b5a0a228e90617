/** What needs the approval of a second person at a customer, and what has been asked for. */
export const approvals = `
CREATE TABLE approval_rules (
  customer_id TEXT NOT NULL,
  -- Of a task, such as 'openWebAccess' or 'scanNow'.
  kind TEXT NOT NULL,
  set_by TEXT NOT NULL,
  set_at INTEGER NOT NULL,
  PRIMARY KEY (customer_id, kind),
  FOREIGN KEY (customer_id) REFERENCES customers
) STRICT, WITHOUT ROWID;

CREATE TABLE approval_requests (
  customer_id TEXT NOT NULL,
  request_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  -- Null for tasks.
  device_id TEXT,
  -- What it goes to, for people: address and port, or targets.
  target TEXT NOT NULL,
  -- JSON: all that is done if it is approved.
  wish TEXT NOT NULL,
  -- 'waiting', 'approved', 'refused' or 'withdrawn'.
  state TEXT NOT NULL,
  -- Such as user:eva@example.com.
  asked_by TEXT NOT NULL,
  asked_at INTEGER NOT NULL,
  -- Nobody can approve it any more.
  expires_at INTEGER NOT NULL,
  decided_by TEXT,
  decided_at INTEGER,
  -- Of the session or task that was made.
  made_id TEXT,
  PRIMARY KEY (customer_id, request_id),
  FOREIGN KEY (customer_id, agent_id) REFERENCES agents
) STRICT;
CREATE INDEX approval_requests_by_time ON approval_requests (customer_id, asked_at);
CREATE INDEX approval_requests_ended ON approval_requests (expires_at);
`;

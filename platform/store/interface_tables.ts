/**
 * What other programs use: tokens of the REST and OData interfaces, answers that are given again, and webhooks. Tokens and
 * webhooks are the platform's own rows, as a dealer has some for all of its customers; what a webhook says is its
 * customer's.
 */
export const interfaces = `
CREATE TABLE api_tokens (
  token_id TEXT PRIMARY KEY,
  -- Whose it is: it may never do more than this user may at that moment.
  user_id TEXT NOT NULL,
  name TEXT NOT NULL,
  digest BLOB NOT NULL,
  -- JSON: names of permissions; see users/permissions.ts.
  permissions TEXT NOT NULL,
  -- JSON: a list of {customerId, siteId}; without them, all customers of the user's dealer, all sites.
  places TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  used_at INTEGER,
  revoked_at INTEGER
) STRICT;
CREATE UNIQUE INDEX api_tokens_by_digest ON api_tokens (digest);
CREATE INDEX api_tokens_by_user ON api_tokens (user_id);

-- Of requests with an Idempotency-Key, in the transaction of what they did.
CREATE TABLE api_answers (
  token_id TEXT NOT NULL,
  idempotency_key TEXT NOT NULL,
  -- SHA-256 of the request.
  request BLOB NOT NULL,
  status INTEGER NOT NULL,
  -- Sealed, as it may have a secret.
  body BLOB NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (token_id, idempotency_key)
) STRICT;
CREATE INDEX api_answers_by_time ON api_answers (at);

CREATE TABLE webhooks (
  webhook_id TEXT PRIMARY KEY,
  dealer_id TEXT NOT NULL,
  -- Null: all customers of the dealer.
  of_customer TEXT,
  url TEXT NOT NULL,
  -- JSON: types of events.
  events TEXT NOT NULL,
  description TEXT NOT NULL,
  -- Sealed. After a rotation, both sign until the time.
  secret BLOB NOT NULL,
  old_secret BLOB,
  old_secret_until INTEGER,
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX webhooks_by_dealer ON webhooks (dealer_id);

CREATE TABLE webhook_deliveries (
  customer_id TEXT NOT NULL,
  delivery_id TEXT NOT NULL,
  webhook_id TEXT NOT NULL,
  type TEXT NOT NULL,
  -- JSON, as it is sent each time.
  body TEXT NOT NULL,
  -- 'waiting', 'sent' or 'dead'.
  state TEXT NOT NULL,
  tries INTEGER NOT NULL DEFAULT 0,
  next_at INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  -- Of the last answer; null if there was none.
  status INTEGER,
  failure TEXT,
  PRIMARY KEY (customer_id, delivery_id)
) STRICT;
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (next_at) WHERE state = 'waiting';
CREATE INDEX webhook_deliveries_by_webhook ON webhook_deliveries (webhook_id, created_at);
CREATE INDEX webhook_deliveries_ended ON webhook_deliveries (created_at) WHERE state <> 'waiting';

-- What was last told of an agent or device that went silent: rows are those that are silent.
CREATE TABLE silent_told (
  customer_id TEXT NOT NULL,
  -- An agent's or a device's.
  subject TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (customer_id, subject)
) STRICT;
`;

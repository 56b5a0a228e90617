/** Feeds: other systems of a dealer or of one of its customers that are sent what is known of its devices. */
export const feeds = `
CREATE TABLE feeds (
  feed_id TEXT PRIMARY KEY,
  dealer_id TEXT NOT NULL,
  -- Null: all customers of the dealer.
  of_customer TEXT,
  -- See feeds/feed_kinds.ts.
  kind TEXT NOT NULL,
  address TEXT NOT NULL,
  -- JSON, without secrets.
  settings TEXT NOT NULL,
  -- JSON of the secret settings, sealed.
  secrets BLOB NOT NULL,
  every_ms INTEGER NOT NULL,
  refresh_ms INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  paused_at INTEGER,
  -- What a receiver keeps is taken back first.
  removed_at INTEGER,
  -- When some process takes it, unless it has gone on by then.
  next_at INTEGER NOT NULL,
  -- Of the process that has it.
  claim TEXT,
  -- In a row.
  failures INTEGER NOT NULL DEFAULT 0,
  succeeded_at INTEGER,
  failed_at INTEGER,
  failure TEXT,
  -- What the last round sent.
  sent INTEGER
) STRICT;
CREATE INDEX feeds_by_dealer ON feeds (dealer_id);
CREATE INDEX feeds_due ON feeds (next_at) WHERE paused_at IS NULL;

-- What a receiver was last sent of each device.
CREATE TABLE feed_devices (
  customer_id TEXT NOT NULL,
  feed_id TEXT NOT NULL,
  -- Empty: of the customer's devices together.
  device_id TEXT NOT NULL,
  digest TEXT NOT NULL,
  -- JSON: names under which the receiver keeps it.
  kept TEXT NOT NULL,
  sent_at INTEGER NOT NULL,
  PRIMARY KEY (customer_id, feed_id, device_id)
) STRICT;
CREATE INDEX feed_devices_by_feed ON feed_devices (feed_id);
`;

/** A round reads what has changed, and each customer's devices once a day. */
export const feedChanges = `
-- How far the pass over all devices of a customer is. What has changed since it began is in feed_changes.
CREATE TABLE feed_customers (
  customer_id TEXT NOT NULL,
  feed_id TEXT NOT NULL,
  -- As the receiver was told it.
  name TEXT NOT NULL,
  -- 0: it has to begin again, and until then nothing is put into feed_changes.
  began_at INTEGER NOT NULL,
  -- The last device that it has done; null: it is over.
  place TEXT,
  PRIMARY KEY (customer_id, feed_id)
) STRICT;
CREATE INDEX feed_customers_by_feed ON feed_customers (feed_id);

-- What each upload, or what a person did, has changed: see events/queue_changes.ts.
CREATE TABLE feed_changes (
  customer_id TEXT NOT NULL,
  feed_id TEXT NOT NULL,
  change_id TEXT NOT NULL,
  -- JSON: ids.
  devices TEXT NOT NULL,
  PRIMARY KEY (customer_id, feed_id, change_id)
) STRICT;
CREATE INDEX feed_changes_by_feed ON feed_changes (feed_id, customer_id);

-- When it is looked at, though nothing has changed.
ALTER TABLE feed_devices ADD COLUMN due_at INTEGER NOT NULL DEFAULT 0;
UPDATE feed_devices SET due_at = sent_at + 86400000;
DROP INDEX feed_devices_by_feed;
CREATE INDEX feed_devices_due ON feed_devices (feed_id, due_at);
INSERT INTO feed_customers (customer_id, feed_id, name, began_at)
  SELECT DISTINCT customer_id, feed_id, '', 0 FROM feed_devices;
`;

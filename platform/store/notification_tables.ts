/** Rules of notifications, what waits to be told by them, and what was sent. */
export const notifications = `
-- While it is set, nothing is sent to the webhook.
ALTER TABLE webhooks ADD COLUMN paused_at INTEGER;

CREATE TABLE notification_rules (
  rule_id TEXT PRIMARY KEY,
  dealer_id TEXT NOT NULL,
  -- Null: all customers of the dealer, all sites of the customer.
  of_customer TEXT,
  of_site TEXT,
  name TEXT NOT NULL,
  -- JSON: see notifications/settings.ts.
  settings TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  -- What happened before is not told: when it was made or last resumed.
  since INTEGER NOT NULL,
  paused_at INTEGER
) STRICT;
CREATE INDEX notification_rules_by_dealer ON notification_rules (dealer_id);

CREATE TABLE notification_recipients (
  recipient_id TEXT PRIMARY KEY,
  rule_id TEXT NOT NULL,
  -- That of the rule.
  of_customer TEXT,
  -- Either of them.
  user_id TEXT,
  email TEXT,
  -- Since when the person wants none of them.
  stopped_at INTEGER
) STRICT;
CREATE INDEX notification_recipients_by_rule ON notification_recipients (rule_id);

-- Up to which event (alert_events) the rules of a customer's dealer have seen all.
CREATE TABLE notification_cursors (
  customer_id TEXT PRIMARY KEY,
  number INTEGER NOT NULL,
  at INTEGER NOT NULL
) STRICT;

CREATE TABLE notification_items (
  customer_id TEXT NOT NULL,
  item_id TEXT NOT NULL,
  rule_id TEXT NOT NULL,
  at INTEGER NOT NULL,
  -- 'raised' or 'ended'.
  event TEXT NOT NULL,
  kind TEXT NOT NULL,
  severity TEXT NOT NULL,
  -- Of a raised alert; empty for what is none.
  alert_id TEXT NOT NULL,
  -- Key of notification_told; empty for an alert.
  subject TEXT NOT NULL,
  device_id TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  description TEXT NOT NULL,
  -- JSON.
  detail TEXT NOT NULL,
  -- When it is to be told.
  due_at INTEGER NOT NULL,
  -- 'waiting', 'told' or 'dropped'.
  state TEXT NOT NULL,
  PRIMARY KEY (customer_id, item_id)
) STRICT;
CREATE INDEX notification_items_waiting ON notification_items (rule_id, due_at) WHERE state = 'waiting';
CREATE INDEX notification_items_by_alert ON notification_items (customer_id, alert_id, rule_id);
CREATE INDEX notification_items_by_time ON notification_items (at);

-- What a rule has been told of and is still so, such as a supply below its limit.
CREATE TABLE notification_told (
  customer_id TEXT NOT NULL,
  rule_id TEXT NOT NULL,
  subject TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (customer_id, rule_id, subject)
) STRICT, WITHOUT ROWID;

-- One for each recipient, with the mail or the delivery of a webhook that it went by.
CREATE TABLE notifications (
  notification_id TEXT PRIMARY KEY,
  rule_id TEXT NOT NULL,
  -- Notifications of one moment: what the limit per hour counts; empty for tests.
  batch_id TEXT NOT NULL,
  of_customer TEXT,
  user_id TEXT,
  recipient TEXT NOT NULL,
  at INTEGER NOT NULL,
  items INTEGER NOT NULL,
  mail_id TEXT,
  delivery_id TEXT,
  -- Why it could not even be queued.
  failure TEXT
) STRICT;
CREATE INDEX notifications_by_rule ON notifications (rule_id, at);
CREATE INDEX notifications_by_time ON notifications (at);
`;

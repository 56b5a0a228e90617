/** Tables of raised alerts and what became of them, and of forecasts of supplies. */
export const insight = `
-- See alerts/raised_alerts.ts.
CREATE TABLE raised_alerts (
  customer_id TEXT NOT NULL,
  alert_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  -- Empty where it is of an agent alone.
  device_id TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  -- Tells alerts of one kind and device apart: the key of a printer's alert, the index of a supply, the name of a meter.
  alert_key TEXT NOT NULL,
  -- Alerts of one kind, group and site are one line of the list.
  alert_group TEXT NOT NULL,
  severity TEXT NOT NULL,
  description TEXT NOT NULL,
  -- JSON: the values that a program wants of it.
  detail TEXT NOT NULL,
  began_at INTEGER NOT NULL,
  raised_at INTEGER NOT NULL,
  -- Since when the condition is gone while the alert still waits whether it comes back.
  away_since INTEGER,
  ended_at INTEGER,
  -- The alert of the agent that explains it.
  cause_id TEXT,
  acknowledged_at INTEGER,
  acknowledged_by TEXT,
  -- Null: until it ends or becomes more severe.
  acknowledged_until INTEGER,
  note TEXT,
  PRIMARY KEY (customer_id, alert_id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX raised_alerts_open ON raised_alerts (customer_id, device_id, agent_id, kind, alert_key)
  WHERE ended_at IS NULL;
CREATE INDEX raised_alerts_by_device ON raised_alerts (customer_id, device_id, raised_at);
CREATE INDEX raised_alerts_ended ON raised_alerts (ended_at) WHERE ended_at IS NOT NULL;

-- See alerts/alert_events.ts.
CREATE TABLE alert_events (
  customer_id TEXT NOT NULL,
  -- From 1 for each customer, in the order of their commits.
  number INTEGER NOT NULL,
  at INTEGER NOT NULL,
  alert_id TEXT NOT NULL,
  event TEXT NOT NULL,
  actor TEXT NOT NULL,
  -- JSON.
  detail TEXT NOT NULL,
  PRIMARY KEY (customer_id, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX alert_events_by_alert ON alert_events (customer_id, alert_id, number);
CREATE INDEX alert_events_by_time ON alert_events (at);

-- See devices/kept_forecasts.ts.
CREATE TABLE supply_forecasts (
  customer_id TEXT NOT NULL,
  device_id TEXT NOT NULL,
  -- Index of the supply.
  supply TEXT NOT NULL,
  name TEXT NOT NULL,
  part_number TEXT,
  made_at INTEGER NOT NULL,
  -- JSON: the forecast, or why there is none.
  forecast TEXT NOT NULL,
  -- Null where there is no forecast.
  empties_at INTEGER,
  PRIMARY KEY (customer_id, device_id, supply)
) STRICT, WITHOUT ROWID;
-- What the device itself tells once, and alerts are raised for.
CREATE INDEX device_history_raised ON device_history (customer_id, at)
  WHERE kind IN ('meterFell', 'firmwareChanged');
CREATE INDEX supply_forecasts_by_time ON supply_forecasts (customer_id, empties_at) WHERE empties_at IS NOT NULL;
`;

/** From when on alerts are raised: of a dealer, and of a customer of it, which goes before. */
export const alertLimits = `
-- JSON: see alerts/alert_limits.ts; null: nothing of its own.
ALTER TABLE dealers ADD COLUMN alert_limits TEXT;
ALTER TABLE customers ADD COLUMN alert_limits TEXT;
`;

/** Lists as people want to see them again: filters, columns and order, as the query of an address. */
export const views = `
CREATE TABLE saved_views (
  view_id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users,
  -- 'devices'.
  list TEXT NOT NULL,
  name TEXT NOT NULL,
  query TEXT NOT NULL,
  -- 1: what the list shows if nothing else is asked for.
  is_default INTEGER NOT NULL,
  -- 1: for all users of the dealer, or of the same customer.
  is_shared INTEGER NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX saved_views_by_user ON saved_views (user_id, list, lower(name));
CREATE INDEX saved_views_shared ON saved_views (list) WHERE is_shared = 1;

-- How a device is found among all customers of a dealer.
CREATE INDEX devices_by_serial ON devices (customer_id, lower(serial));
CREATE INDEX devices_by_hostname ON devices (customer_id, lower(hostname));
CREATE INDEX devices_by_address ON devices (customer_id, address);
`;

/** Roles that a dealer makes of permissions; `user_roles` and `provider_roles` have their ids. */
export const ownRoles = `
CREATE TABLE own_roles (
  role_id TEXT PRIMARY KEY,
  dealer_id TEXT NOT NULL REFERENCES dealers,
  name TEXT NOT NULL,
  -- Separated by spaces: see users/permissions.ts.
  permissions TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX own_roles_by_name ON own_roles (dealer_id, lower(name));
`;

/** What the page of an agent asks the audit log. */
export const auditSubjects = `
CREATE INDEX audit_log_by_subject ON audit_log (customer_id, subject, entry);
`;

/**
 * Names of devices in lower case, for PostgreSQL alone: row-level security lets no index be searched by lower(), as this
 * function is not `LEAKPROOF`, so that all devices of a dealer were looked at. SQLite has nothing to change.
 */
export const lowerNames = "-- Of PostgreSQL alone: postgresLowerNames.";
export const postgresLowerNames = `
DROP INDEX devices_by_serial;
DROP INDEX devices_by_hostname;
ALTER TABLE devices ADD COLUMN serial_lower text COLLATE "C" GENERATED ALWAYS AS (lower(serial)) STORED,
  ADD COLUMN hostname_lower text COLLATE "C" GENERATED ALWAYS AS (lower(hostname)) STORED;
CREATE INDEX devices_by_serial ON devices (customer_id, serial_lower);
CREATE INDEX devices_by_hostname ON devices (customer_id, hostname_lower);
`;

/**
 * Orders of lists. What a list of devices is ordered by is beside what was last read of them, which is long: without an
 * index, a page looked at all of it. Alerts of a group are found by it, and what an alert explains by its cause.
 */
export const postgresListOrders = `
CREATE INDEX device_state_by_low ON device_state (customer_id, low, device_id);
CREATE INDEX raised_alerts_by_group ON raised_alerts (customer_id, kind, alert_group);
CREATE INDEX raised_alerts_by_cause ON raised_alerts (customer_id, cause_id, ended_at);
CREATE INDEX agents_by_activation ON agents (customer_id, created_at, agent_id);
`;
/**
 * Of SQLite alone: in PostgreSQL, a reading with another total would need new entries in all indices of its row, which
 * took 87 microseconds in place of 37 for the update, and its customers are smaller.
 */
export const listOrders = `${postgresListOrders}
CREATE INDEX device_state_by_total ON device_state (customer_id, total, device_id);
`;

const octets = [1, 2, 3, 4];
/* What is behind the dots before an octet. */
const behindDots = (octet: number): string => {
  if (octet === 1) return "address";
  const rest = behindDots(octet - 1);
  return `substr(${rest}, instr(${rest}, '.') + 1)`;
};
const addressOrder = (isIpv4: string, padded: string) => `CASE WHEN ${isIpv4} THEN ${padded} ELSE ':' || address END`;

/** What lists order by addresses with: IPv4 by number, then all others by text. */
const addressOrders = (column: string) => `
ALTER TABLE devices ADD COLUMN address_order ${column};
DROP INDEX devices_listed;
CREATE INDEX devices_listed ON devices (customer_id, agent_id, network, address_order, device_id);
`;
/* SQLite adds no stored column to a table that is there; the index has the values. */
export const sqliteAddressOrders = addressOrders(`TEXT GENERATED ALWAYS AS (${
  addressOrder(
    "address GLOB '*.*.*.*' AND address NOT GLOB '*[^0-9.]*'",
    `printf('%03d.%03d.%03d.%03d', ${octets.map((octet) => `CAST(${behindDots(octet)} AS INTEGER)`).join(", ")})`,
  )
}) VIRTUAL`);
export const postgresAddressOrders = addressOrders(`text COLLATE "C" GENERATED ALWAYS AS (${
  addressOrder(
    "address ~ '^[0-9.]*[.][0-9.]*[.][0-9.]*[.][0-9.]*$'",
    octets.map((octet) => `lpad(split_part(address, '.', ${octet}), 3, '0')`).join(" || '.' || "),
  )
}) STORED`);

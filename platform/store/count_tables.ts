/**
 * Counts of devices by agent, kept by triggers in the transaction of each change, so that no overview counts devices.
 * An hour in the key leaves little to look at where silence begins between two hours.
 */
export const counts = `
CREATE TABLE device_counts (
  customer_id TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  -- Of last_seen_at; since 1970.
  seen_hour INTEGER NOT NULL,
  devices INTEGER NOT NULL,
  offline INTEGER NOT NULL,
  PRIMARY KEY (customer_id, agent_id, seen_hour)
) STRICT, WITHOUT ROWID;
-- Devices with a supply that is low, by the agent that they belong to.
CREATE TABLE low_counts (
  customer_id TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  low INTEGER NOT NULL,
  PRIMARY KEY (customer_id, agent_id)
) STRICT, WITHOUT ROWID;
INSERT INTO device_counts (customer_id, agent_id, seen_hour, devices, offline)
  SELECT customer_id, agent_id, last_seen_at / 3600000, count(*), count(*) FILTER (WHERE state = 'offline')
  FROM devices GROUP BY 1, 2, 3;
INSERT INTO low_counts (customer_id, agent_id, low)
  SELECT d.customer_id, d.agent_id, count(*) FROM device_state s
  JOIN devices d ON d.customer_id = s.customer_id AND d.device_id = s.device_id
  WHERE s.low > 0 GROUP BY d.customer_id, d.agent_id;
`;

/** Tables that are filled by triggers alone, also of a copy. */
export const derivedTables: readonly string[] = ["device_counts", "low_counts"];

const hourOf = (row: string) => `${row}.last_seen_at / 3600000`;
const isOffline = (row: string) => `(${row}.state = 'offline')`;
const addDevice = `
  INSERT INTO device_counts (customer_id, agent_id, seen_hour, devices, offline)
    VALUES (NEW.customer_id, NEW.agent_id, ${hourOf("NEW")}, 1, ${isOffline("NEW")})
    ON CONFLICT (customer_id, agent_id, seen_hour) DO UPDATE
    SET devices = device_counts.devices + 1, offline = device_counts.offline + excluded.offline;`;
const countOf = (row: string) =>
  `customer_id = ${row}.customer_id AND agent_id = ${row}.agent_id AND seen_hour = ${hourOf(row)}`;
const dropDevice = `
  UPDATE device_counts SET devices = devices - 1, offline = offline - ${isOffline("OLD")} WHERE ${countOf("OLD")};
  DELETE FROM device_counts WHERE ${countOf("OLD")} AND devices = 0;`;
const isMoved = `OLD.agent_id <> NEW.agent_id OR ${hourOf("OLD")} <> ${hourOf("NEW")}
    OR ${isOffline("OLD")} <> ${isOffline("NEW")}`;

const agentOf = (row: string) =>
  `(SELECT agent_id FROM devices WHERE customer_id = ${row}.customer_id AND device_id = ${row}.device_id)`;
const addLow = (agent: string) => `
  INSERT INTO low_counts (customer_id, agent_id, low) VALUES (NEW.customer_id, ${agent}, 1)
    ON CONFLICT (customer_id, agent_id) DO UPDATE SET low = low_counts.low + 1;`;
const dropLow = (agent: string) => `
  UPDATE low_counts SET low = low - 1 WHERE customer_id = OLD.customer_id AND agent_id = ${agent};
  DELETE FROM low_counts WHERE customer_id = OLD.customer_id AND agent_id = ${agent} AND low = 0;`;
const hasLow = `EXISTS (SELECT 1 FROM device_state
    WHERE customer_id = NEW.customer_id AND device_id = NEW.device_id AND low > 0)`;

/** Of SQLite. */
export const countTriggers = `
CREATE TRIGGER device_added AFTER INSERT ON devices BEGIN${addDevice}
END;
CREATE TRIGGER device_moved AFTER UPDATE OF agent_id, last_seen_at, state ON devices
  WHEN ${isMoved}
BEGIN${dropDevice}${addDevice}
END;
CREATE TRIGGER device_dropped AFTER DELETE ON devices BEGIN${dropDevice}
END;
CREATE TRIGGER low_device_moved AFTER UPDATE OF agent_id ON devices
  WHEN OLD.agent_id <> NEW.agent_id AND ${hasLow}
BEGIN${dropLow("OLD.agent_id")}${addLow("NEW.agent_id")}
END;
CREATE TRIGGER low_added AFTER INSERT ON device_state WHEN NEW.low > 0 BEGIN${addLow(agentOf("NEW"))}
END;
CREATE TRIGGER low_began AFTER UPDATE OF low ON device_state WHEN NEW.low > 0 AND OLD.low = 0
BEGIN${addLow(agentOf("NEW"))}
END;
CREATE TRIGGER low_ended AFTER UPDATE OF low ON device_state WHEN NEW.low = 0 AND OLD.low > 0
BEGIN${dropLow(agentOf("OLD"))}
END;
CREATE TRIGGER low_dropped AFTER DELETE ON device_state WHEN OLD.low > 0 BEGIN${dropLow(agentOf("OLD"))}
END;
`;

/*
 * A statement counts all its rows at once: a count that a transaction updates once a row gets slower with each. That a
 * device becomes low, or another agent's, is rare.
 */
const perStatement = (name: string, event: string, tables: string) =>
  `CREATE TRIGGER ${name} AFTER ${event} ON devices REFERENCING ${tables}
  FOR EACH STATEMENT EXECUTE FUNCTION opendca_count_devices();`;
const perRow = (name: string, event: string, of: string, when: string, work: string) => `
CREATE FUNCTION opendca_${name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN${work}
  RETURN NULL;
END $$;
CREATE TRIGGER ${name} AFTER ${event} ON ${of} FOR EACH ROW WHEN (${when}) EXECUTE FUNCTION opendca_${name}();`;
const countsOf = (table: string, sign: string) =>
  `SELECT customer_id, agent_id, last_seen_at / 3600000 AS seen_hour, ${sign}1 AS devices,
        CASE state WHEN 'offline' THEN ${sign}1 ELSE 0 END AS offline FROM ${table}`;
const addCounts = (rows: string) =>
  `INSERT INTO device_counts AS c (customer_id, agent_id, seen_hour, devices, offline)
      SELECT customer_id, agent_id, seen_hour, sum(devices), sum(offline) FROM (${rows}) moved
      GROUP BY customer_id, agent_id, seen_hour HAVING sum(devices) <> 0 OR sum(offline) <> 0
      ORDER BY customer_id, agent_id, seen_hour
      ON CONFLICT (customer_id, agent_id, seen_hour) DO UPDATE
      SET devices = c.devices + excluded.devices, offline = c.offline + excluded.offline;`;
const dropEmpty = `IF FOUND THEN
      DELETE FROM device_counts c USING (SELECT DISTINCT customer_id, agent_id FROM gone) g
        WHERE c.customer_id = g.customer_id AND c.agent_id = g.agent_id AND c.devices = 0;
    END IF;`;

export const postgresCountTriggers = `
CREATE FUNCTION opendca_count_devices() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    ${addCounts(countsOf("added", ""))}
  ELSIF TG_OP = 'UPDATE' THEN
    ${addCounts(`${countsOf("added", "")} UNION ALL ${countsOf("gone", "-")}`)}
    ${dropEmpty}
  ELSE
    ${addCounts(countsOf("gone", "-"))}
    ${dropEmpty}
  END IF;
  RETURN NULL;
END $$;
${perStatement("device_added", "INSERT", "NEW TABLE AS added")}
${perStatement("device_moved", "UPDATE", "NEW TABLE AS added OLD TABLE AS gone")}
${perStatement("device_dropped", "DELETE", "OLD TABLE AS gone")}
${
  perRow(
    "low_device_moved",
    "UPDATE OF agent_id",
    "devices",
    "OLD.agent_id <> NEW.agent_id",
    `
  IF ${hasLow} THEN${dropLow("OLD.agent_id")}${addLow("NEW.agent_id")}
  END IF;`,
  )
}
${perRow("low_added", "INSERT", "device_state", "NEW.low > 0", addLow(agentOf("NEW")))}
${perRow("low_began", "UPDATE OF low", "device_state", "NEW.low > 0 AND OLD.low = 0", addLow(agentOf("NEW")))}
${perRow("low_ended", "UPDATE OF low", "device_state", "NEW.low = 0 AND OLD.low > 0", dropLow(agentOf("OLD")))}
${perRow("low_dropped", "DELETE", "device_state", "OLD.low > 0", dropLow(agentOf("OLD")))}
`;

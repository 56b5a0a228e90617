/** Configurations of agents as they were set, and which of them each agent has. */
export const work = `
-- The hash of the platform's part that the agent last said that it has; empty: none.
ALTER TABLE agents ADD COLUMN config_hash TEXT;

CREATE TABLE agent_config_versions (
  customer_id TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  -- From 1.
  number INTEGER NOT NULL,
  hash TEXT NOT NULL,
  content BLOB NOT NULL,
  changed_at INTEGER NOT NULL,
  -- Such as user:eva@example.com; empty where it was set before versions were kept.
  changed_by TEXT NOT NULL,
  PRIMARY KEY (customer_id, agent_id, number),
  FOREIGN KEY (customer_id, agent_id) REFERENCES agents
) STRICT;
`;

/** A broker names an agent and not its customer: each connection and each task that is sent by MQTT looks for it. */
export const agentIds = `
CREATE INDEX agents_by_id ON agents (agent_id);
`;

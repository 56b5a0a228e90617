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

/** Codes that several agents are activated by, and which attempt made an agent, so that it gets a lost answer once more. */
export const codeUses = `
ALTER TABLE activation_codes ADD COLUMN most_uses INTEGER NOT NULL DEFAULT 1;
ALTER TABLE activation_codes ADD COLUMN uses INTEGER NOT NULL DEFAULT 0;
UPDATE activation_codes SET uses = 1 WHERE state = 'used';
ALTER TABLE agents ADD COLUMN code_id TEXT;
ALTER TABLE agents ADD COLUMN attempt_id TEXT;
UPDATE agents SET
  code_id = (SELECT c.code_id FROM activation_codes c WHERE c.customer_id = agents.customer_id AND c.agent_id = agents.agent_id),
  attempt_id = (SELECT c.attempt_id FROM activation_codes c WHERE c.customer_id = agents.customer_id AND c.agent_id = agents.agent_id);
CREATE INDEX agents_by_attempt ON agents (customer_id, code_id, attempt_id) WHERE attempt_id IS NOT NULL;
`;

/** A broker names an agent and not its customer: each connection and each task that is sent by MQTT looks for it. */
export const agentIds = `
CREATE INDEX agents_by_id ON agents (agent_id);
`;

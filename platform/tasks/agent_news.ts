import type { Transaction } from "../store/store.ts";

/** Agents of all customers with changes since a time, for listeners that may have missed notifications. */
export interface AgentNews {
  tasks: string[];
  configs: string[];
  revoked: string[];
}

export async function agentNews(tx: Transaction, since: Date): Promise<AgentNews> {
  const ids = async (sql: string) =>
    (await tx.all<{ agent_id: string }>(sql, { since: since.getTime() })).map(({ agent_id }) => agent_id);
  return {
    tasks: await ids("SELECT DISTINCT agent_id FROM tasks WHERE state = 'waiting' AND created_at >= :since"),
    configs: await ids("SELECT agent_id FROM agent_configs WHERE changed_at >= :since"),
    revoked: await ids("SELECT agent_id FROM agents WHERE revoked_at >= :since"),
  };
}

/** What an agent made the store grow by, a row a day in UTC. */
import type { Tenant } from "../store/store.ts";

const dayMs = 86_400_000;
const keptDays = 90;

export interface Usage {
  agentBytes: number;
  customerBytes: number;
}

export async function usageOf(tenant: Tenant, options: { agentId: string; at: Date }): Promise<Usage> {
  const row = await tenant.get<{ agent: number | null; whole: number | null }>(
    `SELECT sum(bytes) AS whole, sum(bytes) FILTER (WHERE agent_id = :agent_id) AS agent FROM usage
     WHERE customer_id = :customer AND day = :day`,
    { agent_id: options.agentId, day: dayOf(options.at) },
  );
  return { agentBytes: row?.agent ?? 0, customerBytes: row?.whole ?? 0 };
}

export async function addUsage(tenant: Tenant, options: { agentId: string; at: Date; bytes: number }): Promise<void> {
  const day = dayOf(options.at);
  const made = await tenant.run(
    `UPDATE usage SET bytes = bytes + :bytes WHERE customer_id = :customer AND day = :day AND agent_id = :agent_id`,
    { agent_id: options.agentId, day, bytes: options.bytes },
  );
  if (made > 0) return;
  await tenant.run("DELETE FROM usage WHERE customer_id = :customer AND day < :before", { before: day - keptDays });
  await tenant.run(
    `INSERT INTO usage (customer_id, day, agent_id, bytes, told) VALUES (:customer, :day, :agent_id, :bytes, 0)`,
    { agent_id: options.agentId, day, bytes: options.bytes },
  );
}

/** Returns true once a day: for the audit log. */
export async function noteQuotaTold(tenant: Tenant, options: { agentId: string; at: Date }): Promise<boolean> {
  await addUsage(tenant, { ...options, bytes: 0 });
  return await tenant.run(
    "UPDATE usage SET told = 1 WHERE customer_id = :customer AND day = :day AND agent_id = :agent_id AND told = 0",
    { agent_id: options.agentId, day: dayOf(options.at) },
  ) === 1;
}

/** Until the next day begins. */
export function untilNextDayMs(at: Date): number {
  return (dayOf(at) + 1) * dayMs - at.getTime();
}

function dayOf(at: Date): number {
  return Math.floor(at.getTime() / dayMs);
}

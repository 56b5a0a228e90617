/** Who is connected to the broker. */
import type { Tenant, Transaction } from "../store/store.ts";
import type { AgentRow } from "./agents.ts";

/** The customer of an agent that is not revoked. */
export async function customerOfAgent(tx: Transaction, agentId: string): Promise<string | undefined> {
  const row = await tx.get<{ customer_id: string }>(
    "SELECT customer_id FROM agents WHERE agent_id = :agent_id AND state = 'active'",
    { agent_id: agentId },
  );
  return row?.customer_id;
}

export async function notePresence(
  tenant: Tenant,
  { agentId, isOnline, at }: { agentId: string; isOnline: boolean; at: Date },
): Promise<void> {
  const column = isOnline ? "mqtt_online_at" : "mqtt_offline_at";
  await tenant.run(`UPDATE agents SET ${column} = :at WHERE customer_id = :customer AND agent_id = :agent_id`, {
    agent_id: agentId,
    at: at.getTime(),
  });
}

/** Connected, as far as is known: a process that is killed does not say that its agents are gone. */
export function isOnline({ mqtt_online_at, mqtt_offline_at }: Pick<AgentRow, "mqtt_online_at" | "mqtt_offline_at">) {
  return mqtt_online_at !== null && mqtt_online_at > (mqtt_offline_at ?? -Infinity);
}

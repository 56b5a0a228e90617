/** Who is connected to a broker, and which brokers are there to know it. */
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

/** The id of a broker that is another program; one of the platform's own has a random id. */
export const sharedBroker = "shared";
/** What a broker that has said nothing for so long knew of its agents is not believed any more. */
export const brokerAliveMs = 90_000;

/** That the broker is there. Forgets those that are long gone. */
export async function noteBroker(
  tx: Transaction,
  { brokerId, at }: { brokerId: string; at: Date },
): Promise<void> {
  await tx.run(
    `INSERT INTO mqtt_brokers (broker_id, alive_at) VALUES (:broker, :at)
     ON CONFLICT (broker_id) DO UPDATE SET alive_at = :at`,
    { broker: brokerId, at: at.getTime() },
  );
  await tx.run("DELETE FROM mqtt_brokers WHERE alive_at < :since", { since: at.getTime() - 7 * 86_400_000 });
}

/** An agent that has gone from one broker to another is not offline when the first one notices. */
export async function notePresence(
  tenant: Tenant,
  { agentId, isOnline, brokerId, at }: { agentId: string; isOnline: boolean; brokerId: string; at: Date },
): Promise<void> {
  const [change, more] = isOnline
    ? ["mqtt_online_at = :at, mqtt_broker = :broker", ""]
    : ["mqtt_offline_at = :at", " AND (mqtt_broker IS NULL OR mqtt_broker = :broker)"];
  await tenant.run(`UPDATE agents SET ${change} WHERE customer_id = :customer AND agent_id = :agent_id${more}`, {
    agent_id: agentId,
    at: at.getTime(),
    broker: brokerId,
  });
}

type Connected = Pick<AgentRow, "mqtt_online_at" | "mqtt_offline_at" | "mqtt_alive_at">;

/** Connected, as far as is known: a process that is killed does not say that its agents are gone. */
export function isOnline({ mqtt_online_at, mqtt_offline_at, mqtt_alive_at }: Connected, now: number): boolean {
  const isIn = mqtt_online_at !== null && mqtt_online_at > (mqtt_offline_at ?? -Infinity);
  return isIn && mqtt_alive_at !== null && now - mqtt_alive_at < brokerAliveMs;
}

/** Since when an agent that is not connected is away, as far as is known. */
export function offlineSince({ mqtt_offline_at, mqtt_online_at, mqtt_alive_at }: Connected): number | null {
  return mqtt_online_at !== null && mqtt_online_at > (mqtt_offline_at ?? -Infinity) ? mqtt_alive_at : mqtt_offline_at;
}

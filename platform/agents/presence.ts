/** Who is connected to a broker, and which brokers are there to know it. */
import type { Tenant, Transaction } from "../store/store.ts";
import type { AgentRow } from "./agents.ts";

/** The customer of an agent, unless it is revoked; with `orRevoked`, in any case. */
export async function customerOfAgent(
  tx: Transaction,
  agentId: string,
  { orRevoked = false } = {},
): Promise<string | undefined> {
  const row = await tx.get<{ customer_id: string; state: AgentRow["state"] }>(
    "SELECT customer_id, state FROM agents WHERE agent_id = :agent_id",
    { agent_id: agentId },
  );
  return orRevoked || row?.state === "active" ? row?.customer_id : undefined;
}

/** The id of a broker that is another program; one of the platform's own has a random id. */
export const sharedBroker = "shared";
/** What a broker that has said nothing for so long knew of its agents is not believed any more. */
export const brokerAliveMs = 90_000;

/** Records that the broker is running. Forgets those that have been gone for long. */
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

/** When the agent's broker last said that it is there; null for one that is not known. */
export interface BrokerSeen {
  mqtt_alive_at: number | null;
}

/** Brokers are no customer's. */
export async function withBrokers<Row extends AgentRow>(
  tx: Transaction,
  rows: readonly Row[],
): Promise<(Row & BrokerSeen)[]> {
  const brokers = await tx.all<{ broker_id: string; alive_at: number }>("SELECT * FROM mqtt_brokers");
  const aliveAt = new Map(brokers.map(({ broker_id, alive_at }) => [broker_id, alive_at]));
  return rows.map((row) => ({ ...row, mqtt_alive_at: aliveAt.get(row.mqtt_broker ?? "") ?? null }));
}

type Connected = Pick<AgentRow, "mqtt_online_at" | "mqtt_offline_at"> & BrokerSeen;

/** Whether the agent is connected, as far as known: a killed process does not report that its agents have gone. */
export function isOnline(row: Connected, now: number): boolean {
  return hasNotLeft(row) && row.mqtt_alive_at !== null && now - row.mqtt_alive_at < brokerAliveMs;
}

/** Since when an agent that is not connected is away, as far as is known. */
export function offlineSince(row: Connected): number | null {
  return hasNotLeft(row) ? row.mqtt_alive_at : row.mqtt_offline_at;
}

/** Whether it has said so, and nobody that it is gone: it may have what was sent to it. */
export function hasNotLeft(
  { mqtt_online_at, mqtt_offline_at }: Pick<AgentRow, "mqtt_online_at" | "mqtt_offline_at">,
): boolean {
  return mqtt_online_at !== null && mqtt_online_at > (mqtt_offline_at ?? -Infinity);
}

/**
 * Agents and devices that go silent: nothing of them arrives then, so that somebody has to look. Only for customers with a
 * webhook that wants to know; what was silent before the webhook was made is not told.
 */
import { isLate } from "../agents/agent_health.ts";
import { agentRows } from "../agents/agents.ts";
import { silentAfterMs } from "../devices/device_view.ts";
import { type PlatformEvent, queueEvents } from "../events/queue_events.ts";
import { eachApart } from "../store/each_apart.ts";
import { takeLock, type Tenant } from "../store/store.ts";
import { startLooking } from "../store/work_queue.ts";
import type { DeliveryPlatform } from "./deliver_webhooks.ts";

const lookMs = 60_000;
/* Of one look and customer: a broken network is one event for people, not ten thousand. */
const mostAtOnce = 1000;

/** Looks every minute, until disposed of. */
export function watchSilent(platform: DeliveryPlatform): AsyncDisposable {
  return startLooking(platform, { look: () => noteSilent(platform), lookMs, firstMs: lookMs });
}

/** Returns how many events there were. */
export async function noteSilent({ store, clock }: DeliveryPlatform): Promise<number> {
  const now = clock.now();
  const customers = await store.transaction(
    (tx) =>
      tx.all<{ customer_id: string; since: number; agents: number; devices: number }>(
        `SELECT c.customer_id, min(w.created_at) AS since, max(CASE WHEN w.events LIKE '%"agent.silent"%' THEN 1 ELSE 0 END) AS agents,
         max(CASE WHEN w.events LIKE '%"device.silent"%' THEN 1 ELSE 0 END) AS devices
       FROM webhooks w JOIN customers c ON c.dealer_id = w.dealer_id AND (w.of_customer IS NULL OR w.of_customer = c.customer_id)
       WHERE w.events LIKE '%.silent"%' AND c.closed_at IS NULL GROUP BY c.customer_id`,
      ),
    { readOnly: true },
  );
  let noted = 0;
  await eachApart(customers, async ({ customer_id, since, agents, devices }) => {
    noted += await store.transaction(async (tx) => {
      await takeLock(tx, `silent ${customer_id}`);
      const tenant = tx.tenant(customer_id);
      const events = [
        ...(agents === 1 ? await silentAgents(tenant, { now, since }) : []),
        ...(devices === 1 ? await silentDevices(tenant, { now, since }) : []),
      ];
      await queueEvents(tenant, events, now);
      return events.length;
    });
  });
  return noted;
}

async function silentAgents(tenant: Tenant, { now, since }: { now: Date; since: number }): Promise<PlatformEvent[]> {
  const at = now.getTime(), told = await toldOf(tenant), events: PlatformEvent[] = [];
  for (const row of await agentRows(tenant)) {
    const { agent_id: agentId, hostname, site_name: site, last_seen_at } = row;
    const isSilent = isLate(row, at);
    if (!isSilent && told.has(agentId)) await forget(tenant, agentId);
    if (!isSilent || told.has(agentId)) continue;
    await tell(tenant, agentId, at);
    // It was silent when nobody wanted to know.
    if ((last_seen_at ?? row.created_at) + 86_400_000 < since) continue;
    const seen = last_seen_at === null ? null : new Date(last_seen_at).toISOString();
    events.push({ type: "agent.silent", at: now, data: { agentId, hostname, site, lastSeenAt: seen } });
  }
  return events;
}

async function silentDevices(tenant: Tenant, { now, since }: { now: Date; since: number }): Promise<PlatformEvent[]> {
  const before = now.getTime() - silentAfterMs;
  await tenant.run(
    `DELETE FROM silent_told WHERE customer_id = :customer AND subject LIKE 'dev-%' AND subject IN
       (SELECT device_id FROM devices WHERE customer_id = :customer AND last_seen_at > :before)`,
    { before },
  );
  const rows = await tenant.all<{
    device_id: string;
    serial: string | null;
    model: string | null;
    address: string;
    last_seen_at: number;
  }>(
    `SELECT device_id, serial, model, address, last_seen_at FROM devices d
     WHERE customer_id = :customer AND last_seen_at <= :before AND last_seen_at > :from AND merged_into IS NULL AND NOT EXISTS
       (SELECT 1 FROM silent_told t WHERE t.customer_id = :customer AND t.subject = d.device_id)
     ORDER BY last_seen_at LIMIT ${mostAtOnce}`,
    { before, from: since - silentAfterMs },
  );
  for (const { device_id } of rows) await tell(tenant, device_id, now.getTime());
  return rows.map(({ device_id: deviceId, serial, model, address, last_seen_at }) => ({
    type: "device.silent",
    at: now,
    data: { deviceId, serial, model, address, lastSeenAt: new Date(last_seen_at).toISOString() },
  }));
}

async function toldOf(tenant: Tenant): Promise<Set<string>> {
  const rows = await tenant.all<{ subject: string }>(
    "SELECT subject FROM silent_told WHERE customer_id = :customer AND subject LIKE 'agt-%'",
  );
  return new Set(rows.map(({ subject }) => subject));
}

async function tell(tenant: Tenant, subject: string, at: number): Promise<void> {
  await tenant.run(
    "INSERT INTO silent_told (customer_id, subject, at) VALUES (:customer, :subject, :at) ON CONFLICT DO NOTHING",
    { subject, at },
  );
}

async function forget(tenant: Tenant, subject: string): Promise<void> {
  await tenant.run("DELETE FROM silent_told WHERE customer_id = :customer AND subject = :subject", { subject });
}

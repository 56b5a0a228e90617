/** How many devices and agents the customers of a dealer have, and how many of them need attention. */
import { isLate } from "../agents/agent_health.ts";
import type { AgentRow } from "../agents/agents.ts";
import type { Platform } from "../agents/platform.ts";
import { type By, readPlatform } from "../audit/use_case.ts";
import type { Transaction } from "../store/store.ts";
import { silentAfterMs } from "./device_view.ts";
import { rowFilters } from "./list_devices.ts";
import { agentCounts, countRows } from "./listed_devices.ts";

export interface FleetCounts {
  devices: number;
  silent: number;
  low: number;
  /** Active ones. */
  agents: number;
  silentAgents: number;
}

/** By the customer's id; one without devices and agents is not among them. The numbers are those of `listDevices()`. */
export function fleetCounts(
  platform: Platform,
  by: By,
  { dealerId }: { dealerId: string },
): Promise<Map<string, FleetCounts>> {
  const now = platform.clock.now().getTime();
  return readPlatform(platform, by, async (tx) => {
    const counts = new Map<string, FleetCounts>();
    const of = (id: string) => {
      const known = counts.get(id) ?? { devices: 0, silent: 0, low: 0, agents: 0, silentAgents: 0 };
      counts.set(id, known);
      return known;
    };
    const ofDealer = "customer_id IN (SELECT customer_id FROM customers WHERE dealer_id = :dealer)";
    const dealer = { dealer: dealerId }, since = now - silentAfterMs;
    const devices = await tx.all<{ customer_id: string; devices: number; silent: number }>(
      `SELECT customer_id, count(*) AS devices, count(*) FILTER (WHERE state = 'offline' OR last_seen_at <= :since) AS silent
       FROM devices WHERE ${ofDealer} GROUP BY customer_id`,
      { ...dealer, since },
    );
    for (const row of devices) Object.assign(of(row.customer_id), { devices: row.devices, silent: row.silent });
    const low = await tx.all<{ customer_id: string; low: number }>(
      `SELECT customer_id, count(*) AS low FROM device_state WHERE low > 0 AND ${ofDealer} GROUP BY customer_id`,
      dealer,
    );
    for (const row of low) of(row.customer_id).low = row.low;
    // Where devices are merged or sites closed, rows are not what people count.
    const special = await tx.all<{ customer_id: string }>(
      `SELECT customer_id FROM devices WHERE merged_into IS NOT NULL AND ${ofDealer}
       UNION SELECT customer_id FROM sites WHERE closed_at IS NOT NULL AND ${ofDealer}`,
      dealer,
    );
    for (const { customer_id } of special) Object.assign(of(customer_id), await exactCounts(tx, customer_id, now));
    for (const row of await agentsOf(tx, dealerId)) {
      const ofCustomer = of(row.customer_id);
      ofCustomer.agents++;
      if (isLate(row, now)) ofCustomer.silentAgents++;
    }
    return counts;
  });
}

async function exactCounts(tx: Transaction, customerId: string, now: number) {
  const tenant = tx.tenant(customerId), filters = await rowFilters(tenant, {}, now);
  const agents = await agentCounts(tenant, filters, { silentSince: new Date(now - silentAfterMs) });
  const { found: devices, silent, low } = await countRows(tenant, filters, agents);
  return { devices, silent, low };
}

/** Of active agents, what it takes to judge them: the configuration only where the interval is not known otherwise. */
function agentsOf(tx: Transaction, dealerId: string) {
  return tx.all<
    Pick<AgentRow, "customer_id" | "state" | "created_at" | "last_seen_at" | "poll_seconds" | "effective_config">
  >(
    `SELECT a.customer_id, a.state, a.created_at, a.last_seen_at, a.poll_seconds,
       CASE WHEN a.poll_seconds > 0 THEN NULL ELSE a.effective_config END AS effective_config
     FROM agents a JOIN customers c ON c.customer_id = a.customer_id
     WHERE c.dealer_id = :dealer AND a.state = 'active'`,
    { dealer: dealerId },
  );
}

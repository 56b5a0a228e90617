/**
 * How many devices and agents the customers of a dealer have, and how many of them need attention: from counts that the
 * store keeps with each change (store/count_tables.ts), so that no device is looked at unless it is merged, or fell
 * silent within the hour.
 */
import { isLate, isSureSql, mayBeLateSql } from "../agents/agent_health.ts";
import type { AgentRow } from "../agents/agents.ts";
import type { Platform } from "../agents/platform.ts";
import { type By, readPlatform } from "../audit/use_case.ts";
import type { Transaction } from "../store/store.ts";
import { groupsOf, joinedStates } from "./device_groups.ts";
import { silentAfterMs } from "./device_view.ts";

export interface FleetCounts {
  devices: number;
  silent: number;
  low: number;
  /** Active ones. */
  agents: number;
  silentAgents: number;
}

/** Of a customer, without its closed sites. */
export interface CustomerCounts extends FleetCounts {
  /**
   * By the site's id; of all sites, and empty without `bySite`. A merged device counts at each site that a part of it is
   * at.
   */
  sites: Map<string, FleetCounts>;
}

export const noCounts: Readonly<FleetCounts> = { devices: 0, silent: 0, low: 0, agents: 0, silentAgents: 0 };
const hourMs = 3_600_000;

/** By the customer's id; one without devices and agents is not among them. The numbers are those of `listDevices()`. */
export function fleetCounts(
  platform: Platform,
  by: By,
  { dealerId, bySite }: {
    dealerId: string;
    /** Whether sites are counted one by one: there may be a hundred times as many as customers. */
    bySite: boolean;
  },
): Promise<Map<string, CustomerCounts>> {
  const now = platform.clock.now().getTime();
  return readPlatform(platform, by, async (tx) => {
    const sums = new Sums(bySite);
    await addDevices(tx, sums, { dealerId, since: now - silentAfterMs });
    await addMerged(tx, sums, { dealerId, since: now - silentAfterMs });
    await addAgents(tx, sums, { dealerId, now });
    return sums.customers;
  });
}

interface SiteKey {
  customer_id: string;
  site_id: string;
  /** 1 or 0. */
  is_closed: number;
}

class Sums {
  readonly customers = new Map<string, CustomerCounts>();
  readonly bySite: boolean;

  constructor(bySite: boolean) {
    this.bySite = bySite;
  }

  of(customerId: string): CustomerCounts {
    const known = this.customers.get(customerId) ?? { ...noCounts, sites: new Map() };
    this.customers.set(customerId, known);
    return known;
  }

  add({ customer_id, site_id, is_closed }: SiteKey, more: Partial<FleetCounts>): void {
    const customer = this.of(customer_id);
    this.addToSite(customer_id, site_id, more);
    if (is_closed === 0) addTo(customer, more);
  }

  addToSite(customerId: string, siteId: string, more: Partial<FleetCounts>): void {
    if (!this.bySite) return;
    const { sites } = this.of(customerId), site = sites.get(siteId) ?? { ...noCounts };
    sites.set(siteId, site);
    addTo(site, more);
  }
}

function addTo(sum: FleetCounts, more: Partial<FleetCounts>): void {
  for (const name of Object.keys(noCounts) as (keyof FleetCounts)[]) sum[name] += more[name] ?? 0;
}

const ofDealer = "customer_id IN (SELECT customer_id FROM customers WHERE dealer_id = :dealer)";
const siteOfAgent = `JOIN agents a ON a.customer_id = c.customer_id AND a.agent_id = c.agent_id
     JOIN sites l ON l.customer_id = a.customer_id AND l.site_id = a.site_id`;
const isClosed = "CASE WHEN l.closed_at IS NULL THEN 0 ELSE 1 END";
const siteKey = `c.customer_id, a.site_id, ${isClosed}`;

/* What counts `c` are summed up by. */
interface SumsBy {
  key: string;
  join: string;
  groups: string;
}

async function sumsBy(tx: Transaction, { bySite }: Sums, dealer: string): Promise<SumsBy> {
  if (bySite) return { key: `${siteKey} AS is_closed`, join: siteOfAgent, groups: siteKey };
  const closed = await tx.get(`SELECT 1 FROM sites WHERE closed_at IS NOT NULL AND ${ofDealer} LIMIT 1`, { dealer });
  return closed === undefined
    ? { key: "c.customer_id, '' AS site_id, 0 AS is_closed", join: "", groups: "c.customer_id" }
    : {
      key: `c.customer_id, '' AS site_id, ${isClosed} AS is_closed`,
      join: siteOfAgent,
      groups: `c.customer_id, ${isClosed}`,
    };
}

/* Rows of devices, whether they are parts of merged ones or not. */
async function addDevices(
  tx: Transaction,
  sums: Sums,
  { dealerId: dealer, since }: { dealerId: string; since: number },
): Promise<void> {
  const hour = Math.floor(since / hourMs);
  const { key, join, groups } = await sumsBy(tx, sums, dealer);
  const rows = await tx.all<SiteKey & { devices: number; silent: number; unsure: number }>(
    `SELECT ${key}, sum(c.devices) AS devices,
       sum(CASE WHEN c.seen_hour < :hour THEN c.devices ELSE c.offline END) AS silent,
       sum(CASE WHEN c.seen_hour = :hour THEN c.devices - c.offline ELSE 0 END) AS unsure
     FROM device_counts c ${join} WHERE c.${ofDealer} GROUP BY ${groups}`,
    { dealer, hour },
  );
  for (const row of rows) sums.add(row, { devices: row.devices, silent: row.silent });
  if (rows.some(({ unsure }) => unsure > 0)) {
    const silent = await tx.all<SiteKey & { silent: number }>(
      `SELECT ${key}, count(*) AS silent
       FROM device_counts c ${join}
       JOIN devices d ON d.customer_id = c.customer_id AND d.agent_id = c.agent_id
       WHERE c.${ofDealer} AND c.seen_hour = :hour AND c.devices > c.offline
         AND d.last_seen_at >= :from AND d.last_seen_at <= :since AND d.state <> 'offline' GROUP BY ${groups}`,
      { dealer, hour, from: hour * hourMs, since },
    );
    for (const row of silent) sums.add(row, { silent: row.silent });
  }
  const low = await tx.all<SiteKey & { low: number }>(
    `SELECT ${key}, sum(c.low) AS low FROM low_counts c ${join}
     WHERE c.${ofDealer} GROUP BY ${groups}`,
    { dealer },
  );
  for (const row of low) sums.add(row, { low: row.low });
}

/* Instead of their parts. */
async function addMerged(
  tx: Transaction,
  sums: Sums,
  { dealerId: dealer, since }: { dealerId: string; since: number },
): Promise<void> {
  const parts = await tx.all<SiteKey & { device_id: string; is_silent: number; is_low: number }>(
    // Found by their own index first: there are few of them.
    `WITH c AS MATERIALIZED (SELECT customer_id, device_id, agent_id, state, last_seen_at FROM devices
       WHERE merged_into IS NOT NULL AND ${ofDealer})
     SELECT ${siteKey} AS is_closed, c.device_id,
       CASE WHEN c.state = 'offline' OR c.last_seen_at <= :since THEN 1 ELSE 0 END AS is_silent,
       CASE WHEN EXISTS (SELECT 1 FROM device_state s
         WHERE s.customer_id = c.customer_id AND s.device_id = c.device_id AND s.low > 0) THEN 1 ELSE 0 END AS is_low
     FROM c ${siteOfAgent}`,
    { dealer, since },
  );
  for (const [customerId, ofCustomer] of Map.groupBy(parts, ({ customer_id }) => customer_id)) {
    const tenant = tx.tenant(customerId), groups = await groupsOf(tenant);
    const states = await joinedStates(tenant, groups);
    for (const part of ofCustomer) sums.add(part, { devices: -1, silent: -part.is_silent, low: -part.is_low });
    const byId = new Map(ofCustomer.map((part) => [part.device_id, part]));
    for (const { parts } of new Map([...groups.of.values()].map((group) => [group.deviceId, group])).values()) {
      const all = parts.flatMap(({ device_id }) => byId.get(device_id) ?? []);
      const [front] = all;
      if (front === undefined) continue;
      const low = (states.get(front.device_id)?.low ?? 0) > 0 ? 1 : 0;
      const counted = { devices: 1, silent: front.is_silent, low };
      if (all.some(({ is_closed }) => is_closed === 0)) addTo(sums.of(customerId), counted);
      for (const site of new Set(all.map(({ site_id }) => site_id))) sums.addToSite(customerId, site, counted);
    }
  }
}

type JudgedAgent =
  & SiteKey
  & Pick<AgentRow, "state" | "created_at" | "last_seen_at" | "poll_seconds" | "effective_config">;

/* Those at closed sites count as well: they still report. */
async function addAgents(
  tx: Transaction,
  sums: Sums,
  { dealerId: dealer, now }: { dealerId: string; now: number },
): Promise<void> {
  const of = sums.bySite ? "customer_id, site_id" : "customer_id";
  const key = sums.bySite ? "customer_id, site_id, 0 AS is_closed" : "customer_id, '' AS site_id, 0 AS is_closed";
  const active = `FROM agents WHERE ${ofDealer} AND state = 'active'`;
  const lateIf = (isSure: 0 | 1) => `sum(CASE WHEN ${mayBeLateSql} AND ${isSureSql} = ${isSure} THEN 1 ELSE 0 END)`;
  const rows = await tx.all<SiteKey & { agents: number; late: number; unsure: number }>(
    `SELECT ${key}, count(*) AS agents, ${lateIf(1)} AS late, ${lateIf(0)} AS unsure ${active} GROUP BY ${of}`,
    { dealer, now },
  );
  for (const row of rows) sums.add(row, { agents: row.agents, silentAgents: row.late });
  if (!rows.some(({ unsure }) => unsure > 0)) return;
  const late = await tx.all<JudgedAgent>(
    `SELECT customer_id, site_id, 0 AS is_closed, state, created_at, last_seen_at, poll_seconds, effective_config
     ${active} AND ${mayBeLateSql} AND ${isSureSql} = 0`,
    { dealer, now },
  );
  for (const row of late) if (isLate(row, now)) sums.add(row, { silentAgents: 1 });
}

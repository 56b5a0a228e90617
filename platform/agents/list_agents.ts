/** Lists of agents: filters, pages and counts. */
import { readTenant, type TenantBy } from "../audit/use_case.ts";
import {
  type NamedQuery,
  orderKeys,
  type OrderOf,
  type PageOf,
  pageOf,
  type PageWish,
  queriedInLots,
} from "../store/page.ts";
import { isLike, likeOf, newConditions, wordsOf } from "../store/conditions.ts";
import type { Tenant } from "../store/store.ts";
import { isLate, isSureSql, mayBeLateSql } from "./agent_health.ts";
import { type AgentRow, type ListedAgent, listedAgents } from "./agents.ts";
import type { Platform } from "./platform.ts";
import { type BrokerSeen, withBrokers } from "./presence.ts";

export interface AgentFilters {
  /** Id of a site of the customer. */
  siteId?: string | undefined;
  /** Ids of those that may be seen. */
  sites?: "all" | readonly string[] | undefined;
  state?: AgentRow["state"] | undefined;
  /** Only those that should have reported and did not. */
  silent?: boolean | undefined;
  /** Words that must all be part of its host name, id, version or site, in any case. */
  search?: string | undefined;
  /** Only these. */
  ids?: readonly string[] | undefined;
  installationId?: string | undefined;
}

const sortKeys = {
  agent: "lower(CASE a.hostname WHEN '' THEN a.agent_id ELSE a.hostname END)",
  site: "lower(s.name)",
  version: "a.version",
  state: "a.state",
  lastSeen: "a.last_seen_at",
  activated: "a.created_at",
} as const;

export type AgentOrder = OrderOf<keyof typeof sortKeys>;
export const agentSorts = Object.keys(sortKeys) as AgentOrder["by"][];

export type AgentsWish = AgentFilters & {
  /** Default: in the order of their activation. */
  order?: AgentOrder | undefined;
};

const searched = "lower(a.hostname || ' ' || a.agent_id || ' ' || a.version || ' ' || s.name)";

/** A JSON list, as there may be as many as there are agents. */
function inList(tenant: Tenant, name: string): string {
  return tenant.transaction.engine === "postgres"
    ? `(SELECT jsonb_array_elements_text(CAST(:${name} AS jsonb)))`
    : `(SELECT value FROM json_each(:${name}))`;
}

async function queryOf(tenant: Tenant, { order, ...filters }: AgentsWish, now: number): Promise<NamedQuery> {
  const { siteId, sites = "all", state, silent, search, ids, installationId } = filters;
  const { where, parameters, add } = newConditions(["a.customer_id = :customer"]);
  const among = (column: string, name: string, values: readonly string[]) =>
    add(`${column} IN ${inList(tenant, name)}`, { [name]: JSON.stringify(values) });
  if (siteId !== undefined) add("a.site_id = :site_id", { site_id: siteId });
  if (sites !== "all") among("a.site_id", "seen", sites);
  if (installationId !== undefined) add("a.installation_id = :installation", { installation: installationId });
  if (state !== undefined) add("a.state = :state", { state });
  if (ids !== undefined) among("a.agent_id", "named", ids);
  for (const [i, word] of wordsOf(search).entries()) {
    add(isLike(searched, `word_${i}`), { [`word_${i}`]: likeOf(word) });
  }
  if (silent === true) among("a.agent_id", "late", await lateAgents(tenant, now));
  return {
    ...listedAgents,
    where: where.join(" AND "),
    keys: [...orderKeys(sortKeys, order), { sql: "a.created_at" }, { sql: "a.agent_id" }],
    id: { "a.agent_id": "TEXT" },
    parameters,
  };
}

/* Those that only their own configuration can tell of are judged one by one. */
async function lateAgents(tenant: Tenant, now: number): Promise<string[]> {
  const rows = await tenant.all<AgentRow & { is_sure: number }>(
    `SELECT agent_id, state, created_at, last_seen_at, poll_seconds, ${isSureSql} AS is_sure,
       CASE ${isSureSql} WHEN 0 THEN effective_config END AS effective_config
     FROM agents WHERE customer_id = :customer AND state = 'active' AND ${mayBeLateSql}`,
    { now },
  );
  return rows.filter((row) => row.is_sure === 1 || isLate(row, now)).map(({ agent_id }) => agent_id);
}

export type SeenAgent = ListedAgent & BrokerSeen;

/** A page of them, and how many there are on all pages. */
export function pageOfAgents(
  platform: Platform,
  by: TenantBy,
  { place, limit, ...wish }: AgentsWish & PageWish,
): Promise<PageOf<SeenAgent> & { all: number }> {
  return readTenant(platform, by, async (tenant) => {
    const query = await queryOf(tenant, wish, platform.clock.now().getTime());
    const { rows, ...page } = await pageOf<ListedAgent>(tenant, query, { place, limit });
    const counted = await tenant.get<{ agents: number }>(
      `SELECT count(*) AS agents FROM ${query.from} WHERE ${query.where}`,
      query.parameters,
    );
    return { ...page, rows: await withBrokers(tenant.transaction, rows), all: counted!.agents };
  });
}

/** All of them in lots: see `queriedInLots()`. */
export function exportAgents(platform: Platform, by: TenantBy, wish: AgentsWish): AsyncGenerator<ListedAgent[]> {
  const now = platform.clock.now().getTime();
  return queriedInLots((work) => readTenant(platform, by, work), (tenant: Tenant) => queryOf(tenant, wish, now));
}

/** Those of these ids that may be seen, by their ids. */
export async function agentsNamed(
  platform: Platform,
  by: TenantBy,
  { ids, sites }: { ids: readonly string[]; sites: "all" | readonly string[] },
): Promise<Map<string, SeenAgent>> {
  if (ids.length === 0) return new Map();
  const { rows } = await readTenant(platform, by, async (tenant) => {
    const page = await pageOf<ListedAgent>(tenant, await queryOf(tenant, { ids, sites }, 0), {});
    return { rows: await withBrokers(tenant.transaction, page.rows) };
  });
  return new Map(rows.map((row) => [row.agent_id, row]));
}

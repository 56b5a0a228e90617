/** Pages of lists of devices, by site or by a column, as ids: what is known of a device is wide. */
import { Buffer } from "node:buffer";
import {
  directionOf,
  type ListQuery,
  type PageOf,
  pageOf,
  type PageWish,
  type Place,
  type Position,
} from "../store/page.ts";
import type { Tenant } from "../store/store.ts";
import {
  type AgentCount,
  conditionsOf,
  idOf,
  idQuery,
  listKeys,
  type ListOrder,
  type RowFilters,
  siteName,
  sortKeys,
  withinSite,
  withSites,
} from "./listed_devices.ts";

export interface IdsWish extends PageWish {
  /** Default: by site, network and address. */
  order?: ListOrder | undefined;
  /** Counts with the same filters. */
  agents: readonly AgentCount[];
}

/** Ids of a page of devices. */
export async function pageOfIds(
  tenant: Tenant,
  filters: RowFilters,
  { order, agents, ...wish }: IdsWish,
): Promise<PageOf<string>> {
  const { place, limit, offset = 0 } = wish;
  if (limit === undefined || offset > 0) return await idsOfPage(tenant, idQuery(filters, order), wish);
  if (order === undefined) {
    const page = await pageBySite(tenant, filters, { place, limit, agents });
    return { ...page, rows: page.rows.map(idOf) };
  }
  return order.by === "pages" || order.by === "low"
    ? await pageByState(tenant, filters, { place, limit, order })
    : await idsOfPage(tenant, idQuery(filters, order), wish);
}

async function idsOfPage(tenant: Tenant, query: ListQuery, wish: PageWish): Promise<PageOf<string>> {
  const page = await pageOf<{ device_id: string }>(tenant, query, wish);
  return { ...page, rows: page.rows.map(idOf) };
}

/**
 * A page by a value of the last state: first of the devices that have it, in the order of an index, then of the others,
 * which the same index names, but for those that were never read.
 */
async function pageByState(
  tenant: Tenant,
  filters: RowFilters,
  { place, limit, order }: { place: Place; limit: number; order: ListOrder },
): Promise<PageOf<string>> {
  const { position, isBackwards } = directionOf(place), found: string[] = [];
  const parts = isBackwards ? [false, true] : [true, false];
  // The first value of a position says whether the other one is not known.
  const from = position === undefined ? 0 : parts.indexOf(position[0] === 0);
  const positions = new Map<string, Position>();
  for (const [i, isKnown] of parts.entries()) {
    if (i < from || found.length > limit) continue;
    const query = isKnown ? knownQuery(filters, order) : await unknownQuery(tenant, filters, order);
    const within = isKnown ? position?.slice(1) : position?.slice(2), isOwn = position !== undefined && i === from;
    const { rows } = await pageOf<{ device_id: string; value: number | null }>(tenant, query, {
      place: isOwn ? isBackwards ? { before: within! } : { after: within! } : isBackwards ? "end" : undefined,
      limit: limit + 1 - found.length,
    });
    for (const { device_id, value } of rows) positions.set(device_id, [isKnown ? 0 : 1, value, device_id]);
    found.splice(isBackwards ? 0 : found.length, 0, ...rows.map(idOf));
  }
  const hasMore = found.length > limit, rows = isBackwards ? found.slice(-limit) : found.slice(0, limit);
  return {
    rows,
    previous: (isBackwards ? hasMore : place !== undefined) ? positions.get(rows[0] ?? "") : undefined,
    next: (isBackwards ? place !== "end" : hasMore) ? positions.get(rows.at(-1) ?? "") : undefined,
  };
}

function knownQuery(filters: RowFilters, { by, isDescending }: ListOrder): ListQuery {
  const { where, parameters } = conditionsOf(filters), key = sortKeys[by];
  return {
    columns: `s.device_id, ${key} AS value`,
    from: "device_state s JOIN devices d ON d.customer_id = s.customer_id AND d.device_id = s.device_id",
    where: `s.customer_id = :customer AND ${key} IS NOT NULL${where}`,
    keys: [{ sql: key, isDescending }, { sql: "s.device_id" }],
    parameters,
  };
}

async function unknownQuery(tenant: Tenant, filters: RowFilters, { by }: ListOrder): Promise<ListQuery> {
  const { where, parameters } = conditionsOf(filters), key = sortKeys[by];
  // Looked for among all devices only if there are some.
  const { unread } = (await tenant.get<{ unread: number }>(
    `SELECT (SELECT count(*) FROM devices WHERE customer_id = :customer)
       - (SELECT count(*) FROM device_state WHERE customer_id = :customer) AS unread`,
  ))!;
  const known = "SELECT device_id FROM device_state WHERE customer_id = :customer";
  const isUnread = unread === 0 ? "" : ` OR d.device_id NOT IN (${known})`;
  return {
    columns: "d.device_id, NULL AS value",
    from: "devices d",
    where: `d.customer_id = :customer
       AND (d.device_id IN (${known} AND ${key.replace("s.", "")} IS NULL)${isUnread})${where}`,
    keys: [{ sql: "d.device_id" }],
    parameters,
  };
}

/** A device by what a list is ordered by. */
export interface PlacedId {
  site: string;
  network: string;
  address_order: string;
  device_id: string;
}

export function placeOfId({ site, network, address_order, device_id }: PlacedId): Position {
  return [site, network, address_order, device_id];
}

/**
 * A page by site, network and address, without sorting all devices: the counts show which sites it covers, and within a
 * site an index has the order.
 */
export async function pageBySite(
  tenant: Tenant,
  filters: RowFilters,
  { place, limit, agents }: { place: Place; limit: number; agents: readonly AgentCount[] },
): Promise<PageOf<PlacedId>> {
  const { position, isBackwards } = directionOf(place), found: PlacedId[] = [];
  const sites = sitesBehind(agents, { position, isBackwards });
  while (sites.length > 0 && found.length <= limit) {
    const left = limit + 1 - found.length, asked = [sites.shift()!], isOwn = asked[0]!.site === position?.[0];
    // Sites that are shown as a whole are asked for together: they have no more rows than the page.
    for (let rows = asked[0]!.found + (sites[0]?.found ?? 0); !isOwn && sites.length > 0 && rows <= left;) {
      asked.push(sites.shift()!);
      rows += sites[0]?.found ?? 0;
    }
    const { rows } = await pageOf<PlacedId>(tenant, queryOfSites(filters, asked), {
      place: isOwn ? within(place) : isBackwards ? "end" : undefined,
      limit: left,
    });
    found.splice(isBackwards ? 0 : found.length, 0, ...rows);
  }
  const hasMore = found.length > limit;
  const rows = isBackwards ? found.slice(-limit) : found.slice(0, limit), first = rows[0], last = rows.at(-1);
  return {
    rows,
    previous: first !== undefined && (isBackwards ? hasMore : place !== undefined) ? placeOfId(first) : undefined,
    next: last !== undefined && (isBackwards ? place !== "end" : hasMore) ? placeOfId(last) : undefined,
  };
}

interface CountedSite {
  /** Its name as lists are ordered by it. */
  site: string;
  siteId: string;
  agents: string[];
  found: number;
}

/* The site of the position, and those behind it, in the direction of the page. */
function sitesBehind(
  agents: readonly AgentCount[],
  { position, isBackwards }: { position: Position | undefined; isBackwards: boolean },
): CountedSite[] {
  const sites = [...Map.groupBy(agents, ({ site_id }) => site_id).values()].map((ofSite): CountedSite => ({
    site: ofSite[0]!.site,
    siteId: ofSite[0]!.site_id,
    agents: ofSite.map(({ agent_id }) => agent_id),
    found: ofSite.reduce((sum, { found }) => sum + found, 0),
  }));
  const from = position && Buffer.from(String(position[0]));
  const isBehind = ({ site }: CountedSite) => {
    const compared = from === undefined ? 0 : Buffer.compare(Buffer.from(site), from);
    return isBackwards ? compared <= 0 : compared >= 0;
  };
  const behind = sites.filter(isBehind);
  return isBackwards ? behind.reverse() : behind;
}

/* The place among the devices of its site. */
function within(place: Place): Place {
  if (place === undefined || place === "end") return place;
  return "after" in place ? { after: place.after.slice(1) } : { before: place.before.slice(1) };
}

/* Named one by one in a statement. */
const mostAgents = 1000;

/* Of one site, in the order of an index. */
function queryOfSites(filters: RowFilters, sites: readonly CountedSite[]): ListQuery {
  const { where, parameters } = conditionsOf(filters), agents = sites.flatMap(({ agents }) => agents);
  const isShort = agents.length <= mostAgents, named = isShort ? agents : sites.map(({ siteId }) => siteId);
  const names = named.map((id, i) => (parameters[`asked_${i}`] = id, `:asked_${i}`)).join(", ");
  const ofSites = `SELECT agent_id FROM agents WHERE customer_id = :customer AND site_id IN (${names})`;
  const columns = "d.network, d.address_order, d.device_id", isOne = sites.length === 1;
  if (isOne) parameters.site = sites[0]!.site;
  return {
    columns: `${isOne ? "CAST(:site AS TEXT)" : siteName} AS site, ${columns}`,
    from: isOne ? "devices d" : withSites,
    where: `d.customer_id = :customer${where} AND d.agent_id IN (${isShort ? names : ofSites})`,
    keys: isOne ? withinSite : listKeys,
    parameters,
  };
}

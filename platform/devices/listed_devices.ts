/** Rows of lists of devices: filters and counts. */
import { isLike, likeOf, newConditions } from "../store/conditions.ts";
import { keysSql, type ListQuery, orderKeys, type OrderOf, pageOf } from "../store/page.ts";
import type { Parameters, Tenant } from "../store/store.ts";
import type { Groups } from "./device_groups.ts";
import { type DeviceState, stateColumns } from "./device_state.ts";
import { type DeviceRow, rowColumns } from "./devices.ts";

export interface RowFilters {
  siteId?: string | undefined;
  network?: string | undefined;
  /** Part of the maker and model, in any case. */
  model?: string | undefined;
  /** Each word is a part of what the device is called, or of where it is, in any case. */
  search?: readonly string[] | undefined;
  /** The devices that were searched for, where they are few, in place of `search`. */
  ids?: readonly string[] | undefined;
  low?: boolean | undefined;
  /** Only devices that were not seen since then. */
  silentSince?: Date | undefined;
  /** With `silentSince`: also devices that are reported as offline. */
  orAway?: boolean | undefined;
  /** Merged devices are one row, that of the part that was seen last. */
  groups?: Groups | undefined;
  /** Which of them the other filters find, as all their parts count. */
  merged?: MergedMatches | undefined;
  /** Without the devices of closed sites. */
  openOnly?: boolean | undefined;
}

/** Merged devices by the part that is listed. */
export interface MergedMatches {
  all: readonly string[];
  found: readonly string[];
  /** Those with a part at a site that is not closed. */
  open: readonly string[];
  low: readonly string[];
  withoutMeters: readonly string[];
}

/** What a list can be ordered by. */
export const sortKeys = {
  model: "lower(coalesce(d.manufacturer, '') || ' ' || coalesce(d.model, ''))",
  site: "lower(l.name)",
  network: "lower(d.network)",
  address: "d.address_order",
  serial: "lower(d.serial)",
  hostname: "lower(d.hostname)",
  location: "lower(d.location)",
  firmware: "d.firmware",
  pages: "s.total",
  low: "s.low",
  firstSeen: "d.first_seen_at",
  lastSeen: "d.last_seen_at",
} as const;

export type ListOrder = OrderOf<keyof typeof sortKeys>;

export interface ListedRow extends DeviceRow {
  /** What lists order by addresses with. */
  address_order: string;
  /** The customer's site of its agent. */
  site_id: string;
  site: string;
  /** Last read number of pages. */
  total: number | null;
}

export interface StatedRow {
  row: ListedRow;
  /** Undefined for a device that was not read yet. */
  state: DeviceState | undefined;
}

/** By site, network and address. */
export async function deviceRows(tenant: Tenant): Promise<ListedRow[]> {
  return (await statedRows(tenant, {})).map(({ row }) => row);
}

export const withSites = `devices d
     JOIN agents a ON a.customer_id = d.customer_id AND a.agent_id = d.agent_id
     JOIN sites l ON l.customer_id = a.customer_id AND l.site_id = a.site_id`;
const withState = "LEFT JOIN device_state s ON s.customer_id = d.customer_id AND s.device_id = d.device_id";
const lowDevices = "SELECT device_id FROM device_state WHERE customer_id = :customer AND low > 0";
const closedAgents = `SELECT a.agent_id FROM agents a
     JOIN sites l ON l.customer_id = a.customer_id AND l.site_id = a.site_id
     WHERE a.customer_id = :customer AND l.closed_at IS NOT NULL`;
/** Agents at sites that are closed. */
export async function closedAgentIds(tenant: Tenant): Promise<string[]> {
  return (await tenant.all<{ agent_id: string }>(closedAgents)).map(({ agent_id }) => agent_id);
}

const meterless = "SELECT device_id FROM device_state WHERE customer_id = :customer AND no_meters IS NOT NULL";
export const siteName = "lower(l.name)",
  withinSite = ["d.network", "d.address_order", "d.device_id"].map((sql) => ({ sql }));
export const listKeys = [{ sql: siteName }, ...withinSite];

/* Ids alone: the state of a device is wide. */
export function idQuery(filters: RowFilters, order: ListOrder | undefined): ListQuery {
  const { where, parameters } = conditionsOf(filters), key = order && sortKeys[order.by];
  return {
    columns: "d.device_id",
    from: key === undefined || key.includes("l.name")
      ? withSites
      : key.startsWith("s.")
      ? `devices d ${withState}`
      : "devices d",
    where: `d.customer_id = :customer${where}`,
    keys: order === undefined ? listKeys : [...orderKeys(sortKeys, order), { sql: "d.device_id" }],
    parameters,
  };
}

/** Ids of all devices of a list in its order. */
export async function orderedIds(
  tenant: Tenant,
  filters: RowFilters,
  order: ListOrder | undefined,
): Promise<string[]> {
  return (await pageOf<{ device_id: string }>(tenant, idQuery(filters, order), {})).rows.map(idOf);
}

export const idOf = ({ device_id }: { device_id: string }) => device_id;

type BothRow = ListedRow & Record<`state_${string}`, unknown>;

const statedSql = `SELECT ${rowColumns.replace(/\w+/g, "d.$&")}, d.address_order, l.site_id, l.name AS site, s.total, ${
  stateColumns.map((name) => `s.${name} AS state_${name}`).join(", ")
} FROM ${withSites} ${withState} WHERE d.customer_id = :customer`;

/** The same rows, with the last state of each device. */
export async function statedRows(tenant: Tenant, filters: RowFilters): Promise<StatedRow[]> {
  const { where, parameters } = conditionsOf(filters);
  return (await tenant.all<BothRow>(`${statedSql}${where} ORDER BY ${keysSql(listKeys)}`, parameters)).map(statedRow);
}

/**
 * Those of these ids that are there and not hidden, in no order. Each is looked up by its keys: where they are named in
 * one condition, PostgreSQL reads the states of all devices of the customer.
 */
export async function statedRowsNamed(
  tenant: Tenant,
  { hidden }: Groups,
  ids: readonly string[],
): Promise<StatedRow[]> {
  const isHidden = new Set(hidden), named = [...new Set(ids)].filter((id) => !isHidden.has(id));
  if (named.length === 0) return [];
  const each = named.map((device_id) => ({ device_id }));
  return (await tenant.allOf<BothRow>(`${statedSql} AND d.device_id = :device_id`, each)).map(statedRow);
}

function statedRow(both: BothRow): StatedRow {
  const row: Record<string, unknown> = {}, state: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(both)) {
    if (name.startsWith("state_")) state[name.slice("state_".length)] = value;
    else row[name] = value;
  }
  const isRead = state.observed_at !== null;
  return { row: row as unknown as ListedRow, state: isRead ? state as unknown as DeviceState : undefined };
}

/** Number of devices per agent in a list, in the order of the list. */
export interface AgentCount {
  agent_id: string;
  site_id: string;
  /** Its name as lists are ordered by it. */
  site: string;
  found: number;
  /** Reported as offline, or not seen since the given time. */
  silent: number;
}

export function agentCounts(
  tenant: Tenant,
  filters: RowFilters,
  { silentSince }: { silentSince: Date },
): Promise<AgentCount[]> {
  const { model, merged } = filters;
  // Models are few, and comparing the text of each takes PostgreSQL as long as all the rest of a list.
  const byModel = model !== undefined && merged === undefined && tenant.transaction.engine === "postgres";
  const { where, parameters } = conditionsOf(byModel ? { ...filters, model: undefined } : filters);
  const counted = (keys: string) =>
    `SELECT ${keys}, count(*) AS found,
         count(*) FILTER (WHERE d.last_seen_at <= :count_since OR d.state = 'offline') AS silent
       FROM devices d WHERE d.customer_id = :customer${where} GROUP BY ${keys}`;
  const counts = byModel
    ? `SELECT d.agent_id, sum(found) AS found, sum(silent) AS silent
       FROM (${counted("d.agent_id, d.manufacturer, d.model")}) d
       WHERE ${isOfModel} GROUP BY d.agent_id`
    : counted("d.agent_id");
  return tenant.all(
    `SELECT c.agent_id, a.site_id, lower(l.name) AS site, c.found, c.silent
     FROM (${counts}) c
     JOIN agents a ON a.customer_id = :customer AND a.agent_id = c.agent_id
     JOIN sites l ON l.customer_id = a.customer_id AND l.site_id = a.site_id ORDER BY lower(l.name), c.agent_id`,
    { ...parameters, ...(byModel ? { model: likeOf(model) } : {}), count_since: silentSince.getTime() },
  );
}

const searched = `lower(${
  ["manufacturer", "model", "serial", "address", "hostname", "location", "network"]
    .map((name) => `coalesce(d.${name}, '')`).join(" || ' ' || ")
})`;

/* By the device's own facts, or the name of its site. */
function isFoundBy(word: string): string {
  return `(${isLike(searched, word)} OR d.agent_id IN (SELECT a.agent_id FROM agents a
     JOIN sites l ON l.customer_id = a.customer_id AND l.site_id = a.site_id
     WHERE a.customer_id = :customer AND ${isLike("lower(l.name)", word)}))`;
}

const isOfModel = isLike("lower(coalesce(d.manufacturer, '') || ' ' || coalesce(d.model, ''))", "model");

/** Conditions on `d`, a row of `devices`, each preceded by AND. */
export function conditionsOf(
  { siteId, network, model, search, ids, low, silentSince, orAway, groups, merged, openOnly }: RowFilters,
): { where: string; parameters: Parameters } {
  const { where: conditions, parameters, add } = newConditions();
  if (siteId !== undefined) {
    add("d.agent_id IN (SELECT agent_id FROM agents WHERE customer_id = :customer AND site_id = :site_id)", {
      site_id: siteId,
    });
  }
  if (network !== undefined) add("lower(d.network) = lower(:network)", { network });
  if (model !== undefined) add(isOfModel, { model: likeOf(model) });
  for (const [i, word] of (ids === undefined ? search ?? [] : []).entries()) {
    add(isFoundBy(`word_${i}`), { [`word_${i}`]: likeOf(word) });
  }
  if (ids !== undefined) add(isAmong(ids, parameters));
  if (low === true) add(`d.device_id IN (${lowDevices})`);
  if (openOnly === true) add(`d.agent_id NOT IN (${closedAgents})`);
  if (merged !== undefined && conditions.length > 0) {
    const own = conditions.splice(0).join(" AND ");
    add(withMerged(own, { all: merged.all, found: merged.found, parameters }));
  }
  if (silentSince !== undefined) {
    add(`(d.last_seen_at <= :silent_since${orAway ? " OR d.state = 'offline'" : ""})`, {
      silent_since: silentSince.getTime(),
    });
  }
  const hidden = groups?.hidden ?? [];
  if (hidden.length > 0) add(`d.device_id NOT IN (${namesOf("hidden", hidden, parameters)})`);
  return { where: conditions.map((condition) => ` AND ${condition}`).join(""), parameters };
}

/** A condition that holds for other devices, and for those of the merged ones that are found. */
function withMerged(
  condition: string,
  { all, found, parameters }: { all: readonly string[]; found: readonly string[]; parameters: Parameters },
): string {
  const own = `${condition} AND d.device_id NOT IN (${namesOf("merged", all, parameters)})`;
  return found.length === 0 ? own : `(${own} OR d.device_id IN (${namesOf("merged", found, parameters)}))`;
}

/* The lists have few lengths, so that there are few statements to prepare. */
const lengths = [1, 10, 50, 200];
export const mostIds = 200;

function isAmong(ids: readonly string[], parameters: Parameters): string {
  if (ids.length === 0) return "1 = 0";
  const length = lengths.find((most) => ids.length <= most)!;
  const names = Array.from({ length }, (_, i) => {
    parameters[`found_${i}`] = ids[Math.min(i, ids.length - 1)]!;
    return `:found_${i}`;
  });
  return `d.device_id IN (${names.join(", ")})`;
}

/* The names of the parameters, which are added. */
function namesOf(name: string, ids: readonly string[], parameters: Parameters): string {
  return ids.map((id) => {
    const own = `${name}_${id.replace(/\W/g, "_")}`;
    parameters[own] = id;
    return `:${own}`;
  }).join(", ");
}

export interface DeviceCounts {
  /** Number of devices that match the filters. */
  found: number;
  low: number;
  silent: number;
  withoutMeters: number;
  /** Number of all devices, regardless of filters. */
  all: number;
  /** Further ones, which are left out as their sites are closed. */
  closed: number;
}

/** `agents`: counts with the same filters. */
export async function countRows(
  tenant: Tenant,
  filters: RowFilters,
  agents: readonly AgentCount[],
): Promise<DeviceCounts> {
  const { groups, merged, openOnly } = filters;
  const { where, parameters } = conditionsOf(filters);
  const among = (condition: string, ofMerged: readonly string[] = []) => {
    const all = merged?.all ?? [];
    const is = all.length === 0 ? condition : withMerged(condition, { all, found: ofMerged, parameters });
    const of = `devices d WHERE d.customer_id = :customer`;
    // OFFSET keeps the texts of models to be compared for these devices only.
    return tenant.transaction.engine === "postgres"
      ? `(SELECT count(*) FROM (SELECT * FROM ${of} AND ${is} OFFSET 0) d WHERE true${where})`
      : `(SELECT count(*) FROM ${of}${where} AND ${is})`;
  };
  const row = await tenant.get<{ low: number; meterless: number; unread: number }>(
    // A device that was never read has no state row. There are few of them, found by two indices.
    `SELECT ${among(`d.device_id IN (${lowDevices})`, merged?.low)} AS low,
       ${among(`d.device_id IN (${meterless})`, merged?.withoutMeters)} AS meterless,
       CASE WHEN (SELECT count(*) FROM devices WHERE customer_id = :customer) =
           (SELECT count(*) FROM device_state WHERE customer_id = :customer) THEN 0
         ELSE ${
      among(
        "NOT EXISTS (SELECT 1 FROM device_state s WHERE s.customer_id = d.customer_id AND s.device_id = d.device_id)",
      )
    } END AS unread`,
    parameters,
  );
  const every = conditionsOf({ groups, openOnly, merged: merged && { ...merged, found: merged.open } });
  const all = await tenant.get<{ all: number }>(
    `SELECT count(*) AS "all" FROM devices d WHERE d.customer_id = :customer${every.where}`,
    every.parameters,
  );
  return {
    found: agents.reduce((sum, { found }) => sum + found, 0),
    low: row!.low,
    silent: agents.reduce((sum, { silent }) => sum + silent, 0),
    withoutMeters: row!.meterless + row!.unread,
    all: all!.all,
    closed: openOnly ? (await countDevices(tenant, { silentSince: new Date(0), groups })).known - all!.all : 0,
  };
}

/** Counts devices; silent ones are reported as offline, or were not seen since the given time. */
export async function countDevices(
  tenant: Tenant,
  { silentSince, ...filters }: { silentSince: Date } & Pick<RowFilters, "groups" | "merged" | "openOnly">,
): Promise<{ known: number; silent: number }> {
  const { where, parameters } = conditionsOf(filters);
  const row = await tenant.get<{ known: number; silent: number | null }>(
    `SELECT count(*) AS known, count(*) FILTER (WHERE state = 'offline' OR last_seen_at <= :since) AS silent FROM devices d
     WHERE customer_id = :customer${where}`,
    { ...parameters, since: silentSince.getTime() },
  );
  return { known: row?.known ?? 0, silent: row?.silent ?? 0 };
}

/**
 * Lists for other programs. A page goes on behind the last row of the one before, by the values that the list is sorted
 * by: rows that come or go meanwhile move no others. Supplies and meters are stored with their device, and are found by
 * going through devices in the order of their keys: as many as one request may look at, so that a page may be short, or
 * empty, and still have a next one.
 */
import { isLate } from "../agents/agent_health.ts";
import type { AgentRow } from "../agents/agents.ts";
import { type By, readPlatform } from "../audit/use_case.ts";
import { isLow, metersOf, suppliesOf } from "../devices/device_state.ts";
import { shownSupply, silentAfterMs } from "../devices/device_view.ts";
import { behindSql, keysSql, namedIn, type SortKey } from "../store/page.ts";
import { type Parameters, type Queries, SlowStatementError, type Store, type Transaction } from "../store/store.ts";
import { entities, type EntityName, type Property } from "./entities.ts";
import {
  customersOf,
  indexedParts,
  lowPart,
  mostCustomers,
  narrowScope,
  type ScopeCustomer,
  searchedOf,
} from "./narrow_scope.ts";
import { conjuncts, type Filter, filterSql, matches, orderOf, propertiesIn, type Row, type Value } from "./filter.ts";

/** Whose rows are listed: of a dealer, or of some customers, maybe at some sites only. */
export type Scope = { dealerId: string } | { customers: readonly ScopeCustomer[] };

export interface Order {
  property: string;
  isDescending: boolean;
}

export interface ListWish {
  entity: EntityName;
  scope: Scope;
  filter?: Filter | undefined;
  order?: readonly Order[] | undefined;
  /** Of the page before. */
  after?: readonly Value[] | undefined;
  /** Rows to leave out. */
  skip?: number | undefined;
  limit: number;
  /** Count all rows of the list. */
  withCount?: boolean | undefined;
}

export interface ListPage {
  rows: Row[];
  /** Where the next page begins; undefined if there is none. */
  next: Value[] | undefined;
  /** With `withCount`. */
  count: number | undefined;
}

/** A list that would take more work than one request may cause. */
export class TooMuchWorkError extends Error {}

/* What one request looks at of what is stored with its device, and what it sorts or counts of it. */
const lot = 500, mostLooked = 5000, mostSorted = 20_000;

/** Throws TooMuchWorkError. */
export function listEntities(
  platform: { store: Store; clock: { now(): Date } },
  by: By,
  wish: ListWish,
): Promise<ListPage> {
  const now = platform.clock.now().getTime();
  return readPlatform(platform, by, async (tx) => {
    const scope = await narrowScope(tx, wish), named = { ...wish, scope };
    if ("customers" in scope && scope.customers.length === 0) {
      return { rows: [], next: undefined, count: wish.withCount ? 0 : undefined };
    }
    const isStored = wish.entity !== "supplies" && wish.entity !== "meters";
    return await (isStored ? storedPage(tx, named, now) : decodedPage(tx, named, now));
  }).catch((error) => {
    if (!(error instanceof SlowStatementError)) throw error;
    throw new TooMuchWorkError(`Cannot look for these ${wish.entity} in the time that one request has`);
  });
}

/** Which tables have the rows, and what the key is in them. */
const joins = "JOIN sites l ON l.customer_id = a.customer_id AND l.site_id = a.site_id";
const deviceTables = `devices d
     JOIN agents a ON a.customer_id = d.customer_id AND a.agent_id = d.agent_id ${joins}
     LEFT JOIN device_state s ON s.customer_id = d.customer_id AND s.device_id = d.device_id`;
/* Of the parts of a merged device, the one that was seen last stands for it. */
const isFront = `(d.merged_into IS NULL OR NOT EXISTS (SELECT 1 FROM devices o
       WHERE o.customer_id = d.customer_id AND o.merged_into = d.merged_into
         AND (o.last_seen_at, o.device_id) > (d.last_seen_at, d.device_id)))`;
const sources = {
  devices: { from: deviceTables, where: isFront, customer: "d.customer_id", key: ["d.customer_id", "d.device_id"] },
  agents: {
    from: `agents a ${joins}`,
    where: "1 = 1",
    customer: "a.customer_id",
    key: ["a.customer_id", "a.agent_id"],
  },
  alerts: {
    from: `alerts al
     JOIN devices d ON d.customer_id = al.customer_id AND d.device_id = al.device_id
     JOIN agents a ON a.customer_id = d.customer_id AND a.agent_id = d.agent_id ${joins}`,
    // Alerts of a part that is no longer seen are not open.
    where: `(al.ended_at IS NOT NULL OR ${isFront})`,
    customer: "al.customer_id",
    key: ["al.customer_id", "al.device_id", "al.alert_key", "al.first_seen_at", "al.origin"],
  },
} as const;

interface Source {
  tx: Transaction;
  queries: Queries;
  parameters: Parameters;
  /** Conditions on the customer, sites and rows. */
  where: string[];
}

/* Of one customer, all queries are bound to it; of several, the customers are named in the query. */
function sourceOf(tx: Transaction, { scope, entity }: ListWish, now: number): Source {
  const { customer, where } = sources[entity === "supplies" || entity === "meters" ? "devices" : entity];
  const parameters: Parameters = { silent_since: now - silentAfterMs };
  const base = [where, openSites];
  if ("dealerId" in scope) {
    parameters.dealer = scope.dealerId;
    const ofDealer = "SELECT customer_id FROM customers WHERE dealer_id = :dealer AND closed_at IS NULL";
    return { tx, queries: tx, parameters, where: [`${customer} IN (${ofDealer})`, ...base] };
  }
  const [only, ...others] = scope.customers;
  if (others.length === 0 && only !== undefined) {
    const sites = sitesSql(only.sites, parameters, "site_0");
    const queries = tx.tenant(only.customerId);
    return { tx, queries, parameters, where: [`${customer} = :customer`, ...sites, ...base] };
  }
  const each = scope.customers.map(({ customerId, sites }, i) => {
    parameters[`customer_${i}`] = customerId;
    return `(${[`${customer} = :customer_${i}`, ...sitesSql(sites, parameters, `site_${i}`)].join(" AND ")})`;
  });
  return { tx, queries: tx, parameters, where: [`(${each.join(" OR ")})`, ...base] };
}

function sitesSql(sites: "all" | readonly string[], parameters: Parameters, name: string): string[] {
  if (sites === "all") return [];
  const names = sites.map((site, i) => {
    parameters[`${name}_${i}`] = site;
    return `:${name}_${i}`;
  });
  return [names.length === 0 ? "1 = 0" : `a.site_id IN (${names.join(", ")})`];
}

function all<Found>(queries: Queries, sql: string, parameters: Parameters): Promise<Found[]> {
  return queries.all<Found>(sql, namedIn(sql, parameters));
}

/* `a` is the table of alerts in their properties, and of agents in all other queries. */
function propertySql(entity: EntityName, sql: string): string {
  return entity === "alerts" ? sql.replace(/\ba\./g, "al.") : sql;
}

function orderSql(entity: EntityName, order: readonly Order[]): SortKey[] {
  return order.flatMap(({ property, isDescending }) => {
    const { sql: own, type, nullable } = entities[entity].properties[property]!;
    const sql = propertySql(entity, own!);
    if (type === "boolean") return [{ sql: `CASE WHEN ${sql} THEN 1 ELSE 0 END`, isDescending }];
    // Null is the least of all (OData 4.0, part 2, 5.1.1.1), in every database.
    return nullable
      ? [{ sql: `CASE WHEN ${sql} IS NULL THEN 0 ELSE 1 END`, isDescending }, { sql, isDescending }]
      : [{ sql, isDescending }];
  });
}

const openSites = "l.closed_at IS NULL";

/*
 * PostgreSQL would join and sort all devices of a customer for their first hundred: these are chosen before, in the order
 * of their key, by an array that it does not take apart.
 */
function amongFirst(ofDevices: readonly string[], ofAgents: readonly string[]): string {
  return `d.device_id = ANY (ARRAY(SELECT d.device_id FROM devices d WHERE ${ofDevices.join(" AND ")}
       AND d.agent_id = ANY (ARRAY(SELECT a.agent_id FROM agents a ${joins} WHERE a.customer_id = :customer AND ${
    ofAgents.join(" AND ")
  })) ORDER BY d.customer_id, d.device_id LIMIT :limit))`;
}

/* Devices of one request where no index answers the filter. */
const mostSearched = 20_000;

/*
 * By the key alone, customer after customer: the index of each has its rows in this order, while a database that is asked
 * for all of them at once sorts all of them.
 */
async function pageOfCustomers(tx: Transaction, wish: ListWish, now: number): Promise<ListPage> {
  const { after, limit } = wish, rows: Row[] = [], first = String(after?.[0] ?? "");
  const customers = await customersOf(tx, wish.scope, first);
  // What is less than every other key of a customer.
  const beginOf = (customerId: string): Value[] => [customerId, "", ...(wish.entity === "alerts" ? ["", 0, ""] : [])];
  const sizes = await searchedOf(tx, wish, customers);
  let searched = 0;
  for (const [i, customer] of customers.entries()) {
    const { customerId } = customer;
    searched += sizes.get(customerId) ?? 0;
    const isEnough = i === mostCustomers || (i > 0 && searched > mostSearched);
    if (rows.length === limit || isEnough) return { rows, next: beginOf(customerId), count: undefined };
    const own = await storedPage(tx, {
      ...wish,
      scope: { customers: [customer] },
      after: customerId === first ? after : undefined,
      limit: limit - rows.length,
      withCount: false,
    }, now);
    rows.push(...own.rows);
    if (own.next !== undefined) return { rows, next: own.next, count: undefined };
  }
  return { rows, next: undefined, count: undefined };
}

async function storedPage(tx: Transaction, wish: ListWish, now: number): Promise<ListPage> {
  const { entity, filter, order = [], after, skip = 0, limit } = wish;
  const isOne = "customers" in wish.scope && wish.scope.customers.length === 1;
  if (!isOne && order.length === 0 && skip === 0 && !wish.withCount) return await pageOfCustomers(tx, wish, now);
  const stored = entity as "devices" | "agents" | "alerts", { from, key } = sources[stored];
  const { queries, parameters, where } = sourceOf(tx, wish, now);
  const properties = Object.entries<Property>(entities[entity].properties).filter(([, { sql }]) => sql !== undefined);
  if (isOne) where.push(...indexedParts(entity, filter, { engine: tx.engine, parameters }));
  for (const part of conjuncts(filter)) {
    if (entity === "devices" && isOne && lowPart(part)?.isAll) continue;
    const known = Object.fromEntries(
      properties.map(([name, { type, sql }]) => [name, { type, sql: propertySql(entity, sql!) }]),
    );
    where.push(filterSql(part, { engine: tx.engine, properties: known, parameters }));
  }
  const counted = wish.withCount
    ? await all<{ n: number }>(queries, `SELECT count(*) AS n FROM ${from} WHERE ${where.join(" AND ")}`, parameters)
    : [];
  const sorted = [...orderSql(entity, order), ...key.map((sql): SortKey => ({ sql }))];
  if (after !== undefined) where.push(behindSql(sorted, after, { parameters }));
  const isOfDevices = where.every((condition) => !/\b[ls]\./.test(condition) || condition === openSites);
  if (tx.engine === "postgres" && entity === "devices" && isOne && order.length === 0 && skip === 0 && isOfDevices) {
    const ofDevices = where.filter((condition) => condition !== openSites && !condition.startsWith("a.site_id"));
    const ofAgents = where.filter((condition) => condition === openSites || condition.startsWith("a.site_id"));
    where.push(amongFirst(ofDevices, ofAgents));
  }
  const columns = properties.map(([name, { type, sql }]) => {
    const own = propertySql(entity, sql!);
    return `${type === "boolean" ? `CASE WHEN ${own} THEN 1 ELSE 0 END` : own} AS "${name}"`;
  });
  const further = stored === "agents" ? ["a.poll_seconds", "a.effective_config"] : [];
  const found = await all<Record<string, Value>>(
    queries,
    `SELECT ${[...columns, ...further, ...sorted.map(({ sql }, i) => `${sql} AS sort_${i}`)].join(", ")}
     FROM ${from} WHERE ${where.join(" AND ")}
     ORDER BY ${keysSql(sorted)}
     LIMIT :limit OFFSET :offset`,
    { ...parameters, limit: limit + 1, offset: skip },
  );
  const shown = found.slice(0, limit), last = shown.at(-1);
  return {
    rows: shown.map((row) => rowOf(stored, row, now)),
    next: found.length > limit && last !== undefined ? sorted.map((_, i) => last[`sort_${i}`]!) : undefined,
    count: counted[0]?.n,
  };
}

function rowOf(entity: "devices" | "agents" | "alerts", found: Record<string, Value>, now: number): Row {
  const row: Row = {};
  for (const [name, { type, sql }] of Object.entries<Property>(entities[entity].properties)) {
    if (sql === undefined) continue;
    row[name] = type === "boolean" ? found[name] === 1 : found[name]!;
  }
  if (entity === "agents") {
    const { state, createdAt: created_at, lastSeenAt: last_seen_at } = row;
    const { poll_seconds, effective_config } = found;
    row.silent = isLate(
      { state, created_at, last_seen_at, poll_seconds, effective_config } as unknown as AgentRow,
      now,
    );
  }
  return row;
}

interface DecodedDevice extends Record<string, Value | Uint8Array> {
  customer: string;
  device: string;
}

/** Of a position: behind every device of the customer. */
const behindAll = "\uffff";

/** Some devices in the order of their keys, with their rows. */
interface Lot {
  devices: { customer: string; device: string; rows: Row[] }[];
  /** There are no more. */
  isOver: boolean;
  /** There are no more of this customer. */
  endOf?: string | undefined;
}

async function decodedPage(tx: Transaction, wish: ListWish, now: number): Promise<ListPage> {
  const { order = [], after, skip = 0, limit, withCount } = wish;
  if (order.length > 0 || withCount || skip > 0) return await sortedPage(tx, wish, now);
  const [customer = "", device = "", done = 0] = (after ?? []) as [string?, string?, number?];
  const rows: Row[] = [];
  let at: Value[] | undefined, isOver = true;
  for await (const lot of lotsOf(tx, wish, { now, most: mostLooked, from: { customer, device } })) {
    isOver = lot.isOver;
    for (const each of lot.devices) {
      const before = each.customer === customer && each.device === device ? done : 0;
      const left = each.rows.slice(before);
      if (left.length > 0 && rows.length === limit) return { rows, next: at, count: undefined };
      const taken = left.slice(0, limit - rows.length);
      rows.push(...taken);
      at = [each.customer, each.device, before + taken.length];
      if (taken.length < left.length) return { rows, next: at, count: undefined };
    }
    if (lot.endOf !== undefined) at = [lot.endOf, behindAll, 0];
    if (rows.length === limit) break;
  }
  return { rows, next: isOver ? undefined : at, count: undefined };
}

/* All rows are read for each page; the position is their number. */
async function sortedPage(tx: Transaction, wish: ListWish, now: number): Promise<ListPage> {
  const { entity, order = [], after, skip = 0, limit, withCount } = wish, all: Row[] = [];
  let isOver = true;
  for await (const lot of lotsOf(tx, wish, { now, most: mostSorted })) {
    isOver = lot.isOver;
    for (const { rows } of lot.devices) all.push(...rows);
  }
  if (!isOver) throw new TooMuchWorkError(`Cannot sort, count or skip ${entity} of more than ${mostSorted} devices`);
  if (order.length > 0) all.sort((a, b) => compareRows(order, a, b));
  const from = Number(after?.[0] ?? 0) + skip;
  const next = from + limit < all.length ? [from + limit] : undefined;
  return { rows: all.slice(from, from + limit), next, count: withCount ? all.length : undefined };
}

function compareRows(order: readonly Order[], a: Row, b: Row): number {
  for (const { property, isDescending } of order) {
    const result = orderOf(a[property] ?? null, b[property] ?? null);
    if (result !== 0) return isDescending ? -result : result;
  }
  return 0;
}

interface Looking {
  now: number;
  /** Devices to look at. */
  most: number;
  from?: { customer: string; device: string };
}

/** From a device on, until `most` were looked at; customer after customer, as an index has them. */
async function* lotsOf(tx: Transaction, wish: ListWish, { now, most, from }: Looking): AsyncGenerator<Lot> {
  // One that was left behind would be searched again, and with it all that this request may search.
  const customers = (await customersOf(tx, wish.scope, from?.customer ?? ""))
    .filter(({ customerId }) => from?.device !== behindAll || customerId !== from.customer);
  const sizes = most === mostLooked ? await searchedOf(tx, wish, customers) : new Map<string, number>();
  let looked = 0, searched = 0;
  for (const [i, customer] of customers.entries()) {
    searched += sizes.get(customer.customerId) ?? 0;
    if (i > 0 && searched > mostSearched) return;
    const isLast = i === customers.length - 1, isFirst = customer.customerId === from?.customer;
    const own = { ...wish, scope: { customers: [customer] } };
    const start = isFirst ? from : { customer: customer.customerId, device: "" };
    for await (const lot of lotsOfOne(tx, own, { now, most: most - looked, from: start })) {
      looked += lot.devices.length;
      yield {
        devices: lot.devices,
        isOver: lot.isOver && isLast,
        endOf: lot.isOver ? customer.customerId : undefined,
      };
    }
    if (looked >= most || (i >= mostCustomers && most === mostLooked)) return;
  }
}

async function* lotsOfOne(tx: Transaction, wish: ListWish, { now, most, from }: Looking): AsyncGenerator<Lot> {
  const entity = wish.entity as "supplies" | "meters";
  const { queries, parameters, where } = sourceOf(tx, wish, now);
  const ofDevice = Object.entries<Property>(entities[entity].properties).filter(([, { sql }]) => sql !== undefined);
  const known = Object.fromEntries(ofDevice.map(([name, { type, sql }]) => [name, { type, sql: sql! }]));
  // What only concerns the device is decided by the database.
  const parts = Map.groupBy(
    conjuncts(wish.filter),
    (part) => propertiesIn(part).every((name) => name in known) ? "device" : "row",
  );
  for (const part of parts.get("device") ?? []) {
    where.push(filterSql(part, { engine: tx.engine, properties: known, parameters }));
  }
  const rest: Filter = { kind: "and", of: parts.get("row") ?? [] };
  where.push(
    `s.${entity} IS NOT NULL`,
    ...indexedParts(entity, wish.filter, { engine: tx.engine, parameters }),
  );
  const columns = ofDevice.map(([name, { sql }]) => `${sql} AS "${name}"`).join(", ");
  let { customer, device } = from ?? { customer: "", device: "" };
  for (let looked = 0; looked < most; looked += lot) {
    const found = await all<DecodedDevice>(
      queries,
      `SELECT ${columns}, d.customer_id AS customer, d.device_id AS device, s.${entity} AS part, s.${entity}_at AS part_at
       FROM ${deviceTables} WHERE ${where.join(" AND ")}
         AND (d.customer_id, d.device_id) ${looked === 0 ? ">=" : ">"} (:from_customer, :from_device)
       ORDER BY d.customer_id, d.device_id LIMIT ${lot}`,
      { ...parameters, from_customer: customer, from_device: device },
    );
    const isOver = found.length < lot;
    yield {
      devices: found.map((row) => ({
        customer: row.customer,
        device: row.device,
        rows: partsOf(entity, row).filter((part) => matches(rest, part)),
      })),
      isOver,
    };
    if (isOver) return;
    ({ customer, device } = found.at(-1)!);
  }
}

function partsOf(entity: "supplies" | "meters", found: DecodedDevice): Row[] {
  const { customer: _customer, device: _device, part, part_at, ...device } = found;
  const ofDevice = device as Row, readAt = part_at as number;
  if (entity === "meters") {
    return metersOf({ meters: part as Uint8Array }).map(({ name, value, unit }) => ({
      ...ofDevice,
      name,
      value,
      unit,
      readAt,
    }));
  }
  return suppliesOf({ supplies: part as Uint8Array }).map((supply) => {
    const { index, name, kind, colorant, description, partNumber, serial, level } = shownSupply(supply);
    return {
      ...ofDevice,
      index,
      name,
      kind,
      colorant,
      description,
      partNumber,
      supplySerial: serial,
      levelKind: level.kind,
      percent: level.percent,
      level: level.level,
      capacity: level.capacity,
      unit: level.unit,
      low: isLow(supply),
      readAt,
    };
  });
}

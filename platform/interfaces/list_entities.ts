/**
 * Lists for other programs. A page goes on behind the last row of the one before, by the values that the list is sorted
 * by: rows that come or go meanwhile move no others. Supplies and meters are stored with their device, and are found by
 * going through devices in the order of their keys: as many as one request may look at, so that a page may be short, or
 * empty, and still have a next one.
 */
import { isLate } from "../agents/agent_health.ts";
import type { AgentRow } from "../agents/agents.ts";
import { type By, readPlatform } from "../audit/use_case.ts";
import { behindSql, keysSql, type SortKey } from "../store/page.ts";
import { SlowStatementError, type Store, type Transaction } from "../store/store.ts";
import { entities, type EntityName, type Property } from "./entities.ts";
import { conjuncts, type Filter, filterSql, type Row, type SqlProperty, type Value } from "./filter.ts";
import { decodedList } from "./list_decoded.ts";
import {
  all,
  besideDevices,
  isFront,
  isOfOne,
  joins,
  openSites,
  type Source,
  sourceOf,
  sources,
} from "./list_sources.ts";
import {
  customersOf,
  indexedParts,
  lowPart,
  mostCustomers,
  mostSearched,
  narrowScope,
  type ScopeCustomer,
  searchedOf,
  unindexed,
} from "./narrow_scope.ts";

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

/** Throws TooMuchWorkError. */
export function listEntities(
  platform: { store: Store; clock: { now(): Date } },
  by: By,
  wish: ListWish,
): Promise<ListPage> {
  const now = platform.clock.now().getTime();
  return readPlatform(platform, by, async (tx) => {
    const scope = await narrowScope(tx, wish), { order = [] } = wish;
    // The key begins with the customer.
    const isByKey = order.every(({ property, isDescending }) => property === "customerId" && !isDescending);
    const named = { ...wish, scope, order: isByKey ? [] : order };
    if ("customers" in scope && scope.customers.length === 0) {
      return { rows: [], next: undefined, count: wish.withCount ? 0 : undefined };
    }
    const isStored = wish.entity !== "supplies" && wish.entity !== "meters";
    return await (isStored ? storedList(tx, named, now) : decodedList(tx, named, now));
  }).catch((error) => {
    if (!(error instanceof SlowStatementError)) throw error;
    throw new TooMuchWorkError(`Cannot look for these ${wish.entity} in the time that one request has`);
  });
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

/** Properties that the database knows, as it has them. */
export function knownSql(entity: EntityName): Record<string, SqlProperty> {
  return Object.fromEntries(
    Object.entries<Property>(entities[entity].properties).flatMap(([name, { type, sql }]) =>
      sql === undefined ? [] : [[name, { type, sql: propertySql(entity, sql) }]]
    ),
  );
}

async function storedList(tx: Transaction, wish: ListWish, now: number): Promise<ListPage> {
  const { order = [], skip = 0, withCount, limit, after } = wish, isByKey = order.length === 0;
  // A position is the same whatever the scope has become since the page before.
  const isByCustomer = isLedByCustomer(order) && !(isByKey && after?.length !== 1 && isOfOne(wish.scope));
  const counts = withCount || (isByCustomer && skip > 0) ? await countsOf(tx, wish, now) : undefined;
  const count = withCount ? counts!.values().reduce((sum, n) => sum + n, 0) : undefined;
  if (limit === 0) return { rows: [], next: undefined, count };
  const page = isByCustomer
    ? await pageOfCustomers(tx, wish, { counts, pageOf: (own) => storedPage(tx, own, now) })
    : await storedPage(tx, wish, now);
  return { ...page, count };
}

/** Whether rows of a customer follow one another, customer after customer by their ids. */
export function isLedByCustomer(order: readonly Order[]): boolean {
  return order.length === 0 || order[0]!.property === "customerId";
}

/**
 * Customer after customer: the index of each has its rows in the order of their key, while a database that is asked for
 * all of them at once sorts all of them. A position is the customer and what the rows of one are sorted by; the customer
 * alone is its beginning.
 */
export async function pageOfCustomers(
  tx: Transaction,
  wish: ListWish,
  { counts, pageOf }: {
    /** Needed to skip rows. */
    counts?: ReadonlyMap<string, number> | undefined;
    pageOf(wish: ListWish): Promise<Pick<ListPage, "rows" | "next">>;
  },
): Promise<ListPage> {
  const { after, limit, order = [] } = wish, rows: Row[] = [], first = after && String(after[0]);
  const customers = await customersInOrder(tx, wish, first), sizes = await searchedOf(tx, wish, customers);
  const rest = order.filter(({ property }) => property !== "customerId"), isByKey = order.length === 0;
  let { skip = 0 } = wish, searched = 0, looked = 0;
  for (const customer of customers) {
    const { customerId } = customer, count = counts?.get(customerId) ?? 0;
    if (counts !== undefined && skip >= count) {
      skip -= count;
      continue;
    }
    searched += sizes.get(customerId) ?? 0;
    const isEnough = looked === mostCustomers || (looked > 0 && searched > mostSearched);
    if (rows.length === limit || isEnough) return { rows, next: [customerId], count: undefined };
    looked++;
    const own = await pageOf({
      ...wish,
      scope: { customers: [customer] },
      order: rest,
      // The key begins with the customer.
      after: customerId === first && after!.length > 1 ? isByKey ? after : after!.slice(1) : undefined,
      skip,
      limit: limit - rows.length,
      withCount: false,
    });
    skip = 0;
    rows.push(...own.rows);
    if (own.next !== undefined) {
      return { rows, next: isByKey ? own.next : [customerId, ...own.next], count: undefined };
    }
  }
  return { rows, next: undefined, count: undefined };
}

async function customersInOrder(
  tx: Transaction,
  { scope, order = [] }: ListWish,
  first = "",
): Promise<ScopeCustomer[]> {
  if (!order[0]?.isDescending) return await customersOf(tx, scope, first);
  const all = (await customersOf(tx, scope, "")).toReversed();
  return first === "" ? all : all.filter(({ customerId }) => customerId <= first);
}

async function storedPage(tx: Transaction, wish: ListWish, now: number): Promise<ListPage> {
  const { entity, filter, order = [], after, skip = 0, limit, scope } = wish, isOne = isOfOne(scope);
  const { from, key, where: ofRows } = sources[entity], known = knownSql(entity);
  const { queries, parameters, where } = sourceOf(tx, { scope, customer: key[0], now });
  const context = { engine: tx.engine, properties: known, parameters };
  where.push(ofRows, ...indexedParts(entity, filter, { engine: tx.engine, scope, parameters }));
  where.push(...unindexed(entity, filter).map((part) => filterSql(part, context)));
  const sorted = [...orderSql(entity, order), ...key.map((sql): SortKey => ({ sql }))];
  if (after !== undefined) where.push(behindSql(sorted, after, { parameters }));
  const isByKey = isOne && order.length === 0 && skip === 0;
  const isOfDevices = where.every((condition) => !/\b[ls]\./.test(condition) || condition === openSites);
  if (tx.engine === "postgres" && entity === "devices" && isByKey && isOfDevices) {
    const ofDevices = where.filter((condition) => condition !== openSites && !condition.startsWith("a.site_id"));
    const ofAgents = where.filter((condition) => condition === openSites || condition.startsWith("a.site_id"));
    where.push(amongFirst(ofDevices, ofAgents));
  }
  const columns = Object.entries(known).map(([name, { type, sql }]) =>
    `${type === "boolean" ? `CASE WHEN ${sql} THEN 1 ELSE 0 END` : sql} AS "${name}"`
  );
  if (entity === "agents") columns.push("a.poll_seconds", "a.effective_config");
  const keys = sorted.map(({ sql }, i) => `${sql} AS sort_${i}`);
  const chosen = (of: readonly string[]) =>
    `SELECT ${of.join(", ")} FROM ${from} WHERE ${where.join(" AND ")}
     ORDER BY ${keysSql(sorted)}
     LIMIT :limit OFFSET :offset`;
  const found = await all<Record<string, Value>>(
    queries,
    entity === "devices" && !isByKey ? laterColumns(chosen(keys), { columns, sorted }) : chosen([...columns, ...keys]),
    { ...parameters, limit: limit + 1, offset: skip },
  );
  const shown = found.slice(0, limit), last = shown.at(-1);
  return {
    rows: shown.map((row) => rowOf(entity, row, now)),
    next: found.length > limit && last !== undefined ? sorted.map((_, i) => last[`sort_${i}`]!) : undefined,
    count: undefined,
  };
}

/*
 * What was read of a device is large, and is taken for those of the page alone: to sort all devices of a dealer, only what
 * they are sorted and filtered by is looked at.
 */
function laterColumns(
  chosen: string,
  { columns, sorted }: { columns: readonly string[]; sorted: readonly SortKey[] },
): string {
  const [customer, device] = [sorted.length - 2, sorted.length - 1].map((i) => `k.sort_${i}`);
  return `SELECT ${[...columns, ...sorted.map((_, i) => `k.sort_${i}`)].join(", ")}
     FROM (${chosen}) k JOIN devices d ON d.customer_id = ${customer} AND d.device_id = ${device} ${besideDevices}
     ORDER BY ${keysSql(sorted.map(({ isDescending }, i) => ({ sql: `k.sort_${i}`, isDescending })))}`;
}

function rowOf(entity: EntityName, found: Record<string, Value>, now: number): Row {
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

interface CountedCustomer {
  customer_id: string;
  n: number;
}

/** Of devices, agents or alerts, in a scope that was narrowed; customers without rows may be missing. */
async function countsOf(tx: Transaction, wish: ListWish, now: number): Promise<Map<string, number>> {
  const { entity, filter, scope } = wish;
  // The scope has the customers that such a part names.
  const parts = conjuncts(filter).filter((part) =>
    part.kind !== "compare" || part.property !== "customerId" || part.operator !== "eq"
  );
  const [only] = parts, isOfLow = only !== undefined && lowPart(only)?.isAll === true;
  if (entity === "devices" && (parts.length === 0 || (parts.length === 1 && isOfLow))) {
    return await keptCounts(tx, wish, { now, isOfLow });
  }
  const { from, key, where: ofRows } = sources[entity];
  const { queries, parameters, where } = sourceOf(tx, { scope, customer: key[0], now });
  const context = { engine: tx.engine, properties: knownSql(entity), parameters };
  where.push(ofRows, ...indexedParts(entity, filter, { engine: tx.engine, scope, parameters }));
  where.push(...unindexed(entity, filter).map((part) => filterSql(part, context)));
  return new Map((await counted({ queries, parameters, where }, key[0], { from, sum: "count(*)" })).map(pairOf));
}

const pairOf = ({ customer_id, n }: CountedCustomer): [string, number] => [customer_id, n];

function counted(
  { queries, parameters, where }: Source,
  customer: string,
  { from, sum }: { from: string; sum: string },
): Promise<CountedCustomer[]> {
  return all<CountedCustomer>(
    queries,
    `SELECT ${customer} AS customer_id, ${sum} AS n FROM ${from} WHERE ${where.join(" AND ")} GROUP BY ${customer}`,
    parameters,
  );
}

/* From the counts that the store keeps, without the parts of merged devices that another part stands for. */
async function keptCounts(
  tx: Transaction,
  { scope }: ListWish,
  { now, isOfLow }: { now: number; isOfLow: boolean },
): Promise<Map<string, number>> {
  const customer = "c.customer_id";
  const from = `${isOfLow ? "low_counts" : "device_counts"} c
     JOIN agents a ON a.customer_id = c.customer_id AND a.agent_id = c.agent_id ${joins}`;
  const sum = isOfLow ? "sum(c.low)" : "sum(c.devices)";
  const counts = new Map((await counted(sourceOf(tx, { scope, customer, now }), customer, { from, sum })).map(pairOf));
  const { from: tables, key } = sources.devices, parts = sourceOf(tx, { scope, customer: key[0], now });
  parts.where.push("d.merged_into IS NOT NULL", `NOT ${isFront}`, ...(isOfLow ? ["s.low > 0"] : []));
  for (const { customer_id, n } of await counted(parts, key[0], { from: tables, sum: "count(*)" })) {
    counts.set(customer_id, (counts.get(customer_id) ?? 0) - n);
  }
  return counts;
}

/**
 * Which customers a list is asked of: those of its scope that can have rows of its filter. Of a dealer with many, each
 * other one would be searched for nothing. What an index of devices answers is asked of all customers in one query.
 */
import type { Parameters, Transaction } from "../store/store.ts";
import { conjuncts, type Filter } from "./filter.ts";
import type { EntityName } from "./entities.ts";
import type { ListWish, Scope } from "./list_entities.ts";
import { customersSql, isOfOne } from "./list_sources.ts";

/** Of which sites of a customer rows are listed. */
export interface ScopeCustomer {
  customerId: string;
  sites: "all" | readonly string[];
}

/** Customers of a list by id, from one on, each with what may be seen of it. */
export async function customersOf(tx: Transaction, scope: Scope, from: string): Promise<ScopeCustomer[]> {
  if ("customers" in scope) {
    return scope.customers.filter(({ customerId }) => customerId >= from)
      .toSorted((a, b) => a.customerId < b.customerId ? -1 : 1);
  }
  const rows = await tx.all<{ customer_id: string }>(
    `SELECT customer_id FROM customers WHERE dealer_id = :dealer AND closed_at IS NULL AND customer_id >= :from
     ORDER BY customer_id`,
    { dealer: scope.dealerId, from },
  );
  return rows.map(({ customer_id: customerId }) => ({ customerId, sites: "all" }));
}

/** Those that can have rows of the filter, of the scope. */
export async function narrowScope(tx: Transaction, { entity, scope, filter }: ListWish): Promise<Scope> {
  const parts = conjuncts(filter);
  const named = parts.flatMap((part) =>
    part.kind === "compare" && part.property === "customerId" && part.operator === "eq" ? [part.value] : []
  );
  if (named.length > 0) {
    const customers = await customersOf(tx, scope, String(named[0]));
    return { customers: customers.filter(({ customerId }) => named.every((value) => value === customerId)) };
  }
  const isOne = "customers" in scope && scope.customers.length < 2;
  if (entity === "agents" || isOne) return scope;
  const parameters: Parameters = {};
  const [indexed] = parts.flatMap((part) => indexedSql(part, { engine: tx.engine, parameters }) ?? []);
  if (indexed === undefined) return scope;
  const customers = await customersOf(tx, scope, ""), having = new Set<string>();
  for (let at = 0; at < customers.length; at += lot) {
    const some: Parameters = {};
    const names = customers.slice(at, at + lot).map(({ customerId }, i) => (some[`of_${i}`] = customerId, `:of_${i}`));
    const rows = await tx.all<{ customer_id: string }>(
      `SELECT DISTINCT d.customer_id FROM devices d WHERE d.customer_id IN (${names.join(", ")}) AND ${indexed}`,
      { ...some, ...Object.fromEntries(Object.entries(parameters).filter(([name]) => indexed.includes(`:${name}`))) },
    );
    for (const { customer_id } of rows) having.add(customer_id);
  }
  return { customers: customers.filter(({ customerId }) => having.has(customerId)) };
}

/* Parameters of one query. */
const lot = 500;

interface IndexContext {
  engine: Transaction["engine"];
  parameters: Parameters;
}

/** The parameters are those of `sourceOf()`. */
interface ListContext extends IndexContext {
  scope: Scope;
}

/**
 * A condition that every row of the filter's part meets and an index of a customer's devices answers; undefined if there
 * is none. Functions of a column are not used for PostgreSQL: row-level security lets no index be searched by them.
 */
function indexedSql(part: Filter, { engine, parameters }: IndexContext): string | undefined {
  const isEqual = part.kind === "compare" && part.operator === "eq";
  if (!isEqual && !(part.kind === "text" && part.name === "startswith" && part.value !== "")) return undefined;
  const { property, value } = part;
  if (typeof value !== "string" || !Object.hasOwn(columns, property)) return undefined;
  const column = columns[property as keyof typeof columns][engine];
  // As lower() of SQLite, and of PostgreSQL's collation "C": letters of ASCII alone.
  const text = isLower(property) ? value.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()) : value;
  const name = `index_${Object.keys(parameters).length}`;
  parameters[name] = text;
  if (isEqual) return `${column} = :${name}`;
  const end = endOf(text);
  if (end === undefined) return `${column} >= :${name}`;
  parameters[`${name}_end`] = end;
  return `(${column} >= :${name} AND ${column} < :${name}_end)`;
}

const same = (column: string) => ({ sqlite: column, postgres: column });
const columns = {
  serial: { sqlite: "lower(d.serial)", postgres: "d.serial_lower" },
  hostname: { sqlite: "lower(d.hostname)", postgres: "d.hostname_lower" },
  address: same("d.address"),
};
const isLower = (property: string) => property !== "address";

/* The first text behind all that begin with this one, in the order of bytes; undefined if a prefix of it is not known. */
function endOf(text: string): string | undefined {
  const last = text.codePointAt(text.length - 1)!;
  // The next one must be a character too, and as many bytes or more.
  if (last >= 0xd7ff) return undefined;
  return text.slice(0, -1) + String.fromCodePoint(last + 1);
}

/*
 * The number of low supplies stands behind what was read of the device, which takes long to pass over; the few devices
 * with some have an index.
 */
function hasLow({ engine, scope }: ListContext): string {
  const where = `FROM device_state x WHERE ${customersSql(scope, "x.customer_id")} AND x.low > 0`;
  if (!isOfOne(scope)) return `(d.customer_id, d.device_id) IN (SELECT x.customer_id, x.device_id ${where})`;
  // PostgreSQL takes a list apart, and then looks at each device of the customer for its state; not so an array.
  const ids = `SELECT x.device_id ${where}`;
  return `d.device_id ${engine === "postgres" ? `= ANY (ARRAY(${ids}))` : `IN (${ids})`}`;
}

/** Every row that meets it has low supplies; `isAll`: and every row that has some meets it. */
export function lowPart(part: Filter): { isAll: boolean } | undefined {
  if (part.kind !== "compare") return undefined;
  const { property, operator, value } = part;
  if (property === "low") return operator === "eq" && value === true ? { isAll: true } : undefined;
  if (property !== "lowSupplies" || typeof value !== "number") return undefined;
  const isSome = operator === "gt" ? value >= 0 : (operator === "ge" || operator === "eq") && value > 0;
  return isSome ? { isAll: operator === "gt" && value === 0 } : undefined;
}

/** Conditions that indices answer, and that rows of the filter meet. */
export function indexedParts(entity: EntityName, filter: Filter | undefined, context: ListContext): string[] {
  if (entity === "agents") return [];
  const parts = conjuncts(filter), canBeLow = entity === "devices" || entity === "supplies";
  return [
    ...(canBeLow && parts.some((part) => lowPart(part) !== undefined) ? [hasLow(context)] : []),
    ...parts.flatMap((part) => indexedSql(part, context) ?? []),
  ];
}

/** Those that `indexedParts()` does not answer as they are. */
export function unindexed(entity: EntityName, filter: Filter | undefined): readonly Filter[] {
  return conjuncts(filter).filter((part) => entity !== "devices" || !lowPart(part)?.isAll);
}

/** Devices of one request where no index answers the filter. */
export const mostSearched = 20_000;

/** Of one request, if a filter finds nothing in them. */
export const mostCustomers = 200;

/** Devices that are searched at each of the first customers; empty if an index finds the rows. */
export async function searchedOf(
  tx: Transaction,
  { entity, filter, scope }: ListWish,
  customers: readonly ScopeCustomer[],
): Promise<ReadonlyMap<string, number>> {
  const isSearched = entity !== "agents" &&
    conjuncts(filter).some(({ kind, ...part }) =>
      kind !== "compare" || !("property" in part) || part.property !== "customerId"
    );
  const isIndexed = indexedParts(entity, filter, { engine: tx.engine, scope, parameters: {} }).length > 0;
  const some = customers.slice(0, mostCustomers + 1);
  if (!isSearched || isIndexed || some.length < 2) return new Map();
  const parameters = Object.fromEntries(some.map(({ customerId }, i) => [`of_${i}`, customerId]));
  const rows = await tx.all<{ customer_id: string; n: number }>(
    `SELECT customer_id, sum(devices) AS n FROM device_counts
     WHERE customer_id IN (${some.map((_, i) => `:of_${i}`).join(", ")}) GROUP BY customer_id`,
    parameters,
  );
  return new Map(rows.map(({ customer_id, n }) => [customer_id, n]));
}

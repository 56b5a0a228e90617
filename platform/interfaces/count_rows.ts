/** How many rows of a list each customer has. */
import type { Transaction } from "../store/store.ts";
import { conjuncts, filterSql } from "./filter.ts";
import { knownSql, type ListWish } from "./list_entities.ts";
import { all, isFront, joins, type Source, sourceOf, sources } from "./list_sources.ts";
import { indexedParts, lowPart, unindexed } from "./narrow_scope.ts";

interface CountedCustomer {
  customer_id: string;
  n: number;
}

/** Of devices, agents or alerts, in a scope that was narrowed; customers without rows may be missing. */
export async function countsOf(tx: Transaction, wish: ListWish, now: number): Promise<Map<string, number>> {
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

/** Statements for many rows at once: each parameter is an array, and `unnest` converts them to rows. */
import { maybeBinaryArray } from "./binary_array.ts";
import type { Parameters, RowsOf, SqlValue } from "../store.ts";
import { renamedParameters } from "../named_parameters.ts";

/** By name of the parameter. */
export type Values = Record<string, SqlValue | SqlValue[]>;

export interface ManyRows {
  sql: string;
  arrays: Values;
}

/** By name of the column. */
export type ColumnTypes = ReadonlyMap<string, string>;

/**
 * Runs the SELECT for each of the parameters, which are texts or integers. OFFSET keeps it separate: otherwise the
 * planner would create one join, and with outdated statistics, or those of other customers, one over all rows of the
 * customer.
 */
export function selectMany(sql: string, each: readonly Parameters[]): ManyRows {
  const names = Object.keys(each[0]!);
  const typeOf = (name: string) => typeof each[0]![name] === "string" ? "text" : "bigint";
  const lists = names.map((name) => `:${name}::${typeOf(name)}[]`);
  const inner = renamedParameters(sql, (name) => names.includes(name) ? `each.${name}` : `:${name}`);
  return {
    sql: `SELECT found.* FROM unnest(${lists.join(", ")}) AS each(${
      names.join(", ")
    }) CROSS JOIN LATERAL (${inner} OFFSET 0) AS found`,
    arrays: arraysOf(names, each, typeOf),
  };
}

export function insertMany(
  { table, columns }: RowsOf,
  rows: readonly object[],
  { types, onConflict }: { types: ColumnTypes; onConflict: string },
): ManyRows {
  return {
    sql: `INSERT INTO ${table} (customer_id, ${columns.join(", ")})
     SELECT :customer::text, each.* FROM ${unnested(columns, types)} ${onConflict}`,
    arrays: arraysOf(columns, rows, (name) => types.get(name)!),
  };
}

/** Updates by primary key, independent of statistics: a plain UPDATE would be a join. */
export function updateMany(of: RowsOf, rows: readonly object[], types: ColumnTypes): ManyRows {
  const changed = of.columns.filter((name) => !of.key.includes(name));
  return insertMany(of, rows, {
    types,
    onConflict: `ON CONFLICT (customer_id, ${of.key.join(", ")}) DO UPDATE SET ${
      changed.map((name) => `${name} = excluded.${name}`).join(", ")
    }`,
  });
}

function unnested(columns: readonly string[], types: ColumnTypes): string {
  return `unnest(${columns.map((name) => `:${name}::${types.get(name)}[]`).join(", ")}) AS each(${columns.join(", ")})`;
}

function arraysOf(columns: readonly string[], rows: readonly object[], typeOf: (name: string) => string): Values {
  return Object.fromEntries(columns.map((name) => {
    const values = rows.map((row) => (row as Record<string, SqlValue>)[name]!);
    return [name, maybeBinaryArray(typeOf(name), values) ?? values];
  }));
}

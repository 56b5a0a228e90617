/**
 * Conditions that a program asks for, as data: evaluated on a row here, or by the database with every value bound as a
 * parameter. Both give the same answer: text is compared by its code points and with its case, and null is equal to null
 * and to nothing else (OData 4.0, part 2, 5.1.1.1). Pure.
 */
import type { Parameters, Transaction } from "../store/store.ts";

/** Times are milliseconds since 1970. */
export type Value = string | number | boolean | null;
export type Row = Record<string, Value>;
export type PropertyType = "string" | "int32" | "int64" | "double" | "boolean" | "dateTime";

export const comparisons = ["eq", "ne", "gt", "ge", "lt", "le"] as const;
export const textFunctions = ["contains", "startswith", "endswith"] as const;
export type Comparison = typeof comparisons[number];
export type TextFunction = typeof textFunctions[number];

export type Filter =
  | { kind: "and" | "or"; of: readonly Filter[] }
  | { kind: "not"; of: Filter }
  | { kind: "compare"; property: string; operator: Comparison; value: Value }
  | { kind: "text"; name: TextFunction; property: string; value: string };

export function matches(filter: Filter, row: Row): boolean {
  switch (filter.kind) {
    case "and":
      return filter.of.every((part) => matches(part, row));
    case "or":
      return filter.of.some((part) => matches(part, row));
    case "not":
      return !matches(filter.of, row);
    case "compare":
      return compares(row[filter.property] ?? null, filter.operator, filter.value);
    case "text": {
      const text = row[filter.property];
      if (typeof text !== "string") return false;
      const { name, value } = filter;
      return name === "contains"
        ? text.includes(value)
        : name === "startswith"
        ? text.startsWith(value)
        : text.endsWith(value);
    }
  }
}

function compares(left: Value, operator: Comparison, right: Value): boolean {
  if (operator === "eq") return left === right;
  if (operator === "ne") return left !== right;
  if (left === null || right === null) return false;
  const order = orderOf(left, right);
  return operator === "gt" ? order > 0 : operator === "ge" ? order >= 0 : operator === "lt" ? order < 0 : order <= 0;
}

/** Null first; text by code points, as databases compare it. */
export function orderOf(left: Value, right: Value): number {
  if (left === right) return 0;
  if (left === null || right === null) return left === null ? -1 : 1;
  if (typeof left !== "string" || typeof right !== "string") return Number(left) < Number(right) ? -1 : 1;
  const a = [...left], b = [...right];
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const order = a[i]!.codePointAt(0)! - b[i]!.codePointAt(0)!;
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

/** Names of all properties in it. */
export function propertiesIn(filter: Filter): string[] {
  if (filter.kind === "not") return propertiesIn(filter.of);
  return "of" in filter ? filter.of.flatMap(propertiesIn) : [filter.property];
}

/** The conditions that must all hold. */
export function conjuncts(filter: Filter | undefined): readonly Filter[] {
  return filter === undefined ? [] : filter.kind === "and" ? filter.of.flatMap(conjuncts) : [filter];
}

export interface SqlProperty {
  type: PropertyType;
  /** An expression; a condition that is never null for a boolean. */
  sql: string;
}

interface SqlContext {
  engine: Transaction["engine"];
  properties: Readonly<Record<string, SqlProperty>>;
  /** The values of the condition are added. */
  parameters: Parameters;
}

/** A condition in SQL, without any text of the filter in it. */
export function filterSql(filter: Filter, context: SqlContext, isNegated = false): string {
  switch (filter.kind) {
    case "and":
    case "or": {
      if (filter.of.length === 0) return (filter.kind === "and") !== isNegated ? "1 = 1" : "1 = 0";
      const word = (filter.kind === "and") !== isNegated ? " AND " : " OR ";
      return `(${filter.of.map((part) => filterSql(part, context, isNegated)).join(word)})`;
    }
    case "not":
      return filterSql(filter.of, context, !isNegated);
    case "compare":
      return comparisonSql(filter, context, isNegated);
    case "text": {
      const { sql } = context.properties[filter.property]!;
      const found = filter.value === "" ? `${sql} IS NOT NULL` : textSql(sql, filter, context);
      return isNegated ? `(${sql} IS NULL OR NOT (${found}))` : `(${found})`;
    }
  }
}

function bound({ parameters }: SqlContext, value: string | number): string {
  const name = `filter_${Object.keys(parameters).length}`;
  parameters[name] = value;
  return name;
}

function textSql(sql: string, { name, value }: { name: TextFunction; value: string }, context: SqlContext): string {
  const text = `CAST(:${bound(context, value)} AS TEXT)`, isPostgres = context.engine === "postgres";
  if (name === "contains") return isPostgres ? `strpos(${sql}, ${text}) > 0` : `instr(${sql}, ${text}) > 0`;
  if (name === "startswith") return `substr(${sql}, 1, length(${text})) = ${text}`;
  return isPostgres ? `right(${sql}, length(${text})) = ${text}` : `substr(${sql}, -length(${text})) = ${text}`;
}

const signs = { gt: ">", ge: ">=", lt: "<", le: "<=" } as const;
const opposites = { gt: "le", ge: "lt", lt: "ge", le: "gt" } as const;

function comparisonSql(
  { property, operator, value }: Extract<Filter, { kind: "compare" }>,
  context: SqlContext,
  isNegated: boolean,
): string {
  const { sql, type } = context.properties[property]!;
  if (type === "boolean") {
    const isTrue = (operator === "eq") === (value === true) !== isNegated;
    // Null is neither true nor false, and such a property is never null.
    if (value === null) return (operator === "ne") !== isNegated ? "1 = 1" : "1 = 0";
    return isTrue ? `(${sql})` : `NOT (${sql})`;
  }
  if (operator === "eq" || operator === "ne") {
    const isEqual = (operator === "eq") !== isNegated;
    if (value === null) return `${sql} IS ${isEqual ? "" : "NOT "}NULL`;
    const other = typed(context, type, value);
    return isEqual ? `${sql} = ${other}` : `(${sql} IS NULL OR ${sql} <> ${other})`;
  }
  if (value === null) return isNegated ? "1 = 1" : "1 = 0";
  const other = typed(context, type, value);
  return isNegated
    ? `(${sql} IS NULL OR ${sql} ${signs[opposites[operator]]} ${other})`
    : `${sql} ${signs[operator]} ${other}`;
}

/* PostgreSQL would take the type of a parameter from what it is compared with, and refuse 1.5 for a whole number. */
function typed(context: SqlContext, type: PropertyType, value: Exclude<Value, null>): string {
  const name = bound(context, typeof value === "boolean" ? Number(value) : value);
  return type === "string" ? `:${name}` : `CAST(:${name} AS DOUBLE PRECISION)`;
}

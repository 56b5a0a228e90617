/**
 * Pages of lists. A page begins behind a row, or ends before one, by the values that the list is ordered by: rows that
 * come or go meanwhile move no others, and a late page costs what the first one does.
 */
import type { Parameters, Queries } from "./store.ts";

/** A part of a list; without a limit, all of it. */
export interface Page {
  limit?: number | undefined;
  offset?: number | undefined;
}

/** Values of a row by what its list is ordered by. */
export type Position = readonly (string | number | boolean | null)[];

/** Where a page is: behind a row, right before one, or at the end. Undefined: at the beginning. */
export type Place = { after: Position } | { before: Position } | "end" | undefined;

export interface PageWish extends Page {
  place?: Place;
}

export interface PageOf<Row> {
  rows: Row[];
  /** The last row, if others come behind it. */
  next: Position | undefined;
  /** The first row, if others come before it. */
  previous: Position | undefined;
}

/** End of a statement of a list. */
export const pageSql = "LIMIT :limit OFFSET :offset";

export function pageParameters({ limit, offset }: Page): { limit: number; offset: number } {
  return { limit: limit ?? Number.MAX_SAFE_INTEGER, offset: offset ?? 0 };
}

/** `isBackwards`: the rows right before the position, or the last ones. */
export function directionOf(place: Place): { position: Position | undefined; isBackwards: boolean } {
  if (place === undefined || place === "end") return { position: undefined, isBackwards: place === "end" };
  return "after" in place
    ? { position: place.after, isBackwards: false }
    : { position: place.before, isBackwards: true };
}

/** The column or expression that a list is ordered by. */
export interface OrderOf<Key extends string> {
  by: Key;
  isDescending: boolean;
}

export interface SortKey {
  sql: string;
  isDescending?: boolean | undefined;
}

/** What is not known comes last in both directions. */
export function nullsLast(sql: string, isDescending = false): SortKey[] {
  return [{ sql: `CASE WHEN ${sql} IS NULL THEN 1 ELSE 0 END` }, { sql, isDescending }];
}

/** Of an order that somebody has chosen. */
export function orderKeys<Key extends string>(
  expressions: Readonly<Record<Key, string>>,
  order: OrderOf<Key> | undefined,
): SortKey[] {
  return order === undefined ? [] : nullsLast(expressions[order.by], order.isDescending);
}

export function keysSql(keys: readonly SortKey[], isBackwards = false): string {
  return keys.map(({ sql, isDescending = false }) => `${sql}${isDescending === isBackwards ? "" : " DESC"}`).join(", ");
}

/**
 * The condition of the rows behind a position, or with `isBackwards` before it. Keys of one direction are one comparison,
 * which an index answers. A key that may be null stands behind one that says whether it is, and only there.
 */
export function behindSql(
  keys: readonly SortKey[],
  position: Position,
  { parameters, isBackwards = false }: { parameters: Parameters; isBackwards?: boolean },
): string {
  const named = keys.flatMap(({ sql, isDescending = false }, i) => {
    const value = position[i] ?? null;
    // The key before separates values from nulls, which have no order among them.
    if (value === null) return [];
    parameters[`behind_${i}`] = typeof value === "boolean" ? Number(value) : value;
    return [{ sql, name: `:behind_${i}`, isLess: isDescending !== isBackwards }];
  });
  const behind = (rest: typeof named): string => {
    const { isLess } = rest[0]!, change = rest.findIndex((key) => key.isLess !== isLess);
    const run = change < 0 ? rest : rest.slice(0, change), sign = isLess ? "<" : ">";
    const left = run.map(({ sql }) => sql).join(", "), right = run.map(({ name }) => name).join(", ");
    const compared = (operator: string) =>
      run.length === 1 ? `${left} ${operator} ${right}` : `(${left}) ${operator} (${right})`;
    if (change < 0) return compared(sign);
    return `(${compared(`${sign}=`)} AND (${compared(sign)} OR ${behind(rest.slice(change))}))`;
  };
  return named.length === 0 ? "1 = 0" : behind(named);
}

/** A statement of a list. Its keys together name one row. */
export interface ListQuery {
  columns: string;
  from: string;
  where: string;
  keys: readonly SortKey[];
  parameters?: Parameters | undefined;
  /** Common table expressions. */
  with?: string | undefined;
  groupBy?: string | undefined;
}

/** A list whose rows are named by columns or expressions of it. */
export interface NamedQuery extends ListQuery {
  id: Record<string, "TEXT" | "BIGINT">;
  /** In place of `from` where rows are named, for an index that SQLite would not choose; the names come first then. */
  fromNamed?: string | undefined;
}

const all = Number.MAX_SAFE_INTEGER - 1;

/** Without a limit, all that is behind the place. */
export async function pageOf<Row extends object>(
  queries: Queries,
  query: ListQuery,
  { place, limit = all, offset = 0 }: PageWish,
): Promise<PageOf<Row>> {
  const { keys } = query, parameters: Parameters = { ...query.parameters, limit: limit + 1, offset };
  const { position, isBackwards } = directionOf(place);
  const behind = position === undefined ? undefined : behindSql(keys, position, { parameters, isBackwards });
  const columns = [query.columns, ...keys.map(({ sql }, i) => `${sql} AS sort_${i}`)].join(", ");
  const found = await queries.all<Row & Record<`sort_${number}`, Position[number]>>(
    `${textOf(query, { columns, behind })} ORDER BY ${keysSql(keys, isBackwards)} LIMIT :limit OFFSET :offset`,
    parameters,
  );
  const hasMore = found.length > limit, rows = hasMore ? found.slice(0, limit) : found;
  if (isBackwards) rows.reverse();
  const positionOf = (row: (typeof rows)[number] | undefined) => row && keys.map((_, i) => row[`sort_${i}`]!);
  const first = positionOf(rows[0]), last = positionOf(rows.at(-1));
  for (const row of rows) keys.forEach((_, i) => delete row[`sort_${i}`]);
  return {
    rows,
    next: (isBackwards ? place !== "end" : hasMore) ? last : undefined,
    previous: (isBackwards ? hasMore : place !== undefined || offset > 0) ? first : undefined,
  };
}

function textOf(
  { with: tables, from, where, groupBy }: ListQuery,
  { columns, behind, join = "" }: { columns: string; behind?: string | undefined; join?: string },
): string {
  const condition = behind === undefined ? "" : groupBy === undefined ? ` AND ${behind}` : ` HAVING ${behind}`;
  const group = groupBy === undefined ? "" : ` GROUP BY ${groupBy}`;
  return `${tables === undefined ? "" : `WITH ${tables} `}SELECT ${columns} FROM ${from}${join} WHERE ${where}${
    groupBy === undefined ? condition : group + condition
  }`;
}

/** Rows of a list that are read at once. */
export const lotSize = 200;

/** In a transaction. */
type Read<Q> = <T>(work: (queries: Q) => Promise<T>) => Promise<T>;

/**
 * A whole list in lots, each read in a transaction of its own when it is asked for: of a long list, no more than what
 * names its rows is held at once. A row that is gone meanwhile is left out.
 */
export async function* inLots<Id, Row, Q>(
  read: Read<Q>,
  { idsOf, rowsOf }: { idsOf(queries: Q): Promise<Id[]>; rowsOf(queries: Q, ids: Id[]): Promise<Row[]> },
): AsyncGenerator<Row[]> {
  const ids = await read(idsOf);
  for (let from = 0; from < ids.length; from += lotSize) {
    const lot = ids.slice(from, from + lotSize);
    yield await read((queries) => rowsOf(queries, lot));
  }
}

/** The same of a statement: a row that is not of the list any more is left out as well. */
export function queriedInLots<Row, Q extends Queries>(
  read: Read<Q>,
  queryOf: (queries: Q) => NamedQuery | Promise<NamedQuery>,
): AsyncGenerator<Row[]> {
  return inLots(read, {
    idsOf: async (queries) => await idsOf(queries, await queryOf(queries)),
    rowsOf: async (queries, ids) => await rowsNamed<Row>(queries, await queryOf(queries), ids),
  });
}

async function idsOf(queries: Queries, query: NamedQuery): Promise<(string | number)[][]> {
  const columns = Object.keys(query.id).map((sql, i) => `${sql} AS id_${i}`);
  const sql = `${textOf(query, { columns: columns.join(", ") })} ORDER BY ${keysSql(query.keys)}`;
  const rows = await queries.all<Record<`id_${number}`, string | number>>(sql, namedIn(sql, query.parameters));
  return rows.map((row) => columns.map((_, i) => row[`id_${i}`]!));
}

/** The parameters that the text names: SQLite refuses others. */
export function namedIn(sql: string, parameters: Parameters = {}): Parameters {
  return Object.fromEntries(Object.entries(parameters).filter(([name]) => new RegExp(`:${name}\\b`).test(sql)));
}

/* In the order in which they are named. */
function rowsNamed<Row>(queries: Queries, query: NamedQuery, ids: (string | number)[][]): Promise<Row[]> {
  const parameters: Parameters = { ...query.parameters }, columns = Object.entries(query.id);
  const values = ids.map((id, row) => {
    const cells = columns.map(([, type], i) => {
      parameters[`id_${row}_${i}`] = id[i]!;
      return `CAST(:id_${row}_${i} AS ${type})`;
    });
    return `(${row}, ${cells.join(", ")})`;
  });
  const wanted = `wanted (place, ${columns.map((_, i) => `id_${i}`).join(", ")}) AS (VALUES ${values.join(", ")})`;
  const same = columns.map(([sql], i) => `${sql} = wanted.id_${i}`).join(" AND ");
  const { fromNamed } = query;
  const named: ListQuery = {
    ...query,
    ...(fromNamed === undefined ? {} : { from: `wanted CROSS JOIN ${fromNamed}`, where: `${query.where} AND ${same}` }),
    with: query.with === undefined ? wanted : `${query.with}, ${wanted}`,
    groupBy: query.groupBy === undefined ? undefined : `${query.groupBy}, wanted.place`,
  };
  return queries.all(
    `${
      textOf(named, { columns: query.columns, join: fromNamed === undefined ? ` JOIN wanted ON ${same}` : "" })
    } ORDER BY wanted.place`,
    parameters,
  );
}

/**
 * Moves an installation from its SQLite file to PostgreSQL. Writers of the file wait meanwhile. PostgreSQL gets
 * everything or nothing: the written data is read back, and committed if counts and digests equal those of the file.
 * Then the file is closed permanently, so that no process continues to use it. A crash before that leaves the file
 * unchanged; the target is then either empty or complete, and a complete one is refused as not empty.
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
// @ts-types="@types/pg"
import type pg from "pg";
import { ConfigError, messageOf } from "../../common/core/errors.ts";
import type { DatabaseAddress } from "./postgres/database_url.ts";
import { derivedTables } from "./count_tables.ts";
import { partitionColumns, partitionDays } from "./partitions.ts";
import { openError } from "./postgres/postgres_error.ts";
import { migrateSchema } from "./postgres/postgres_schema.ts";
import { columnTypes, createPool } from "./postgres/postgres_pool.ts";

export interface CopiedTable {
  name: string;
  rows: number;
}

export interface CopyOptions {
  /** The SQLite file, at this release's version. */
  path: string;
  /** Connects as the owner of the tables. */
  target: DatabaseAddress;
  /** Role with which the platform will connect. */
  role: string;
}

interface Column {
  name: string;
  type: "text" | "bigint" | "double precision" | "bytea";
}

type Value = string | number | bigint | Uint8Array | null;
type Row = Record<string, Value>;

/* Of one INSERT, and of one FETCH. */
const mostRows = 1000, mostBytes = 4 * 1024 * 1024;

/** Throws ConfigError if the target has rows, or is not usable for a platform. */
export async function copyStore({ path, target, role }: CopyOptions): Promise<CopiedTable[]> {
  using source = new DatabaseSync(path, { timeout: 5000 });
  const pool = createPool(target, { connections: 1, statementTimeoutMs: 0 });
  let client: pg.PoolClient | undefined;
  try {
    client = await pool.connect().catch((error) => {
      throw openError(error, target.shown);
    });
    source.exec("BEGIN IMMEDIATE");
    await migrateSchema(client, { address: target, role });
    await client.query("BEGIN; SELECT set_config('opendca.scope', 'platform', true)");
    const tables = tablesInOrder(source);
    await makePartitions(source, client);
    for (const table of tables) await refuseRows(client, table, target);
    const copied: CopiedTable[] = [];
    for (const name of tables) {
      if (derivedTables.includes(name)) continue;
      const columns = await columnsOf(client, name);
      copied.push({ name, rows: await copyTable(source, client, { name, columns }) });
    }
    await client.query("COMMIT");
    closeForGood(source, tables);
    source.exec("COMMIT");
    return copied;
  } finally {
    // Without a COMMIT, this rolls back both.
    client?.release(true);
    await pool.end();
  }
}

/* Of the times that the rows have: later, those that are in the default partition stay there. */
async function makePartitions(source: DatabaseSync, client: pg.ClientBase): Promise<void> {
  for (const [table, column] of Object.entries(partitionColumns)) {
    const stepMs = partitionDays[table as keyof typeof partitionDays] * 86_400_000;
    const ends = source.prepare(`SELECT min(${column}) AS first, max(${column}) AS last FROM ${table}`);
    ends.setReadBigInts(true);
    const { first, last } = ends.get()!;
    if (first === null) continue;
    // No partitions for times of a clock that was wrong by centuries.
    const until = Math.min(Number(last) + 1, Date.UTC(2100, 0));
    const from = Math.max(0, Number(first), until - 200 * stepMs);
    if (from < until) {
      await client.query("SELECT opendca_keep_partitions($1, $2, $3, $4, 0)", [table, stepMs, from, until]);
    }
  }
}

/* A table after those that its rows refer to. */
function tablesInOrder(source: DatabaseSync): string[] {
  const names = source.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").all()
    .map(({ name }) => String(name));
  const ordered: string[] = [];
  const add = (name: string) => {
    if (ordered.includes(name)) return;
    for (const { table } of source.prepare('SELECT "table" FROM pragma_foreign_key_list(?)').all(name)) {
      if (table !== name) add(String(table));
    }
    ordered.push(name);
  };
  names.forEach(add);
  return ordered;
}

async function refuseRows(client: pg.ClientBase, table: string, target: DatabaseAddress): Promise<void> {
  const { rows } = await client.query(`SELECT 1 FROM ${table} LIMIT 1`);
  if (rows.length === 0) return;
  throw new ConfigError(
    `Cannot copy to the database ${target.shown} as its table ${table} has rows`,
    "create an empty database for the copy",
  );
}

async function columnsOf(client: pg.ClientBase, table: string): Promise<Column[]> {
  const { rows } = await client.query(
    `SELECT attname AS name, format_type(atttypid, NULL) AS type FROM pg_attribute
     WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum`,
    [table],
  );
  return rows;
}

interface Table {
  name: string;
  columns: Column[];
}

async function copyTable(source: DatabaseSync, client: pg.ClientBase, table: Table): Promise<number> {
  const names = table.columns.map(({ name }) => name).join(", ");
  const statement = source.prepare(`SELECT ${names} FROM ${table.name}`);
  statement.setReadBigInts(true);
  const sent = digester(table);
  let chunk: Row[] = [], bytes = 0, largest = 0;
  for (const row of statement.iterate() as Iterable<Row>) {
    sent.add(row);
    chunk.push(row);
    const size = Object.values(row).reduce<number>((sum, value) => sum + bytesOf(value), 0);
    bytes += size;
    largest = Math.max(largest, size);
    if (chunk.length < mostRows && bytes < mostBytes) continue;
    await insert(client, table, chunk);
    chunk = [];
    bytes = 0;
  }
  if (chunk.length > 0) await insert(client, table, chunk);
  const found = await readBack(client, table, rowsAtOnce(largest));
  if (found.rows !== sent.rows || found.digest() !== sent.digest()) {
    throw new Error(`Cannot commit the copy as the table ${table.name} differs: ${found.rows} of ${sent.rows} rows`);
  }
  await setCounter(client, table);
  return sent.rows;
}

function bytesOf(value: Value): number {
  return typeof value === "string" || value instanceof Uint8Array ? value.length : 8;
}

async function insert(client: pg.ClientBase, { name, columns }: Table, chunk: readonly Row[]): Promise<void> {
  const arrays = columns.map((column) =>
    chunk.map((row) => {
      const value = row[column.name]!;
      return value instanceof Uint8Array ? Buffer.from(value) : value;
    })
  );
  const lists = columns.map(({ type }, i) => `$${i + 1}::${type}[]`).join(", ");
  const names = columns.map((column) => column.name).join(", ");
  try {
    await client.query(`INSERT INTO ${name} (${names}) SELECT * FROM unnest(${lists})`, arrays);
  } catch (error) {
    if (!/^2[23]/.test((error as { code?: string }).code ?? "")) throw error;
    // Such as a row with a missing reference, which SQLite accepts from other programs.
    const hint = `look at the table ${name} in the file; nothing was copied`;
    throw new ConfigError(`Cannot copy the table ${name}: ${messageOf(error)}`, hint, { cause: error });
  }
}

/* As SQLite gives them: whole numbers of any size. */
const exactTypes = { getTypeParser: (type: number) => type === 20 ? BigInt : columnTypes.getTypeParser(type) };

/** Rows of up to this size that are read together: those of files of releases would fill the memory. */
export function rowsAtOnce(largest: number): number {
  return Math.min(mostRows, Math.max(1, Math.floor(mostBytes / Math.max(1, largest))));
}

async function readBack(client: pg.ClientBase, table: Table, atOnce: number): Promise<Digester> {
  const found = digester(table);
  const names = table.columns.map(({ name }) => name).join(", ");
  await client.query(`DECLARE copied NO SCROLL CURSOR FOR SELECT ${names} FROM ${table.name}`);
  for (;;) {
    const { rows } = await client.query<Row>({ text: `FETCH ${atOnce} FROM copied`, types: exactTypes });
    for (const row of rows) found.add(row);
    if (rows.length === 0) break;
  }
  await client.query("CLOSE copied");
  return found;
}

/* The next row goes on where the file was. */
async function setCounter(client: pg.ClientBase, { name }: Table): Promise<void> {
  const { rows } = await client.query(
    "SELECT attname AS column FROM pg_attribute WHERE attrelid = $1::regclass AND attidentity <> ''",
    [name],
  );
  for (const { column } of rows) {
    await client.query(
      `SELECT setval(pg_get_serial_sequence($1, $2), greatest(max(${column}), 1), max(${column}) IS NOT NULL) FROM ${name}`,
      [name, column],
    );
  }
}

interface Digester {
  rows: number;
  add(row: Row): void;
  digest(): bigint;
}

/** The sum of the digests of all rows, so that their order does not matter. */
function digester({ columns }: Table): Digester {
  let sum = 0n;
  const self: Digester = {
    rows: 0,
    add(row) {
      const hash = createHash("sha256");
      for (const { name } of columns) {
        const value = row[name]!;
        if (value === null) hash.update("-");
        else if (value instanceof Uint8Array) hash.update(`b${value.length}:`).update(value);
        else hash.update(`${typeof value === "bigint" ? "i" : "t"}${String(value).length}:${value}`);
      }
      sum = (sum + BigInt(`0x${hash.digest("hex")}`)) % (1n << 256n);
      self.rows++;
    },
    digest: () => sum,
  };
  return self;
}

/* Also for a process that has the file open: its next statement of a table finds the trigger. */
function closeForGood(source: DatabaseSync, tables: readonly string[]): void {
  for (const table of tables) {
    for (const change of ["INSERT", "UPDATE", "DELETE"]) {
      source.exec(
        `CREATE TRIGGER moved_${table}_${change} BEFORE ${change} ON ${table}
         BEGIN SELECT RAISE(ABORT, '${movedMessage}'); END`,
      );
    }
  }
}

/** Error of every write to the file after it was copied. */
const movedMessage = "this store was moved to PostgreSQL";

/**
 * A backup that an older release made, restored under this one: nothing in it is lost, on either database. And one of a
 * later release is refused. The older store has a row in each of its tables.
 */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { parseDatabaseUrl } from "../../platform/store/postgres/database_url.ts";
import { createPool } from "../../platform/store/postgres/postgres_pool.ts";
import { migrateSchema } from "../../platform/store/postgres/postgres_schema.ts";
import { openPostgresStore } from "../../platform/store/postgres/postgres_store.ts";
import { migrations } from "../../platform/store/migrations.ts";
import { backUpFile } from "../../platform/store/sqlite/back_up_file.ts";
import { openSqliteStore } from "../../platform/store/sqlite/sqlite_store.ts";
import { inPostgres } from "../fixtures/each_database.ts";
import { maybePostgresFolder } from "../fixtures/peers.ts";
import { applicationRole, sharedPostgres, type TestDatabase } from "../fixtures/postgres_server.ts";
import { toolOutput } from "../fixtures/started_peer.ts";
import { withPlatform } from "./commands.ts";

const current = migrations.length;
/* Migration 3 reads what it moves, which needs true rows: migrations_test.ts. */
const oldest = 3;
const versions = [9, 22, 32, current - 1];
/* Of what is counted anew by the first poll or attempt after the update, and what is moved in small lots (years_test.ts). */
const replaced: Record<string, number> = { installations: 5, readings: 8 };

type Row = Record<string, unknown>;
type Rows = Map<string, Row[]>;

const plain = (row: Row): Row =>
  Object.fromEntries(
    Object.entries(row).filter(([name]) => name !== "rowid")
      .map(([name, value]) => [name, value instanceof Uint8Array ? value.toHex() : value]),
  );

function rowsOf(database: DatabaseSync): Rows {
  const tables = database.prepare(
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
  ).all();
  return new Map(tables.map(({ name }) => [String(name), database.prepare(`SELECT * FROM ${name}`).all()]));
}

/** The store of a release with this version of the schema. */
function makeOlder(path: string, version: number): Rows {
  using database = new DatabaseSync(path, { enableForeignKeyConstraints: false });
  for (const step of migrations.slice(0, version)) {
    if (typeof step === "string") database.exec(step);
    else step(database);
  }
  database.exec(`PRAGMA user_version = ${version}`);
  for (const { name, sql } of database.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'table'").all()) {
    if (String(name).startsWith("sqlite_")) continue;
    const columns = database.prepare("SELECT name, type FROM pragma_table_info(?)").all(String(name));
    const values = columns.map(({ name, type }) => {
      const [, permitted] = new RegExp(`CHECK \\(${name} IN \\('([^']+)'`).exec(String(sql)) ?? [];
      return type === "TEXT" ? `'${permitted ?? `${name}-1`}'` : type === "BLOB" ? "x'01'" : "1";
    });
    // Where a trigger has made it already, it stays.
    database.exec(
      `INSERT OR IGNORE INTO ${name} (${columns.map(({ name }) => name).join()}) VALUES (${values.join()})`,
    );
  }
  const rows = rowsOf(database);
  for (const [name, found] of rows) assert(found.length > 0, `${name} has no row`);
  return rows;
}

/** Every row, in the table of its name, with all its columns that are still there. */
function assertKept(before: Rows, after: Rows, version: number): void {
  for (const [table, rows] of before) {
    if (version <= (replaced[table] ?? 0)) continue;
    const found = after.get(table)?.map(plain) ?? [];
    for (const row of rows.map(plain)) {
      const isKept = found.some((each) =>
        Object.entries(row).every(([name, value]) => !(name in each) || each[name] === value)
      );
      assert(isKept, `version ${version}: ${table} has lost ${JSON.stringify(row)}: ${JSON.stringify(found)}`);
    }
  }
}

async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a backup by an older release is migrated when the platform opens it, and keeps every row", () =>
  withFolder(async (folder) => {
    for (const version of [oldest, ...versions]) {
      const path = `${folder}/${version}`;
      const before = makeOlder(`${path}.db`, version);
      await backUpFile(`${path}.db`, `${path}.backup`);
      await openSqliteStore(`${path}.backup`)[Symbol.asyncDispose]();
      using restored = new DatabaseSync(`${path}.backup`);
      assert.deepEqual({ ...restored.prepare("PRAGMA user_version").get() }, { user_version: current });
      assertKept(before, rowsOf(restored), version);
    }
  }));

const later =
  /^error: Cannot use .* as a store of version \d+: current value is \d+\nhint: .*later release.*: install that release/;

Deno.test("a backup by a later release is refused with what to do, and stays as it is", () =>
  withPlatform(async (run, { folder, sql, close }) => {
    await run("customer", "create", "Acme");
    await close();
    await sql(`PRAGMA user_version = ${current + 1}`);
    await Deno.rename(`${folder}/platform.db`, `${folder}/later.db`);
    await backUpFile(`${folder}/later.db`, `${folder}/platform.db`);
    for (const args of [["customer", "list"], ["serve"], ["database", "check"]]) {
      const { code, stderr } = await run(...args);
      assert.equal(code, 78, stderr);
      assert.match(stderr, later);
    }
    assert.deepEqual((await sql("SELECT name FROM customers")).map(({ name }) => name), ["Acme"]);
  }));

async function migrateTo(database: TestDatabase, to: number): Promise<void> {
  const address = parseDatabaseUrl(database.ownerUrl), pool = createPool(address, { connections: 1 });
  const client = await pool.connect();
  try {
    await migrateSchema(client, { address, role: applicationRole, to });
  } finally {
    client.release();
    await pool.end();
  }
}

/** As docs/database.md has it. */
async function dumpAndRestore(from: TestDatabase, to: TestDatabase, file: string): Promise<void> {
  const folder = maybePostgresFolder(), host = (await sharedPostgres()).folder;
  const connect = ["-h", host, "-U", "postgres"];
  await toolOutput(`${folder}/pg_dump`, [...connect, "-Fc", "-f", file, from.name]);
  await toolOutput(`${folder}/pg_restore`, [...connect, "--exit-on-error", "-d", to.name, file]);
}

async function insertAll(database: TestDatabase, rows: Rows): Promise<void> {
  const literal = (value: unknown) =>
    value === null
      ? "NULL"
      : value instanceof Uint8Array
      ? `'\\x${value.toHex()}'`
      : typeof value === "number"
      ? String(value)
      : `'${String(value).replaceAll("'", "''")}'`;
  const steps = [...rows].flatMap(([table, all]) =>
    all.map((row) =>
      `INSERT INTO ${table} (${Object.keys(row).join()}) VALUES (${Object.values(row).map(literal).join()})
        ON CONFLICT DO NOTHING`
    )
  );
  await database.sql(`SET session_replication_role = replica; ${steps.join(";\n")}`);
}

inPostgres(
  "a dump by an older or a later release is restored: migrated with every row, or refused with what to do",
  () =>
    withFolder(async (folder) => {
      await Deno.chmod(folder, 0o755);
      const server = await sharedPostgres();
      for (const version of versions) {
        await using older = await server.database("empty");
        // What the tools of PostgreSQL do is the same for those in between.
        const isDumped = version === versions[0] || version === versions.at(-1);
        await using empty = isDumped ? await server.database("empty") : undefined;
        const restored = empty ?? older;
        await migrateTo(older, version);
        const before = makeOlder(`${folder}/${version}.db`, version);
        await insertAll(older, before);
        if (empty !== undefined) await dumpAndRestore(older, empty, `${folder}/${version}.dump`);
        await withPlatform(async (run) => {
          const early = await run("--database", restored.url, "customer", "list");
          assert.equal(early.code, 78);
          assert.match(early.stderr, /hint: run opendca-platform database migrate --role opendca/);
          const { code, stdout, stderr } = await run("--database", restored.ownerUrl, "database", "migrate");
          assert.deepEqual([code, stderr], [0, ""], `${version}: ${stdout}`);
          const after: Rows = new Map();
          for (const table of before.keys()) {
            const [found] = await restored.sql(`SELECT to_regclass('public.${table}') IS NOT NULL AS is_there`);
            if (found!.is_there) after.set(table, await restored.sql(`SELECT * FROM ${table}`));
          }
          assertKept(before, after, version);
          await (await openPostgresStore(parseDatabaseUrl(restored.url)))[Symbol.asyncDispose]();

          await restored.sql(`UPDATE store_version SET version = ${current + 1}`);
          for (const args of [[restored.url, "customer", "list"], [restored.ownerUrl, "database", "migrate"]]) {
            const { code, stderr } = await run("--database", ...args);
            assert.equal(code, 78, stderr);
            assert.match(stderr, later);
          }
        });
      }
    }),
);

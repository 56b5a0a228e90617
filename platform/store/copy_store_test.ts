import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { copyMigratedStore } from "../../tests/fixtures/each_database.ts";
import { peerTest, postgresServer } from "../../tests/fixtures/peers.ts";
import { applicationRole, sharedPostgres, type TestDatabase } from "../../tests/fixtures/postgres_server.ts";
import { ConfigError } from "../../common/core/errors.ts";
import { derivedTables } from "./count_tables.ts";
import { copyStore, rowsAtOnce } from "./copy_store.ts";
import { parseDatabaseUrl } from "./postgres/database_url.ts";

const odd = [
  "",
  "NULL",
  "null",
  '"',
  "\\",
  "\\x00",
  "{a,b}",
  "'; DROP TABLE customers; --",
  "ä\u{1f600}\u202e",
  " \t\n",
  "\uffff",
];

/* Values that a careless copy would change, in every table; `rows` in each. */
async function fill(path: string, rows: number): Promise<void> {
  await copyMigratedStore(path);
  using database = new DatabaseSync(path, { enableForeignKeyConstraints: false });
  database.exec("BEGIN");
  for (const { name } of tablesOf(database)) {
    if (derivedTables.includes(name)) continue;
    const columns = database.prepare("SELECT name, type FROM pragma_table_info(?)").all(name);
    const statement = database.prepare(`INSERT INTO ${name} VALUES (${columns.map(() => "?").join()})`);
    for (let row = 0; row < rows; row++) {
      statement.run(
        ...columns.map(({ name: column, type }, i) =>
          valueOf({ table: name, column: String(column), type: String(type), row, i })
        ),
      );
    }
  }
  database.exec("COMMIT");
}

function valueOf(
  at: { table: string; column: string; type: string; row: number; i: number },
): string | number | bigint | Uint8Array {
  const { table, column, type, row, i } = at;
  if (column === "customer_id") return "cus-1";
  if (`${table}.${column}` === "activation_codes.state") return "open";
  if (`${table}.${column}` === "agents.state") return "active";
  if (`${table}.${column}` === "records.kind") return "reading";
  if (`${table}.${column}` === "users.state") return "active";
  if (`${table}.${column}` === "mails.state") return "waiting";
  if (`${table}.${column}` === "user_links.kind") return "invitation";
  if (`${table}.${column}` === "user_sessions.step") return "full";
  if (`${table}.${column}` === "identity_providers.kind") return "oidc";
  if (`${table}.${column}` === "provider_flows.purpose") return "signIn";
  if (`${table}.${column}` === "trust_documents.kind") return "report";
  if (/^agreement_\w+\.kind$/.test(`${table}.${column}`)) return "nda";
  if (/^(dealer|site|agent|device|user|provider)_id$/.test(column)) {
    return `${column}-${/^(dealers|sites|agents|devices|users|identity_providers)$/.test(table) ? row : 0}`;
  }
  if (type === "INTEGER") return row === 0 ? 9_223_372_036_854_775_000n : BigInt(row * 7 - 3);
  if (type === "REAL") return row === 0 ? 1e300 : row / 3;
  const text = `${odd[(row + i) % odd.length]}${row}`;
  return type === "TEXT" ? text : Uint8Array.from({ length: row + 256 }, (_, n) => n + row);
}

function tablesOf(database: DatabaseSync): { name: string }[] {
  return database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    .all() as { name: string }[];
}

/* As PostgreSQL gives them. */
function rowsOf(database: DatabaseSync, table: string): Record<string, unknown>[] {
  const rows = database.prepare(`SELECT * FROM ${table}`);
  rows.setReadBigInts(true);
  return rows.all().map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [name, typeof value === "bigint" ? Number(value) : value]),
    )
  );
}

function copyTest(name: string, body: (parts: { path: string; target: TestDatabase }) => Promise<void>): void {
  peerTest(name, [postgresServer], async () => {
    await using target = await (await sharedPostgres()).database("empty");
    const folder = await Deno.makeTempDir();
    try {
      await body({ path: `${folder}/platform.db`, target });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

const copy = ({ path, target }: { path: string; target: TestDatabase }) =>
  copyStore({ path, target: parseDatabaseUrl(target.ownerUrl), role: applicationRole });

const one = async (target: TestDatabase, sql: string) => Object.values((await target.sql(sql))[0]!)[0];

copyTest("copyStore() copies every row of every table, and the next rows go on behind them", async (parts) => {
  const { path, target } = parts;
  // One customer in `customers`, and more rows than go with one statement.
  await fill(path, 1);
  {
    using database = new DatabaseSync(path);
    database.exec("BEGIN; DELETE FROM device_history");
    const add = database.prepare("INSERT INTO device_history VALUES ('cus-1', 'device_id-0', ?, ?, NULL, ?)");
    for (let row = 0; row < 2500; row++) add.run(5n, odd[row % odd.length]!, String(row));
    database.exec("COMMIT");
  }
  const copied = await copy(parts);
  const counts = Object.fromEntries(copied.map(({ name, rows }) => [name, rows]));
  using database = new DatabaseSync(path);
  for (const { name } of tablesOf(database)) {
    if (derivedTables.includes(name)) {
      assert.deepEqual(await target.sql(`SELECT * FROM ${name}`), rowsOf(database, name));
    } else assert.equal(counts[name], name === "device_history" ? 2500 : 1, name);
  }
  const order = await target.sql("SELECT after FROM device_history ORDER BY at, rowid");
  assert.deepEqual(order.map(({ after }) => Number(after)), Array.from({ length: 2500 }, (_, i) => i));
  assert.deepEqual(
    (await target.sql("SELECT DISTINCT kind FROM device_history")).map(({ kind }) => kind).sort(),
    odd.toSorted(),
  );
  const [code] = await target.sql("SELECT digest FROM activation_codes");
  assert.deepEqual(code?.digest, Uint8Array.from({ length: 256 }, (_, n) => n));
  assert.equal(await one(target, "SELECT max(created_at)::text FROM customers"), "9223372036854775000");
  assert.equal(await one(target, "INSERT INTO device_history VALUES ('cus-1', 'd', 1, 'k') RETURNING rowid"), 2501);
});

copyTest("copyStore() copies files of releases chunk by chunk, byte for byte", async (parts) => {
  const { path, target } = parts;
  await copyMigratedStore(path);
  const chunk = (n: number) => new Uint8Array(262_144).fill(n);
  {
    using database = new DatabaseSync(path);
    database.exec("BEGIN");
    const add = database.prepare("INSERT INTO release_chunks VALUES ('fil-1', ?, ?)");
    for (let n = 0; n < 40; n++) add.run(n, chunk(n));
    database.exec("COMMIT");
  }
  assert.equal((await copy(parts)).find(({ name }) => name === "release_chunks")!.rows, 40);
  const rows = await target.sql("SELECT number, bytes FROM release_chunks ORDER BY number");
  for (const [n, { bytes }] of rows.entries()) assert.deepEqual(new Uint8Array(bytes as Uint8Array), chunk(n));
});

Deno.test("rowsAtOnce() is a thousand small rows, or as many as have 4 MiB", () => {
  assert.deepEqual([0, 100, 4096, 262_200, 1e9].map(rowsAtOnce), [1000, 1000, 1000, 15, 1]);
});

copyTest("copyStore() closes the file for every process, and refuses a target that has rows", async (parts) => {
  await fill(parts.path, 1);
  using running = new DatabaseSync(parts.path);
  const write = running.prepare("UPDATE customers SET created_at = 1");
  write.run();
  await copy(parts);
  assert.throws(() => write.run(), /moved to PostgreSQL/);
  assert.throws(() => running.exec("DELETE FROM batches"), /moved to PostgreSQL/);
  assert.throws(() => running.exec("INSERT INTO epochs SELECT * FROM epochs"), /moved to PostgreSQL/);
  const before = await one(parts.target, "SELECT count(*) FROM devices");
  await assert.rejects(copy(parts), (error) => error instanceof ConfigError && /has rows/.test(error.message));
  assert.equal(await one(parts.target, "SELECT count(*) FROM devices"), before);
});

copyTest("copyStore() leaves both as they were when a row cannot be copied", async (parts) => {
  await fill(parts.path, 1);
  using running = new DatabaseSync(parts.path, { timeout: 0, enableForeignKeyConstraints: false });
  running.exec("UPDATE devices SET agent_id = 'nobody'");
  await assert.rejects(copy(parts), (error) => {
    assert(error instanceof ConfigError, String(error));
    assert.match(error.message, /Cannot copy the table devices/);
    return true;
  });
  assert.equal(await one(parts.target, "SELECT count(*) FROM customers"), 0);
  running.exec("UPDATE devices SET agent_id = 'agent_id-0'");
  await copy(parts);
  assert.equal(await one(parts.target, "SELECT count(*) FROM customers"), 1);
});

const changed = {
  "has another value": "NEW.name := NEW.name || '!'; RETURN NEW",
  "lacks a row": "RETURN NULL",
};
for (const [what, body] of Object.entries(changed)) {
  peerTest(`copyStore() commits nothing when a table ${what} as it is read back`, [postgresServer], async () => {
    await using target = await (await sharedPostgres()).database("own");
    const folder = await Deno.makeTempDir(), path = `${folder}/platform.db`;
    try {
      await fill(path, 1);
      await target.sql(`CREATE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${body}; END $$;
        CREATE TRIGGER change BEFORE INSERT ON dealers FOR EACH ROW EXECUTE FUNCTION change()`);
      await assert.rejects(copy({ path, target }), /Cannot commit the copy as the table dealers differs: /);
      assert.equal(await one(target, "SELECT count(*) FROM dealers"), 0);
      assert.equal(await one(target, "SELECT count(*) FROM customers"), 0);
      // The file is still in use.
      using running = new DatabaseSync(path);
      running.exec("UPDATE customers SET created_at = 1");
      await target.sql("DROP TRIGGER change ON dealers");
      await copy({ path, target });
      assert.equal(await one(target, "SELECT count(*) FROM dealers"), 1);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { UnavailableError } from "../../../common/core/errors.ts";
import { peerTest, postgresServer } from "../../../tests/fixtures/peers.ts";
import { sharedPostgres } from "../../../tests/fixtures/postgres_server.ts";
import type { Store } from "../store.ts";
import { parseDatabaseUrl } from "./database_url.ts";
import { openPostgresStore } from "./postgres_store.ts";
import { createPool } from "./postgres_pool.ts";
import { PostgresTransaction } from "./postgres_transaction.ts";
import { Turns } from "../turns.ts";

/* Messages of PostgreSQL's protocol (its manual, "Message Formats"). */
function message(type: string, ...parts: (string | number[])[]): Buffer {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part as string)));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length + 4);
  return Buffer.concat([Buffer.from(type), length, body]);
}

const authenticated = message("R", [0, 0, 0, 0]), ready = message("Z", "I");
const shuttingDown = message("E", "SFATAL\0C57P01\0Mterminating connection\0\0");
const isStandby = message("S", "in_hot_standby\0on\0");

const answers: { name: string; bytes: Buffer[]; says: RegExp }[] = [
  // What a server that shuts down writes may arrive in one piece.
  { name: "ends as soon as it is made", bytes: [authenticated, ready, shuttingDown], says: /terminat|not queryable/i },
  { name: "is of a standby", bytes: [authenticated, isStandby, ready], says: /as it is a standby/ },
];
for (const { name, bytes, says } of answers) {
  Deno.test(`a connection that ${name} is an UnavailableError, and the process goes on`, async () => {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", () => {
        socket.write(Buffer.concat(bytes));
        if (bytes.includes(shuttingDown)) socket.end();
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const address = parseDatabaseUrl(`postgres://u@127.0.0.1:${port}/d`);
    const pool = createPool(address, { connections: 2 });
    const tx = new PostgresTransaction(pool, { address, readOnly: false, turns: new Turns(), turnTimeoutMs: 1000 });
    await assert.rejects(tx.all("SELECT 1"), (error) => {
      assert(error instanceof UnavailableError, String(error));
      assert.match(error.message, says);
      return true;
    });
    await tx.end("ROLLBACK");
    await pool.end();
    server.close();
    await once(server, "close");
  });
}

async function withStore(body: (store: Store) => Promise<void>): Promise<void> {
  await using database = await (await sharedPostgres()).database();
  await using store = await openPostgresStore(parseDatabaseUrl(database.url), { connections: 1 });
  await body(store);
}

const added = (name: string) =>
  `INSERT INTO customers (customer_id, name, created_at, quota_bytes) VALUES ('${name}', '${name}', 1, 0)`;

peerTest("of statements that are sent together, the first that fails is told, and nothing is stored", [
  postgresServer,
], () =>
  withStore(async (store) => {
    const failing = store.transaction(async (tx) => {
      await Promise.all([tx.run(added("a")), tx.run(added("b")), tx.run(added("a")), tx.run(added("c")), tx.get("x")]);
    });
    await assert.rejects(failing, /duplicate key/);
    // The only connection goes on, also with the statement that was not even prepared.
    const names = await store.transaction(async (tx) => {
      const [, rows] = await Promise.all([
        tx.run(added("c")),
        tx.all<{ name: string }>("SELECT name FROM customers ORDER BY name"),
      ]);
      return rows.map(({ name }) => name);
    });
    assert.deepEqual(names, ["c"]);
  }));

peerTest(
  "the statement that failed is told, and not one that was sent behind it",
  [postgresServer],
  () =>
    withStore(async (store) => {
      const failing = store.transaction(async (tx) => {
        const tenant = tx.tenant("a"), of = { table: "numbers", key: ["n"], columns: ["n"] };
        await tx.run("CREATE TEMP TABLE numbers (customer_id text, n bigint PRIMARY KEY) ON COMMIT DROP");
        await tenant.insertMany(of, [{ n: 1 }]);
        // The first one also changes the customer, so that its answer takes longer to get through.
        const other = tx.tenant("b");
        await Promise.all([
          other.run("INSERT INTO numbers (customer_id, n) VALUES (:customer, 1)"),
          other.run("INSERT INTO numbers (customer_id, n) VALUES (:customer, 2)"),
        ]);
      });
      await assert.rejects(failing, /duplicate key/);
    }),
);

peerTest("a statement that is sent with the beginning of its transaction is not run if that fails", [
  postgresServer,
], () =>
  withStore(async (store) => {
    // The name of its customer has a zero byte, which no text of PostgreSQL has.
    const failing = store.transaction((tx) =>
      tx.tenant("a\0b").run("DELETE FROM agents WHERE customer_id = :customer")
    );
    await assert.rejects(failing);
    assert.deepEqual(await store.transaction((tx) => tx.all("SELECT 1 AS n")), [{ n: 1 }]);
  }));

peerTest("rows are written in the order that they were given in, whatever is known of their tables", [
  postgresServer,
], () =>
  withStore((store) =>
    store.transaction(async (tx) => {
      const tenant = tx.tenant("a"), columns = ["n"], key = ["n"];
      await tx.run("CREATE TEMP TABLE parents (customer_id text, n bigint PRIMARY KEY) ON COMMIT DROP");
      await tx.run("CREATE TEMP TABLE children (customer_id text, n bigint REFERENCES parents) ON COMMIT DROP");
      await tenant.run("INSERT INTO parents (customer_id, n) VALUES (:customer, 0)");
      // From now on, the columns of one of them are known.
      await tenant.insertMany({ table: "children", key, columns }, [{ n: 0 }]);
      const many = Array.from({ length: 2500 }, (_, i) => ({ n: i + 1 }));
      await Promise.all([
        tenant.insertMany({ table: "parents", key, columns }, many),
        tenant.insertMany({ table: "children", key, columns }, many),
      ]);
      assert.deepEqual(await tx.all("SELECT count(*) AS n FROM children"), [{ n: 2501 }]);
    })
  ));

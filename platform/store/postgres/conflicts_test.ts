/** Transactions that the server rolls back because of another one: they are repeated, and stored once. */
import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { UnavailableError } from "../../../common/core/errors.ts";
import { peerTest, postgresServer } from "../../../tests/fixtures/peers.ts";
import {
  activatedAgent,
  call,
  connect,
  reasonOf,
  startTestPlatform,
  type TestAgent,
} from "../../../tests/fixtures/platform_fixture.ts";
import { batchOf, readingOf, recordOf } from "../../../tests/fixtures/platform_uploads.ts";
import { sharedPostgres, type TestDatabase } from "../../../tests/fixtures/postgres_server.ts";
import type { Store, Transaction } from "../store.ts";
import { parseDatabaseUrl } from "./database_url.ts";
import { openPostgresStore } from "./postgres_store.ts";

/* As another caller does, who is in no transaction. */
const outside: <T>(work: () => T) => T = AsyncLocalStorage.snapshot();

/* In which every transaction can fail for another one, as an administrator may set for the whole server. */
async function serializable(): Promise<TestDatabase> {
  const database = await (await sharedPostgres()).database("own");
  await database.sql(`ALTER DATABASE ${database.name} SET default_transaction_isolation = 'serializable'`);
  return database;
}

async function withCounters(database: TestDatabase, body: (store: Store) => Promise<void>): Promise<void> {
  await using store = await openPostgresStore(parseDatabaseUrl(database.url));
  await store.transaction((tx) =>
    tx.run(
      "INSERT INTO customers (customer_id, name, created_at, quota_bytes) VALUES ('a', 'a', 1, 0), ('b', 'b', 1, 0)",
    )
  );
  await body(store);
}

const count = (tx: Transaction, id: string) =>
  tx.run("UPDATE customers SET quota_bytes = quota_bytes + 1 WHERE customer_id = :id", { id });
const counted = async (store: Store) =>
  (await store.transaction((tx) =>
    tx.all<{ n: number }>("SELECT quota_bytes AS n FROM customers ORDER BY customer_id")
  ))
    .map(({ n }) => n);

peerTest("two transactions that lock each other out are both stored, once", [postgresServer], async () => {
  await using database = await (await sharedPostgres()).database();
  await withCounters(database, async (store) => {
    const met = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let runs = 0;
    const both = (own: number, [first, second]: [string, string]) =>
      store.transaction(async (tx) => {
        runs++;
        await count(tx, first);
        met[own]!.resolve();
        await met[1 - own]!.promise;
        await count(tx, second);
        return own;
      });
    assert.deepEqual(await Promise.all([both(0, ["a", "b"]), both(1, ["b", "a"])]), [0, 1]);
    assert.deepEqual([runs, await counted(store)], [3, [2, 2]]);
  });
});

peerTest("transactions that read what another one changes are repeated", [postgresServer], async () => {
  await using database = await serializable();
  await withCounters(database, async (store) => {
    let runs = 0, reading = 0;
    const all = Promise.withResolvers<void>();
    await Promise.all(Array.from({ length: 3 }, () =>
      store.transaction(async (tx) => {
        runs++;
        const row = await tx.get<{ n: number }>("SELECT quota_bytes AS n FROM customers WHERE customer_id = 'a'");
        if (++reading === 3) all.resolve();
        await all.promise;
        await tx.run("UPDATE customers SET quota_bytes = :n WHERE customer_id = 'a'", { n: row!.n + 1 });
      })));
    assert.deepEqual(await counted(store), [3, 0]);
    assert.ok(runs > 3, `${runs} runs`);
  });
});

peerTest("a transaction that always meets others is given up after some times", [postgresServer], async () => {
  await using database = await serializable();
  await withCounters(database, async (store) => {
    let runs = 0;
    const meeting = store.transaction(async (tx) => {
      runs++;
      await tx.get("SELECT quota_bytes FROM customers WHERE customer_id = 'a'");
      await outside(() => store.transaction((other) => count(other, "a")));
      await count(tx, "a");
    });
    await assert.rejects(meeting, (error) => {
      assert.ok(error instanceof UnavailableError, String(error));
      return /could not serialize access.*the database is busy/.test(`${error.message}; ${error.hint}`);
    });
    assert.deepEqual([runs, await counted(store)], [5, [5, 0]]);
  });
});

peerTest("work that hides the failure of its statement is repeated as well, other failures are not", [
  postgresServer,
], async () => {
  await using database = await serializable();
  await withCounters(database, async (store) => {
    let runs = 0;
    await store.transaction(async (tx) => {
      await tx.get("SELECT quota_bytes FROM customers WHERE customer_id = 'a'");
      if (++runs === 1) await outside(() => store.transaction((other) => count(other, "a")));
      await count(tx, "a").catch(() => {});
    });
    assert.deepEqual([runs, await counted(store)], [2, [2, 0]]);
    // Nobody knows whether a commit without an answer was stored.
    for (const kill of ["57P01", "TypeError"]) {
      runs = 0;
      await assert.rejects(store.transaction(async (tx) => {
        runs++;
        await count(tx, "b");
        if (kill === "TypeError") throw new TypeError("a bug");
        const row = await tx.get<{ pid: number }>("SELECT pg_backend_pid() AS pid");
        await database.sql(`SELECT pg_terminate_backend(${row!.pid}, 10000)`);
      }));
      assert.deepEqual([runs, await counted(store)], [1, [2, 0]], kill);
    }
  });
});

peerTest("uploads and polls that meet each other are answered, and stored once", [postgresServer], async () => {
  await using database = await serializable();
  await using platform = await startTestPlatform({ database });
  const customers = [await platform.customer("Acme"), await platform.customer("Other")];
  const agents: TestAgent[] = [];
  for (const customer of [...customers, ...customers]) agents.push(await activatedAgent(platform, customer));
  const batches = 4;
  await Promise.all(agents.map(async (agent, n) => {
    using client = connect(platform, agent.identity);
    for (let sequence = 1; sequence <= batches; sequence++) {
      const records = [recordOf(readingOf({ serial: `SER-${n}${sequence}`, address: `10.1.${n}.${sequence}` }))];
      const request = batchOf(agent, { sequence, records });
      for (;;) {
        const said = await reasonOf(call(client, { method: client.upload, request }));
        if (said === "answered") break;
        assert.equal(said, "store-busy");
      }
    }
  }));
  const stored = await platform.queries.all<{ n: number }>("SELECT count(*) AS n FROM records GROUP BY customer_id");
  assert.deepEqual(stored.map(({ n }) => n), [2 * batches, 2 * batches]);
  const devices = await platform.queries.get<{ n: number }>("SELECT count(*) AS n FROM devices");
  assert.equal(devices!.n, 4 * batches);
});

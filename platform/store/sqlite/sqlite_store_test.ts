import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { ConfigError } from "../../../common/core/errors.ts";
import { customerRows } from "../../customers/customers.ts";
import { addTestCustomer } from "../../../tests/fixtures/loose_queries.ts";
import type { Store, Transaction } from "../store.ts";
import { openSqliteStore } from "./sqlite_store.ts";

const at = new Date();

async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync();
  try {
    await body(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

async function names(store: Store): Promise<string[]> {
  return (await store.transaction((tx) => customerRows(tx), { readOnly: true })).map(({ name }) => name);
}

const add = (name: string) => (tx: Transaction) => addTestCustomer(tx, { name, at });

Deno.test("transaction() keeps nothing of what threw, and the store goes on", async () => {
  await using store = openSqliteStore(":memory:");
  await assert.rejects(
    store.transaction(async (tx) => {
      await add("A")(tx);
      throw new Error("stop");
    }),
    /stop/,
  );
  await assert.rejects(
    store.transaction(() => {
      throw new Error("at once");
    }),
    /at once/,
  );
  assert.deepEqual(await names(store), []);
  await store.transaction(add("B"));
  assert.deepEqual(await names(store), ["B"]);
});

Deno.test("transactions take turns in the order in which they were asked for, whatever each waits for", async () => {
  await using store = openSqliteStore(":memory:");
  const steps: string[] = [];
  const work = (name: string, ms: number) =>
    store.transaction(async (tx) => {
      steps.push(`${name} begins`);
      await add(name)(tx);
      await new Promise((resolve) => setTimeout(resolve, ms));
      steps.push(`${name} sees ${(await customerRows(tx)).length}`);
    });
  await Promise.all([work("A", 20), work("B", 0), work("C", 5)]);
  assert.deepEqual(steps, ["A begins", "A sees 1", "B begins", "B sees 2", "C begins", "C sees 3"]);
});

Deno.test("transaction() within another one is an error, not a hang, and another store's is none", async () => {
  await using store = openSqliteStore(":memory:");
  await using other = openSqliteStore(":memory:");
  await assert.rejects(
    store.transaction(async (tx) => {
      await add("A")(tx);
      await store.transaction(add("B"));
    }),
    /within another one/,
  );
  assert.deepEqual(await names(store), []);
  await store.transaction(async (tx) => {
    await add("C")(tx);
    await other.transaction(add("C"));
  });
  assert.deepEqual([await names(store), await names(other)], [["C"], ["C"]]);
  // What a transaction sets going may begin one when it is over.
  let later: Promise<unknown> | undefined;
  await store.transaction((tx) => {
    later = new Promise((resolve) => setTimeout(resolve, 5)).then(() => store.transaction(add("D")));
    return add("E")(tx);
  });
  await later;
  assert.deepEqual(await names(store), ["C", "D", "E"]);
});

Deno.test("a query that is not awaited undoes its transaction, and one that comes too late is an error", async () => {
  await using store = openSqliteStore(":memory:");
  const forgotten = store.transaction(async (tx) => {
    await add("A")(tx);
    tx.run("DELETE FROM customers");
  });
  await assert.rejects(forgotten, /1 queries were not awaited/);
  assert.deepEqual(await names(store), []);
  let kept: Transaction | undefined, waiting: Promise<unknown> | undefined;
  await assert.rejects(store.transaction((tx) => {
    kept = tx;
    waiting = tx.all("SELECT 1");
    return Promise.reject(new Error("stop"));
  }));
  assert.throws(() => kept!.all("SELECT 1"), /the transaction is over/);
  await assert.rejects(async () => await kept!.tenant("cus-1").run("DELETE FROM sites WHERE :customer"), /is over/);
  await assert.rejects(async () => await waiting, /the transaction is over/);
});

Deno.test("a query gives its outcome to everybody who awaits it, and runs once", async () => {
  await using store = openSqliteStore(":memory:");
  await store.transaction(async (tx) => {
    const made = tx.run("INSERT INTO customers (customer_id, name, created_at) VALUES ('cus-1', 'A', 1)");
    assert.deepEqual(await Promise.all([made, made.then((n) => n + 1), made.finally(() => {})]), [1, 2, 1]);
    const failed = tx.all("SELECT * FROM nowhere");
    assert.equal(await failed.catch(() => "caught"), "caught");
    await assert.rejects(async () => await failed, /no such table/);
    assert.equal((await Promise.allSettled([failed]))[0]!.status, "rejected");
  });
});

Deno.test("a transaction that is read-only changes nothing", async () => {
  await using store = openSqliteStore(":memory:");
  await assert.rejects(store.transaction(add("A"), { readOnly: true }), /read-only/);
  assert.deepEqual(await names(store), []);
});

Deno.test("a store that is closed lets transactions end, and begins no other", async () => {
  const store = openSqliteStore(":memory:");
  const before = store.transaction(add("A"));
  const closing = store[Symbol.asyncDispose]();
  assert.equal((await before).name, "A");
  await closing;
  await store[Symbol.asyncDispose]();
  await assert.rejects(store.transaction(add("B")), /the store is closed/);
});

Deno.test("openSqliteStore() in memory leaves no file", async () => {
  await openSqliteStore(":memory:")[Symbol.asyncDispose]();
  assert.throws(() => Deno.statSync(":memory:"), Deno.errors.NotFound);
});

Deno.test("openSqliteStore() makes a file that only its owner reads, and finds it again", () =>
  withFolder(async (folder) => {
    const path = `${folder}/platform.db`;
    {
      await using store = openSqliteStore(path);
      await store.transaction(add("A"));
      if (Deno.build.os !== "windows") assert.equal(Deno.statSync(path).mode! & 0o777, 0o600);
    }
    await using again = openSqliteStore(path);
    assert.deepEqual(await names(again), ["A"]);
  }));

Deno.test("openSqliteStore() refuses a file of a later version, one that is no database, and no folder", () =>
  withFolder((folder) => {
    using later = new DatabaseSync(`${folder}/later.db`);
    later.exec("PRAGMA user_version = 99");
    assert.throws(() => openSqliteStore(`${folder}/later.db`), { name: "ConfigError", message: /current value is 99/ });
    Deno.writeTextFileSync(`${folder}/text.db`, "not a database, but long enough to be taken for one".repeat(20));
    assert.throws(() => openSqliteStore(`${folder}/text.db`), ConfigError);
    assert.throws(() => openSqliteStore(`${folder}/nowhere/platform.db`), ConfigError);
    return Promise.resolve();
  }));

Deno.test("a store without room is unavailable, keeps what it has, and goes on when there is room", () =>
  withFolder(async (folder) => {
    await using store = openSqliteStore(`${folder}/platform.db`);
    const limit = (pages: number) => store.transaction((tx) => tx.all(`PRAGMA max_page_count = ${pages}`));
    const fill = async (tx: Transaction) => {
      for (let i = 0; i < 100; i++) await add(`${i} ${"x".repeat(1000)}`)(tx);
    };
    const pages = await store.transaction((tx) => tx.get<{ page_count: number }>("PRAGMA page_count"));
    await limit(pages!.page_count);
    const full = { name: "UnavailableError", message: /disk is full/, hint: "free disk space" };
    await assert.rejects(store.transaction(fill), full);
    assert.deepEqual(await names(store), []);
    await limit(pages!.page_count + 1000);
    await store.transaction(fill);
    assert.equal((await names(store)).length, 100);
  }));

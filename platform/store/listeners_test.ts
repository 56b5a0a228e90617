import assert from "node:assert/strict";
import { eachDatabase, inPostgres, maybeTestDatabase, openTestStore } from "../../tests/fixtures/each_database.ts";
import { hear, notify } from "../../tests/fixtures/heard.ts";
import { until } from "../../tests/fixtures/until.ts";
import { parseDatabaseUrl } from "./postgres/database_url.ts";
import { postgresListener } from "./postgres/postgres_listener.ts";
import { createClient } from "./postgres/postgres_pool.ts";
import { openPostgresStore } from "./postgres/postgres_store.ts";

eachDatabase("notify() tells those who listen to its channel, once, after the commit", async () => {
  await using store = await openTestStore();
  const heard = await hear(store), second = await hear(store), other = await hear(store, "other");
  await store.transaction(async (tx) => {
    tx.notify("agent", "age-1 \u00fc");
    await tx.get("SELECT 1");
    tx.notify("agent", "age-1 \u00fc");
    tx.notify("agent", "age-2");
    assert.deepEqual(heard.notes, []);
  });
  await until("both are told", () => heard.notes.length >= 2 && second.notes.length >= 2);
  second.stop();
  await notify(store, "age-3");
  await until("the first is told", () => heard.notes.length >= 3);
  assert.deepEqual([heard.notes, second.notes, other.notes], [
    ["age-1 \u00fc", "age-2", "age-3"],
    ["age-1 \u00fc", "age-2"],
    [],
  ]);
  heard.stop();
  other.stop();
});

eachDatabase("notify() in a transaction that is rolled back, fails or makes no statement", async () => {
  await using store = await openTestStore();
  const heard = await hear(store);
  const failing = (work: "throw" | "statement" | "unawaited") =>
    store.transaction(async (tx) => {
      tx.notify("agent", work);
      await tx.get("SELECT 1");
      if (work === "throw") throw new Error("no");
      if (work === "statement") await tx.get("SELECT none FROM customers");
      else void tx.get("SELECT 1");
    });
  for (const work of ["throw", "statement", "unawaited"] as const) await assert.rejects(failing(work));
  await store.transaction((tx) => Promise.resolve(tx.notify("agent", "empty")));
  await until("the last is told", () => heard.notes.length > 0);
  assert.deepEqual(heard.notes, ["empty"]);
  heard.stop();
});

eachDatabase("notify() refuses what is no id, and a transaction that is read-only", async () => {
  await using store = await openTestStore();
  for (const [channel, payload] of [["agent", "x".repeat(201)], ["agent", "a\nb"], ["a b", "x"], ["", "x"]]) {
    await assert.rejects(
      store.transaction((tx) => Promise.resolve(tx.notify(channel!, payload!))),
      /^TypeError: Cannot notify/,
    );
  }
  await assert.rejects(
    store.transaction((tx) => Promise.resolve(tx.notify("agent", "x")), { readOnly: true }),
    /read-only/,
  );
});

eachDatabase("listen() goes on after all have stopped, and what a listener does may ask the store", async () => {
  await using store = await openTestStore();
  (await hear(store)).stop();
  const counts: number[] = [];
  const heard = await hear(store);
  const stop = store.listen("agent", (payload) => {
    if (payload === undefined) return;
    void store.transaction((tx) => tx.all("SELECT * FROM customers")).then(({ length }) => counts.push(length));
  });
  await notify(store, "age-1");
  await until("both have it", () => heard.notes.length === 1 && counts.length === 1);
  assert.deepEqual(counts, [0]);
  stop();
  heard.stop();
  heard.stop();
});

inPostgres("listen() hears another process, and tells that it may have missed something after a loss", async () => {
  await using database = await maybeTestDatabase();
  const open = () => openPostgresStore(parseDatabaseUrl(database!.url));
  await using store = await open();
  await using other = await open();
  const heard = await hear(store);
  await notify(other, "age-1");
  await until("it is told", () => heard.notes.length === 1);
  const before = heard.unsure, listening = "datname = current_database() AND query LIKE 'LISTEN%'";
  const lost = await database!.sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${listening}`);
  assert.equal(lost.length, 1);
  await until("it listens again", () => heard.unsure > before);
  await notify(other, "age-2");
  await until("it is told again", () => heard.notes.at(-1) === "age-2");
  const held = () => database!.sql(`SELECT 1 FROM pg_stat_activity WHERE ${listening}`);
  assert.equal((await held()).length, 1);
  heard.stop();
  await until("the connection is given up", async () => (await held()).length === 0);
});

inPostgres("listen() notices that the server of its connection hangs", async () => {
  await using database = await maybeTestDatabase();
  const address = parseDatabaseUrl(database!.url);
  await using listener = postgresListener(() => createClient(address), { probeMs: 100 });
  let unsure = 0;
  listener.listen("agent", () => unsure++);
  await until("listening has begun", () => unsure === 1);
  const [held] = await database!.sql(
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND usename = 'opendca'",
  );
  const pid = Number(held!.pid);
  Deno.kill(pid, "SIGSTOP");
  try {
    await until("another connection listens", () => unsure === 2);
  } finally {
    Deno.kill(pid, "SIGCONT");
  }
});

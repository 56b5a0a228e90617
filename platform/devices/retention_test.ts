/** Retention runs by itself, and in PostgreSQL makes and drops partitions by time. */
import assert from "node:assert/strict";
import { eachDatabase, openTestStore } from "../../tests/fixtures/each_database.ts";
import { peerTest, postgresServer } from "../../tests/fixtures/peers.ts";
import { sharedPostgres } from "../../tests/fixtures/postgres_server.ts";
import { shortPatienceMs, until } from "../../tests/fixtures/until.ts";
import { deviceScene, firstMs } from "../../tests/platform/device_changes_fixture.ts";
import type { Platform } from "../agents/platform.ts";
import { parseDatabaseUrl } from "../store/postgres/database_url.ts";
import { openPostgresStore } from "../store/postgres/postgres_store.ts";
import { countRecords } from "./readings.ts";
import { defaultRetention, dropOld, startRetention } from "./retention.ts";

const day = 86_400_000;

eachDatabase("retention runs at the start and again after its pause, also after a failure", async () => {
  await using store = await openTestStore();
  await using s = await deviceScene("Acme", store);
  const events: string[] = [];
  const platform = { ...s.platform, log: (event: string) => void events.push(event) } as Platform;
  await s.upload({ total: 1 });
  s.pass(36 * day);
  const count = () => countRecords(s.tenant, "reading");
  {
    await using _ = startRetention(platform, { pauseMs: 20 });
    await until("the record was dropped at the start", async () => await count() === 0, shortPatienceMs);
    await s.upload({ total: 2 });
    s.pass(36 * day);
    await until("the next one was dropped by a later run", async () => await count() === 0, shortPatienceMs);
  }
  assert.deepEqual([...new Set(events)], ["oldDataDropped"]);
  // Days of one's own, and a store that fails at first.
  await s.upload({ total: 3 });
  s.pass(3 * day);
  let fails = 2;
  const failing: Platform["store"] = Object.assign(Object.create(store), {
    engine: store.engine,
    transaction: (...args: Parameters<typeof store.transaction>) =>
      fails-- > 0 ? Promise.reject(new Error("away")) : store.transaction(...args),
  });
  await using _ = startRetention({ ...platform, store: failing }, { pauseMs: 20, retention: { recordDays: 2 } });
  await until("it was dropped after the failures", async () => await count() === 0, shortPatienceMs);
  assert.ok(events.includes("storeBusy"));
});

peerTest("partitions are made ahead of time and dropped when all in them is too old", [postgresServer], async () => {
  // The others share one whose partitions stay.
  await using database = await (await sharedPostgres()).database("own");
  await using store = await openPostgresStore(parseDatabaseUrl(database.url));
  await using s = await deviceScene("Acme", store);
  const partitions = async (table: string) =>
    (await database.sql(`SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
      WHERE nspname = 'opendca_partitions' AND relkind = 'r' AND relname ~ '^${table}_[0-9]+$' ORDER BY 1`))
      .map(({ relname }) => Number(String(relname).split("_")[1]));
  const keep = () => dropOld(store, { now: new Date(s.now()), retention: defaultRetention });
  const inOther = async () =>
    Number((await database.sql("SELECT count(*) AS n FROM opendca_partitions.records_other"))[0]!.n);
  await keep();
  const first = await partitions("records"), samples = await partitions("samples");
  // Of a week and of 30 days, from before now until weeks later, without a gap.
  assert.ok(first[0]! <= firstMs - 6 * day && first.at(-1)! >= firstMs + 14 * day, first.join());
  assert.deepEqual(first.slice(1).map((begins, i) => (begins - first[i]!) / day), Array(first.length - 1).fill(7));
  assert.deepEqual(
    samples.slice(1).map((begins, i) => (begins - samples[i]!) / day),
    Array(samples.length - 1).fill(30),
  );
  await s.upload({ total: 1 });
  s.pass(20 * day);
  await s.upload({ total: 2 });
  assert.equal(await inOther(), 0);
  s.pass(23 * day);
  assert.ok(await keep() > 0);
  const later = await partitions("records");
  assert.ok(later[0]! > firstMs - 7 * day && later.at(-1)! >= s.now() + 14 * day, later.join());
  assert.ok(!later.some((begins) => begins + 7 * day <= s.now() - 35 * day), "none is left of which all is too old");
  assert.equal(await countRecords(s.tenant, "reading"), 1);
  // Rows are reached through their tables alone.
  await assert.rejects(
    store.transaction((tx) => tx.all("SELECT * FROM opendca_partitions.records_other")),
    /permission denied/,
  );
});

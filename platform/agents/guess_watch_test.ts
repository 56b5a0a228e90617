import assert from "node:assert/strict";
import { inPostgres, openTestStore, slowInPostgres } from "../../tests/fixtures/each_database.ts";
import { auditRows } from "../audit/audit_log.ts";
import type { Store } from "../store/store.ts";
import { guessWatch, type GuessWatchOptions } from "./guess_watch.ts";

const hourMs = 3_600_000;

function watchOn(store: Store, options: Pick<GuessWatchOptions, "most" | "mostKnown">, clock = { ms: 1e12 }) {
  const events: string[] = [];
  const watch = guessWatch({
    store,
    clock: { now: () => new Date(clock.ms) },
    log: (event) => void events.push(event),
    ...options,
  });
  const guess = (source: string) =>
    store.transaction((tx) =>
      watch.noteWrong(tx, { source, actor: { kind: "installation", name: "i" }, hostname: "h" })
    );
  const entries = async () => {
    const rows = await store.transaction((tx) => auditRows(tx, { limit: 1000 }));
    return rows.map(({ action, subject, detail }) => [action, subject, detail]);
  };
  return { ...watch, events, guess, entries, clock };
}

slowInPostgres("hundreds of wrong codes of a source are two entries an hour, also over a restart", async () => {
  await using store = await openTestStore();
  const first = watchOn(store, { most: 1_000_000 });
  for (let i = 0; i < 100; i++) await first.guess("10.0.0.1");
  const watch = watchOn(store, { most: 1_000_000 }, first.clock);
  for (let i = 0; i < 100; i++) await watch.guess("10.0.0.1");
  await watch.flush();
  watch.clock.ms += hourMs;
  await watch.flush();
  await first.flush();
  assert.deepEqual(await watch.entries(), [
    ["activationRejected", "no code", '{"hostname":"h","source":"10.0.0.1"}'],
    ["activationsRejected", "10.0.0.1", '{"attempts":199}'],
  ]);
});

slowInPostgres(
  "wrong codes of many sources are a hundred entries an hour, in rows with a bound, and all are counted",
  async () => {
    await using store = await openTestStore();
    const watch = watchOn(store, { most: 1_000_000, mostKnown: 80 });
    for (let i = 0; i < 240; i++) await watch.guess(`10.0.0.${i % 120}`);
    const rows = await store.transaction((tx) => tx.all("SELECT * FROM guess_sources"));
    assert.equal(rows.length, 80);
    watch.clock.ms += hourMs;
    // The next hour begins with a wrong code, before anybody looked.
    await watch.guess("10.0.0.1");
    const entries = await watch.entries();
    assert.equal(entries.length, 102);
    const counted = entries.map(([, , detail]) => JSON.parse(detail!).attempts ?? 1).reduce((a, b) => a + b);
    assert.equal(counted, 241);
  },
);

slowInPostgres("too many wrong codes are one alarm, and only those who guessed have to wait", async () => {
  await using store = await openTestStore();
  const watch = watchOn(store, { most: 20 });
  for (let i = 0; i < 19; i++) await watch.guess(`10.0.0.${i}`);
  assert.equal(await watch.waitMs("10.0.0.1"), 0);
  for (let i = 0; i < 30; i++) await watch.guess("10.0.0.1");
  assert.equal((await watch.entries()).filter(([action]) => action === "codeGuessing").length, 1);
  assert.equal(watch.events.filter((event) => event === "codeGuessing").length, 1);
  watch.clock.ms += 600_000;
  assert.equal(await watch.waitMs("10.0.0.1"), 3_000_000);
  assert.equal(await watch.waitMs("10.0.0.99"), 0, "whoever was not wrong");
  watch.clock.ms += 3_000_000;
  assert.equal(await watch.waitMs("10.0.0.1"), 0);
});

slowInPostgres("a clock that was set back keeps nobody waiting for longer than an hour", async () => {
  await using store = await openTestStore();
  const watch = watchOn(store, { most: 1 });
  await watch.guess("10.0.0.1");
  watch.clock.ms -= hourMs / 2;
  assert.equal(await watch.waitMs("10.0.0.1"), hourMs);
  watch.clock.ms -= 10 * hourMs;
  assert.equal(await watch.waitMs("10.0.0.1"), 0);
});

inPostgres("processes that share a database share the counts, also of codes that come at one moment", async () => {
  await using store = await openTestStore();
  const watches = [watchOn(store, { most: 20 }), watchOn(store, { most: 20 })];
  // As many as the pool has connections.
  for (let round = 0; round < 5; round++) {
    await Promise.all(watches.flatMap((watch, i) => [watch.guess(`10.0.0.${i}`), watch.guess("10.0.0.9")]));
  }
  for (const watch of watches) assert(await watch.waitMs("10.0.0.9") > 0);
  const entries = await watches[0]!.entries();
  assert.equal(entries.filter(([action]) => action === "codeGuessing").length, 1);
  for (const watch of watches) watch.clock.ms += hourMs;
  await Promise.all(watches.map((watch) => watch.flush()));
  const counted = (await watches[0]!.entries()).filter(([action]) => action !== "codeGuessing")
    .map(([, , detail]) => JSON.parse(detail!).attempts ?? 1).reduce((a, b) => a + b);
  assert.equal(counted, 20);
});

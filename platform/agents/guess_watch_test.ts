import assert from "node:assert/strict";
import { auditRows } from "../audit/audit_log.ts";
import { openSqliteStore } from "../store/sqlite/sqlite_store.ts";
import { guessWatch } from "./guess_watch.ts";

function watched(most: number) {
  let ms = 0;
  const store = openSqliteStore(":memory:");
  const events: string[] = [];
  const clock = { now: () => new Date(ms), monotonicMs: () => ms };
  const watch = guessWatch({ store, clock, log: (event) => void events.push(event), most });
  const guess = (source: string) =>
    store.transaction((tx) =>
      watch.noteWrong(tx, { source, actor: { kind: "installation", name: "i" }, hostname: "h" })
    );
  const entries = async () => {
    const rows = await store.transaction((tx) => auditRows(tx, { limit: 1000 }));
    return rows.map(({ action, subject, detail }) => [action, subject, detail]);
  };
  return { ...watch, store, events, guess, entries, advance: (by: number) => void (ms += by) };
}

Deno.test("ten thousand wrong codes of a source are two entries an hour", async () => {
  const watch = watched(1_000_000);
  await using _ = watch.store;
  for (let i = 0; i < 10_000; i++) await watch.guess("10.0.0.1");
  watch.advance(3_600_000);
  await watch.flush();
  assert.deepEqual(await watch.entries(), [
    ["activationRejected", "no code", '{"hostname":"h","source":"10.0.0.1"}'],
    ["activationsRejected", "10.0.0.1", '{"attempts":9999}'],
  ]);
});

Deno.test("wrong codes of thousands of sources are a hundred entries an hour, and none is left out of the counts", async () => {
  const watch = watched(1_000_000);
  await using _ = watch.store;
  for (let i = 0; i < 24_000; i++) await watch.guess(`10.0.${i % 12_000 >> 8}.${i % 12_000 & 255}`);
  await watch.flush({ now: true });
  const entries = await watch.entries();
  assert.equal(entries.length, 101);
  const counted = entries.map(([, , detail]) => JSON.parse(detail!).attempts ?? 1).reduce((a, b) => a + b);
  assert.equal(counted, 24_000);
});

Deno.test("too many wrong codes are one alarm, and only those who guessed have to wait", async () => {
  const watch = watched(20);
  await using _ = watch.store;
  for (let i = 0; i < 19; i++) await watch.guess(`10.0.0.${i}`);
  assert.equal(await watch.waitMs("10.0.0.1"), 0);
  for (let i = 0; i < 30; i++) await watch.guess("10.0.0.1");
  assert.equal((await watch.entries()).filter(([action]) => action === "codeGuessing").length, 1);
  assert.equal(watch.events.filter((event) => event === "codeGuessing").length, 1);
  watch.advance(600_000);
  assert.equal(await watch.waitMs("10.0.0.1"), 3_000_000);
  assert.equal(await watch.waitMs("10.0.0.99"), 0, "whoever was not wrong");
  watch.advance(3_000_000);
  assert.equal(await watch.waitMs("10.0.0.1"), 0);
});

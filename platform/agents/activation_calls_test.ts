import assert from "node:assert/strict";
import { openTestStore, slowInPostgres } from "../../tests/fixtures/each_database.ts";
import { looseQueries } from "../../tests/fixtures/loose_queries.ts";
import { activationWaitMs, forgetActivationCalls } from "./activation_calls.ts";

const start = Date.parse("2026-03-02T08:00:00Z");

slowInPostgres(
  "a source may call thirty times at once, then ten times a minute, and others are not held up",
  async () => {
    await using store = await openTestStore();
    let ms = start;
    const platform = { store, clock: { now: () => new Date(ms), monotonicMs: () => 0 } };
    const wait = (source = "10.1.0.1") => activationWaitMs(platform, source);
    // As if by several processes: the store has the count, and nothing else does.
    for (let round = 0; round < 6; round++) {
      assert.deepEqual(await Promise.all(Array.from({ length: 5 }, () => wait())), Array(5).fill(0));
    }
    assert.deepEqual([await wait(), await wait(), await wait("10.1.0.2")], [6000, 6000, 0]);
    ms += 5999;
    assert.equal(await wait(), 1);
    ms += 1;
    assert.deepEqual([await wait(), await wait()], [0, 6000]);
    ms += 60_000;
    const waits: number[] = [];
    for (let round = 0; round < 3; round++) waits.push(...await Promise.all([wait(), wait(), wait(), wait()]));
    assert.equal(waits.filter((each) => each === 0).length, 10);
  },
);

slowInPostgres("a clock that was set back holds up nobody for long, and full buckets are forgotten", async () => {
  await using store = await openTestStore();
  let ms = start;
  const platform = { store, clock: { now: () => new Date(ms), monotonicMs: () => 0 } };
  const known = () => looseQueries(store).all("SELECT source FROM activation_calls");
  for (let i = 0; i < 30; i++) await activationWaitMs(platform, "a");
  ms -= 3_600_000;
  assert.equal(await activationWaitMs(platform, "a"), 0);
  await activationWaitMs(platform, "b");
  await forgetActivationCalls(platform);
  assert.equal((await known()).length, 2);
  ms += 6001;
  await forgetActivationCalls(platform);
  assert.deepEqual(await known(), []);
});

import assert from "node:assert/strict";
import { rateLimit } from "./rate_limit.ts";

Deno.test("rateLimit() lets a burst through, then as many as the rate, each key by itself", () => {
  let nowMs = 0;
  const limit = rateLimit({ burst: 3, perMinute: 6, monotonicMs: () => nowMs });
  const ask = (key: string) => limit.waitMs(key);
  assert.deepEqual([ask("a"), ask("a"), ask("a"), ask("a"), ask("b")], [0, 0, 0, 10_000, 0]);
  nowMs = 9_999;
  assert.equal(ask("a"), 1);
  nowMs = 10_000;
  assert.deepEqual([ask("a"), ask("a")], [0, 10_000]);
  nowMs = 1_000_000;
  assert.deepEqual([ask("a"), ask("a"), ask("a"), ask("a")], [0, 0, 0, 10_000]);
});

Deno.test("rateLimit() does not let a flood of keys make an exhausted one fresh", () => {
  const limit = rateLimit({ burst: 1, perMinute: 1, monotonicMs: () => 0 });
  assert.equal(limit.waitMs("a"), 0);
  for (let i = 0; i < 9_000; i++) limit.waitMs(`k${i}`);
  assert.equal(limit.waitMs("a"), 60_000);
});

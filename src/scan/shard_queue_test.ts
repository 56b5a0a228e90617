import assert from "node:assert/strict";
import fc from "fast-check";
import { createShardQueue, type QueuedShard, type ScanPosition, type ShardQueue } from "./shard_queue.ts";

function drain(queue: ShardQueue): QueuedShard[] {
  const shards: QueuedShard[] = [];
  for (let shard = queue.next(true); shard !== undefined; shard = queue.next(true)) shards.push(shard);
  return shards;
}

for (const size of [1, 15, 16, 17, 4096, 65_534]) {
  Deno.test(`createShardQueue() covers ${size} addresses once`, () => {
    const shards = drain(createShardQueue(size, { workers: 2, ratePerSecond: 0, timeoutMs: 1000 }));
    let next = 0;
    for (const shard of shards) {
      assert.equal(shard.from, next);
      assert(shard.to > shard.from && shard.to - shard.from <= 4096);
      next = shard.to;
    }
    assert.equal(next, size);
  });
}

Deno.test("ShardQueue.next() gives a failed shard only to a worker that is alone", () => {
  const queue = createShardQueue(32, { workers: 1, ratePerSecond: 0, timeoutMs: 1000 });
  const failed = queue.next(false)!;
  queue.fail(failed);
  assert.equal(queue.next(false)!.from, 16);
  assert.equal(queue.onlySuspects, true);
  assert.equal(queue.next(false), undefined);
  const again = queue.next(true)!;
  assert.deepEqual([again.from, again.to, again.failures], [failed.from, failed.to, 1]);
});

Deno.test("ShardQueue.fail() halves from the third failure until one address is left", () => {
  const queue = createShardQueue(16, { workers: 1, ratePerSecond: 0, timeoutMs: 1000 });
  const bad = 11;
  let failures = 0;
  for (;;) {
    const shard = queue.next(true);
    assert(shard !== undefined, "the bad address was never found");
    if (!(shard.from <= bad && bad < shard.to)) continue;
    failures++;
    const index = queue.fail(shard);
    if (index === undefined) continue;
    assert.equal(index, bad);
    break;
  }
  assert.equal(failures, 3 + 4);
});

Deno.test("ShardQueue.fail() keeps what has been reported", () => {
  const queue = createShardQueue(16, { workers: 1, ratePerSecond: 0, timeoutMs: 1000 });
  const shard = queue.next(false)!;
  shard.reported.add("127.0.0.1 161");
  queue.fail(shard);
  assert.deepEqual([...queue.next(true)!.reported], ["127.0.0.1 161"]);
});

Deno.test("createShardQueue() goes on at a position: what was begun first, what is done never", () => {
  const slice = fc.tuple(fc.nat(999), fc.integer({ min: 1, max: 100 }), fc.boolean());
  fc.assert(fc.property(fc.array(slice, { maxLength: 8 }), (slices) => {
    const state = Array.from<string>({ length: 1000 }).fill("new");
    const position: ScanPosition = { done: [], begun: [] };
    for (const [from, length, isDone] of slices) {
      const to = Math.min(1000, from + length);
      if (state.slice(from, to).some((each) => each !== "new")) continue;
      state.fill(isDone ? "done" : "begun", from, to);
      if (isDone) position.done.push([from, to]);
      else position.begun.push({ from, to, reported: [`device ${from}`] });
    }
    const shards = drain(createShardQueue(1000, { workers: 2, ratePerSecond: 0, timeoutMs: 1000, position }));
    const asked = Array.from<number>({ length: 1000 }).fill(0);
    for (const { from, to } of shards) for (let i = from; i < to; i++) asked[i]!++;
    assert.deepEqual(asked, state.map((each) => each === "done" ? 0 : 1));
    const first = shards.slice(0, position.begun.length);
    assert.deepEqual(first.map(({ from, to, reported }) => ({ from, to, reported: [...reported] })), position.begun);
  }));
});

const rates: [ratePerSecond: number, timeoutMs: number, want: number][] = [
  [0, 1000, 4096],
  [1000, 1000, 125],
  [1000, 100, 125],
  [1000, 10_000, 1250],
  [10, 1000, 16],
  [1e6, 1000, 4096],
];
for (const [ratePerSecond, timeoutMs, want] of rates) {
  Deno.test(`createShardQueue() cuts shards of ${want} for ${ratePerSecond} packets/s and a timeout of ${timeoutMs} ms`, () => {
    const { from, to } = createShardQueue(65_536, { workers: 2, ratePerSecond, timeoutMs }).next(false)!;
    assert.deepEqual([from, to], [0, want]);
  });
}

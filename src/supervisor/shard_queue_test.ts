import assert from "node:assert/strict";
import { createShardQueue } from "./shard_queue.ts";
import type { QueuedShard, ShardQueue } from "./shard_queue.ts";

function drain(queue: ShardQueue): QueuedShard[] {
  const shards: QueuedShard[] = [];
  for (let shard = queue.next(true); shard !== undefined; shard = queue.next(true)) shards.push(shard);
  return shards;
}

for (const size of [1, 15, 16, 17, 4096, 65_534]) {
  Deno.test(`createShardQueue() covers ${size} addresses once`, () => {
    const shards = drain(createShardQueue(size, 2));
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
  const queue = createShardQueue(32, 1);
  const failed = queue.next(false)!;
  queue.fail(failed);
  assert.equal(queue.next(false)!.from, 16);
  assert.equal(queue.onlySuspects, true);
  assert.equal(queue.next(false), undefined);
  const again = queue.next(true)!;
  assert.deepEqual([again.from, again.to, again.failures], [failed.from, failed.to, 1]);
});

Deno.test("ShardQueue.fail() halves from the third failure until one address is left", () => {
  const queue = createShardQueue(16, 1);
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
  const queue = createShardQueue(16, 1);
  const shard = queue.next(false)!;
  shard.reported.add("127.0.0.1 161");
  queue.fail(shard);
  assert.deepEqual([...queue.next(true)!.reported], ["127.0.0.1 161"]);
});

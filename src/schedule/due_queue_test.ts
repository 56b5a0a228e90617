import assert from "node:assert/strict";
import fc from "fast-check";
import { createDueQueue } from "./due_queue.ts";

/** One change: a key that gets a time, or none. */
const changes = fc.array(fc.tuple(fc.constantFrom(..."abcdefghij"), fc.option(fc.integer({ min: 0, max: 50 }))), {
  maxLength: 200,
});

Deno.test("createDueQueue() gives the least of what a map holds, whatever was set and deleted", () => {
  fc.assert(fc.property(changes, (steps) => {
    const queue = createDueQueue(), model = new Map<string, number>();
    for (const [key, dueMs] of steps) {
      if (dueMs === null) {
        queue.delete(key);
        model.delete(key);
      } else {
        queue.set(key, dueMs);
        model.set(key, dueMs);
      }
      const first = queue.first();
      assert.equal(first?.dueMs, model.size === 0 ? undefined : Math.min(...model.values()));
      if (first !== undefined) assert.equal(model.get(first.key), first.dueMs);
    }
  }));
});

Deno.test("createDueQueue() empties in the order of time", () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 1000 }), { maxLength: 100 }), (times) => {
    const queue = createDueQueue();
    times.forEach((dueMs, i) => queue.set(`key-${i}`, dueMs));
    const emptied: number[] = [];
    for (let first; (first = queue.first()) !== undefined; queue.delete(first.key)) emptied.push(first.dueMs);
    assert.deepEqual(emptied, times.toSorted((a, b) => a - b));
  }));
});

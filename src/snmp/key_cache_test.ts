import assert from "node:assert/strict";
import { KeyCache } from "./key_cache.ts";

Deno.test("KeyCache.getOrMake() makes a kept value once", () => {
  const cache = new KeyCache<number>(2);
  let made = 0;
  for (let i = 0; i < 3; i++) assert.equal(cache.getOrMake("a", () => ++made), 1);
  assert.equal(made, 1);
});

Deno.test("KeyCache.getOrMake() drops the value that was asked for longest ago", () => {
  const cache = new KeyCache<string>(2);
  const made: string[] = [];
  const ask = (key: string) => cache.getOrMake(key, () => (made.push(key), key));
  for (const key of ["a", "b", "a", "c", "a", "b"]) ask(key);
  assert.deepEqual(made, ["a", "b", "c", "b"]);
});

Deno.test("KeyCache.getOrMake() never holds more than its limit", () => {
  const cache = new KeyCache<number>(4096);
  for (let i = 0; i < 10_000; i++) cache.getOrMake(`${i}`, () => i);
  assert.equal(cache.size, 4096);
});

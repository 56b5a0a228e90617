import assert from "node:assert/strict";
import fc from "fast-check";
import { permute } from "./permute.ts";

const sizes = fc.oneof(
  fc.integer({ min: 1, max: 3000 }),
  fc.constantFrom(1, 2, 3, 4, 5, 15, 16, 17, 255, 256, 257, 1023, 1024, 1025),
);

Deno.test("permute() is a bijection of the numbers below the size", () => {
  fc.assert(fc.property(sizes, fc.integer(), (size, seed) => {
    const seen = new Uint8Array(size);
    for (let index = 0; index < size; index++) seen[permute(index, size, seed)]!++;
    assert.ok(seen.every((count) => count === 1));
  }));
});

Deno.test("permute() stays below sizes up to 2^32", () => {
  const large = fc.constantFrom(0x7fffffff, 0x80000000, 0x80000001, 0xffffffff, 0x100000000, 0xfffffe, 0x1000000);
  fc.assert(
    fc.property(
      large,
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      fc.integer(),
      (size, at, seed) => {
        const place = permute(Math.floor(at * size), size, seed);
        assert.ok(Number.isInteger(place) && place >= 0 && place < size, String(place));
      },
    ),
  );
});

Deno.test("permute() depends on the seed and is the same for the same seed", () => {
  const order = (seed: number) => Array.from({ length: 254 }, (_, i) => permute(i, 254, seed)).join();
  assert.equal(order(1), order(1));
  assert.equal(new Set([1, 2, 3, 4, 5].map(order)).size, 5);
});

Deno.test("permute() spreads neighbours over the whole space", () => {
  // 64 consecutive indexes of a /16: no /24 may get more than a few of them.
  for (const seed of [0, 1, 0xdeadbeef]) {
    for (let start = 0; start < 65_536; start += 4096) {
      const hits = new Map<number, number>();
      for (let i = start; i < start + 64; i++) {
        const subnet = permute(i, 65_536, seed) >> 8;
        hits.set(subnet, (hits.get(subnet) ?? 0) + 1);
      }
      assert.ok(Math.max(...hits.values()) <= 6, `seed ${seed}, start ${start}: ${Math.max(...hits.values())}`);
    }
  }
});

Deno.test("permute() does not walk from one subnet to the next", () => {
  for (const seed of [0, 1, 0xdeadbeef]) {
    const subnets = Array.from({ length: 4096 }, (_, i) => permute(i, 65_536, seed) >> 8);
    const steps = new Map<number, number>();
    for (let i = 1; i < subnets.length; i++) {
      const step = (subnets[i]! - subnets[i - 1]! + 256) % 256;
      steps.set(step, (steps.get(step) ?? 0) + 1);
    }
    // 16 of each step are expected of chance.
    assert.ok(Math.max(...steps.values()) < 48, `seed ${seed}: ${Math.max(...steps.values())}`);
  }
});

Deno.test("permute() refuses an index outside the size", () => {
  for (const [index, size] of [[-1, 5], [5, 5], [0, 0], [NaN, 5], [0, 2 ** 33]]) {
    assert.throws(() => permute(index!, size!, 1), RangeError);
  }
});

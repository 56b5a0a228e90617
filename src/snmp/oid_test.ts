import assert from "node:assert/strict";
import fc from "fast-check";
import { compareOids, isUnder, maybeSuffix } from "./oid.ts";

const ordered = [
  "1.3",
  "1.3.1",
  "1.3.1.1",
  "1.3.1.2",
  "1.3.1.10",
  "1.3.1.10.1",
  "1.3.2",
  "1.3.10",
  "1.3.21.5",
  "1.3.100",
];

for (let i = 0; i < ordered.length; i++) {
  Deno.test(`compareOids() puts ${ordered[i]} at its place`, () => {
    for (let j = 0; j < ordered.length; j++) {
      assert.equal(Math.sign(compareOids(ordered[i]!, ordered[j]!)), Math.sign(i - j), `beside ${ordered[j]}`);
    }
  });
}

Deno.test("compareOids() compares arc by arc", () => {
  const arcs = fc.array(fc.integer({ min: 0, max: 120 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(arcs, arcs, (a, b) => {
      let expected = a.length - b.length;
      for (let i = Math.min(a.length, b.length) - 1; i >= 0; i--) if (a[i] !== b[i]) expected = a[i]! - b[i]!;
      assert.equal(Math.sign(compareOids(a.join("."), b.join("."))), Math.sign(expected));
    }),
    { numRuns: 5000 },
  );
});

Deno.test("isUnder() does not take 1.30 for a child of 1.3", () => {
  assert.equal(isUnder("1.30", "1.3"), false);
  assert.equal(isUnder("1.3", "1.3"), true);
  assert.equal(isUnder("1.3.0", "1.3"), true);
});

Deno.test("maybeSuffix() gives what follows the base", () => {
  assert.equal(maybeSuffix("1.3.6.1", "1.3"), "6.1");
  assert.equal(maybeSuffix("1.3", "1.3"), undefined);
  assert.equal(maybeSuffix("1.30", "1.3"), undefined);
});

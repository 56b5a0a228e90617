import assert from "node:assert/strict";
import fc from "fast-check";
import { exceedsCapacity, interpretLevel } from "./level.ts";
import type { StandardSupplyQuirks } from "./profile.ts";

const quirky: StandardSupplyQuirks = {
  codes: [{ level: 2, capacity: -2, kind: "empty" }, { level: 1, capacity: -2, kind: "some" }],
  percentWithoutCapacity: true,
  receptacle: "fill",
};
const cases: [
  name: string,
  raw: (number | undefined)[],
  want: [string, number | null],
  StandardSupplyQuirks?,
][] = [
  ["a share of the capacity", [1484, 5300, 7, 3], ["exact", 28]],
  ["a full supply", [100, 100, 19, 3], ["exact", 100]],
  ["nothing left as empty", [0, 100, 19, 3], ["empty", 0]],
  ["next to nothing as no empty", [1, 50000, 7, 3], ["exact", 0]],
  ["−1 as unlimited", [-1, 100, 7, 3], ["unlimited", null]],
  ["−2 as unknown", [-2, 100, 7, 3], ["unknown", null]],
  ["−3 as some", [-3, 1000, 7, 3], ["some", null]],
  ["−3 without a capacity as some", [-3, -2, 7, 3], ["some", null]],
  ["−100 as unknown", [-100, 100, 7, 3], ["unknown", null]],
  ["percent although the capacity is −2", [28, -2, 19, 3], ["exact", 28]],
  ["percent of a real capacity", [25, 50, 19, 3], ["exact", 50]],
  ["a level without a capacity as unknown", [28, -2, 7, 3], ["unknown", null]],
  ["0 without a capacity as unknown", [0, -2, 7, 3], ["unknown", null]],
  ["capacity 0 as no capacity", [0, 0, 7, 3], ["unknown", null]],
  ["more than the capacity as full", [150, 100, 7, 3], ["exact", 100]],
  ["twice the capacity as full", [200, 100, 7, 3], ["exact", 100]],
  ["more than twice the capacity as unknown", [201, 100, 7, 3], ["unknown", null]],
  ["pages beside percent as unknown", [2650, 100, 19, 3], ["unknown", null]],
  ["a waste toner container that is declared as consumed as what is left of it", [90, 100, 19, 3], ["exact", 90]],
  ["capacity −1 beside a level as unknown", [50, -1, 7, 3], ["unknown", null]],
  ["percent although the capacity is −1", [50, -1, 19, 3], ["exact", 50]],
  ["percent although the capacity is 0", [50, 0, 19, 3], ["exact", 50]],
  ["percent without any capacity", [50, undefined, 19, 3], ["exact", 50]],
  ["a missing level as unknown", [undefined, 100, 7, 3], ["unknown", null]],
  ["a receptacle as room left", [90, 100, 19, 4], ["exact", 90]],
  ["a receptacle without room as empty", [0, 100, 19, 4], ["empty", 0]],
  ["a receptacle that counts fill, by quirk", [90, 100, 19, 4], ["exact", 10], quirky],
  ["a full receptacle that counts fill, by quirk", [100, 100, 19, 4], ["empty", 0], quirky],
  ["a percentage without capacity, by quirk", [40, -2, 7, 3], ["exact", 40], quirky],
  ["more than 100 without capacity, by quirk, as unknown", [400, -2, 7, 3], ["unknown", null], quirky],
  ["a maker's code for empty", [2, -2, 7, 3], ["empty", 0], quirky],
  ["a maker's code for some", [1, -2, 7, 3], ["some", null], quirky],
  ["no code where the capacity is real", [2, 100, 7, 3], ["exact", 2], quirky],
];
for (const [name, [level, capacity, unit, supplyClass], want, quirks] of cases) {
  Deno.test(`interpretLevel() reads ${name}`, () => {
    const { kind, percent } = interpretLevel({ level, capacity, unit, supplyClass }, quirks);
    assert.deepEqual([kind, percent], want);
  });
}

Deno.test("interpretLevel() never gives a share outside 0 to 100, nor one for what is unknown", () => {
  const number = fc.oneof(fc.integer({ min: -5, max: 120 }), fc.integer(), fc.constant(undefined));
  const quirks = fc.constantFrom<StandardSupplyQuirks>({}, quirky);
  fc.assert(
    fc.property(
      number,
      number,
      number,
      fc.constantFrom(3, 4, undefined),
      quirks,
      (level, capacity, unit, supplyClass, quirk) => {
        const got = interpretLevel({ level, capacity, unit, supplyClass }, quirk);
        assert.equal(got.percent !== null, got.kind === "exact" || got.kind === "empty");
        assert.ok(got.percent === null || (got.percent >= 0 && got.percent <= 100));
        const coded = quirk.codes !== undefined;
        if (!coded && (level === undefined || level < 0)) assert.ok(got.kind !== "exact" && got.kind !== "empty");
        if (got.kind === "empty") assert.equal(got.percent, 0);
        assert.ok((got.level ?? 0) >= 0 && (got.capacity ?? 1) > 0);
      },
    ),
  );
});

Deno.test("exceedsCapacity() tells more than full from full", () => {
  assert.equal(exceedsCapacity({ level: 101, capacity: 100 }), true);
  assert.equal(exceedsCapacity({ level: 100, capacity: 100 }), false);
  assert.equal(exceedsCapacity({ level: 101, capacity: -2 }), false);
  assert.equal(exceedsCapacity({ level: 101, capacity: -2, unit: 19 }), true);
});

import assert from "node:assert/strict";
import fc from "fast-check";
import type { Meter, Supply } from "../../proto/gen/opendca/v1/reading.ts";
import { mostPoints, thinned } from "./device_history_series.ts";
import { fallenMeter, replacedSupplies } from "./reading_changes.ts";

Deno.test("thinned() keeps both ends, extremes and order, and is never longer than asked for", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ gap: fc.integer({ min: 0, max: 1e7 }), value: fc.integer({ min: -50, max: 1e6 }) }), {
        maxLength: 3000,
        size: "max",
      }),
      (gaps) => {
        let at = 0;
        const points = gaps.map(({ gap, value }) => ({ at: at += gap, value }));
        const kept = thinned(points), values = (list: typeof points) => list.map(({ value }) => value);
        assert(kept.length <= Math.max(mostPoints, 4));
        assert.deepEqual(kept, kept.toSorted((a, b) => a.at - b.at));
        if (points.length === 0) return;
        assert.equal(Math.max(...values(kept)), Math.max(...values(points)));
        assert.equal(Math.min(...values(kept)), Math.min(...values(points)));
        assert.deepEqual([kept[0], kept.at(-1)], [points[0], points.at(-1)]);
      },
    ),
    { numRuns: 100 },
  );
});

const meter = (name: string, value: number) => ({ name, value }) as Meter;
const supply = (index: string, serial?: string, partNumber?: string) => ({ index, serial, partNumber }) as Supply;

Deno.test("a meter that decreased is told once, the total first, and a new one not at all", () => {
  const before = [meter("copy", 10), meter("total", 50)];
  assert.equal(fallenMeter(before, [meter("copy", 10), meter("total", 51), meter("scan", 0)], 1), undefined);
  assert.deepEqual(fallenMeter(before, [meter("copy", 0), meter("total", 3)], 1), {
    at: 1,
    kind: "meterFell",
    before: "total 50",
    after: "total 3",
  });
  assert.equal(fallenMeter(before, [meter("copy", 9)], 1)?.after, "copy 9");
});

Deno.test("a supply is replaced where another serial or part number is read, not where one is missing", () => {
  const told = (before: Supply, after: Supply) => replacedSupplies([before], [after], 1).map(({ after }) => after);
  assert.deepEqual(told(supply("1.1", "A"), supply("1.1", "B")), ["1.1 B"]);
  assert.deepEqual(told(supply("1.1", "A", "T1"), supply("1.1", "A", "T2")), ["1.1 T2 A"]);
  for (
    const [before, after] of [
      [supply("1.1", "A"), supply("1.1", " A ")],
      [supply("1.1", "A"), supply("1.1")],
      [supply("1.1"), supply("1.1", "B")],
      [supply("1.1", "A"), supply("1.1", "")],
      [supply("1.1", "A"), supply("1.2", "B")],
    ] as const
  ) assert.deepEqual(told(before, after), []);
  const long = told(supply("1.1", "A"), supply("1.1", "x".repeat(9000)));
  assert(long[0]!.length <= 200);
});

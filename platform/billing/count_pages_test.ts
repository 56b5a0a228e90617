import assert from "node:assert/strict";
import fc from "fast-check";
import { type Correction, countPages, type Mark } from "./count_pages.ts";
import { memoryMs, type Point, stepsOf } from "./steps.ts";

const day = 86_400_000, hour = 3_600_000;
const at = (days: number) => Date.UTC(2026, 2, 1) + days * day;
const points = (...values: [days: number, value: number][]): Point[] =>
  values.map(([days, value]) => ({ at: at(days), value, unit: "impressions", part: "" }));
const march = { from: at(0), until: at(31) };
const kinds = (marks: readonly Mark[]) => marks.map(({ kind }) => kind);

Deno.test("a counter counts from its last reading before the period to its last in it", () => {
  const { first, last, counted, marks } = countPages(points([-1, 1000], [1, 1010], [30, 1500], [32, 1600]), march);
  assert.deepEqual([first?.value, last?.value, counted], [1000, 1500, 500]);
  assert.deepEqual(kinds(marks), ["gap"]);
});

Deno.test("a reading at the begin belongs to the period before, and one at the end to this one", () => {
  assert.equal(countPages(points([-1, 900], [0, 1000], [31, 1500], [32, 9000]), march).counted, 500);
});

Deno.test("without a reading before the period, a counter counts from its first one in it", () => {
  const { first, counted, marks } = countPages(points([10, 700], [11, 710]), march);
  assert.deepEqual([first?.value, counted], [700, 10]);
  assert.deepEqual(kinds(marks), ["noneBefore", "endsEarly"]);
  assert.deepEqual(kinds(countPages([], march).marks), ["notRead"]);
  assert.deepEqual(countPages(points([-9, 700]), march).marks, [{ kind: "notRead", at: at(-9) }]);
});

Deno.test("a counter that falls counts what it counts before and after, never less than nothing", () => {
  const { counted, marks } = countPages(points([-1, 1000], [2, 1100], [3, 20], [4, 50]), march);
  assert.equal(counted, 130);
  assert.deepEqual(marks.find(({ kind }) => kind === "reset"), {
    kind: "reset",
    beforeAt: at(2),
    at: at(3),
    before: 1100,
    after: 20,
  });
});

Deno.test("a counter that begins again after its largest number counts over it", () => {
  for (const modulus of [65_536, 1e6, 1e7, 2 ** 24, 1e8, 2 ** 31, 2 ** 32]) {
    const { counted, marks } = countPages(points([-1, modulus - 100], [1, 50]), march);
    assert.equal(counted, 150, `${modulus}`);
    assert.ok(kinds(marks).includes("wrap"));
  }
  // Too much for the time: nobody prints so fast.
  const fast = points([-0.001, 2 ** 32 - 4e7], [0.001, 4e7]);
  assert.deepEqual(kinds(countPages(fast, march).marks).includes("wrap"), false);
});

Deno.test("a fall is a wrap only near the largest number, and never from one board to another", () => {
  const of = (before: number, after: number, part = "") => {
    const [a, b, c] = points([-1, before - 10], [1, before], [2, after]);
    const { counted, marks } = countPages([a!, b!, { ...c!, part }], march);
    return [counted, kinds(marks).filter((kind) => kind !== "endsEarly")[0]];
  };
  assert.deepEqual(of(999_970, 30), [70, "wrap"]);
  assert.deepEqual(of(990_000, 10_000), [20_010, "wrap"]);
  // More than 1 % away from either end, it is a reset or another board.
  assert.deepEqual(of(989_999, 30), [10, "reset"]);
  assert.deepEqual(of(999_970, 10_001), [10, "reset"]);
  assert.deepEqual(of(120_650, 12), [10, "reset"]);
  // A new board whose counter begins near 0, where the old one was about to wrap.
  assert.deepEqual(of(999_970, 30, "dev-b"), [10, "board"]);
  assert.deepEqual(of(65_500, 5, "dev-b"), [10, "board"]);
  // One that has counted elsewhere before.
  assert.deepEqual(of(1000, 90_000, "dev-b"), [10, "board"]);
});

Deno.test("false low values count neither the fall nor the way back", () => {
  assert.equal(countPages(points([-1, 5000], [1, 5010], [2, 0], [3, 5030]), march).counted, 30);
  assert.equal(countPages(points([-1, 5000], [1, 5010], [2, 0], [2.5, 4], [3, 5030]), march).counted, 30);
  // After more than a week it is a counter that has counted.
  assert.equal(countPages(points([-1, 500], [1, 510], [2, 0], [12, 530]), march).counted, 540);
  // Slowly up again: what was printed after a reset counts.
  assert.equal(countPages(points([-1, 500], [1, 0], [2, 200], [3, 400], [4, 600]), march).counted, 600);
});

Deno.test("false high values count neither the jump nor the fall", () => {
  const { counted, marks } = countPages(points([-1, 5000], [1, 99_000_000], [2, 5030], [3, 5040]), march);
  assert.equal(counted, 40);
  assert.deepEqual(kinds(marks).filter((kind) => kind !== "endsEarly"), ["jump", "spike"]);
  assert.equal(countPages(points([-1, 5000], [1, 99_000_000], [2, 99_000_010]), march).counted, 10);
});

Deno.test("another board and another unit begin a new counter", () => {
  const [a, b, c] = points([-1, 1000], [1, 1010], [2, 90_000]);
  const other = [a!, b!, { ...c!, part: "dev-b" }];
  assert.equal(countPages(other, march).counted, 10);
  assert.ok(kinds(countPages(other, march).marks).includes("board"));
  assert.equal(countPages(other, { ...march, isOtherBoard: () => false }).counted, 89_000);
  const sheets = [a!, b!, { ...c!, unit: "sheets" }];
  assert.equal(countPages(sheets, march).counted, 10);
});

Deno.test("an estimate is read off the line between the two readings around each end, and said", () => {
  const series = points([-1, 1000], [1, 1100], [30, 2000], [32, 2200]);
  const { counted, estimated, marks } = countPages(series, { ...march, estimate: true });
  assert.deepEqual([counted, estimated], [1000, 100 - 50]);
  assert.deepEqual(marks.filter(({ kind }) => kind === "estimated"), [
    { kind: "estimated", end: "end", pages: 100 },
    { kind: "estimated", end: "begin", pages: 50 },
  ]);
  assert.equal(countPages(series, march).estimated, 0);
  // Nothing after the end, or too far away.
  const open = countPages(points([0, 1000], [30, 2000]), { ...march, estimate: true });
  assert.deepEqual([open.estimated, kinds(open.marks).at(-1)], [0, "notEstimated"]);
});

Deno.test("a correction replaces what was read, and counts at its end", () => {
  const correction: Correction = {
    correctionId: "cor-1",
    from: at(2),
    until: at(10),
    pages: 7,
    reason: "test prints",
    by: "user:eva",
  };
  const series = points([-1, 1000], [1, 1010], [5, 1500], [12, 1600]);
  const options = { ...march, corrections: [correction] };
  const whole = countPages(series, options);
  assert.deepEqual([whole.counted, whole.corrected], [110, 7]);
  const early = countPages(series, { ...options, until: at(6) });
  assert.deepEqual([early.counted, early.corrected], [10, 0]);
  assert.equal(early.marks.find(({ kind }) => kind === "corrected")?.kind, "corrected");
});

/* Readings of any kind: rising, falling, wrapping, of other boards and units, close together and far apart. */
const series = fc.array(
  fc.record({
    after: fc.oneof(fc.integer({ min: 1, max: 3 * hour }), fc.integer({ min: hour, max: 12 * day })),
    value: fc.oneof(
      fc.integer({ min: 0, max: 200 }),
      fc.integer({ min: 0, max: 70_000 }),
      fc.integer({ min: 65_000, max: 65_535 }),
      fc.integer({ min: 0, max: 2 ** 32 }),
    ),
    isRise: fc.boolean(),
    unit: fc.oneof({ weight: 30, arbitrary: fc.constant("impressions") }, fc.constant("sheets")),
    part: fc.oneof({ weight: 30, arbitrary: fc.constant("") }, fc.constant("dev-b")),
  }),
  { maxLength: 40 },
).map((steps) => {
  let time = at(-20), value = 0;
  return steps.map((step): Point => {
    time += step.after;
    value = step.isRise ? Math.min(value + step.value % 500, 2 ** 33) : step.value;
    return { at: time, value, unit: step.unit, part: step.part };
  });
});
const times = fc.array(fc.integer({ min: -25 * 24, max: 80 * 24 }).map((hours) => at(0) + hours * hour), {
  minLength: 3,
  maxLength: 6,
}).map((all) => all.toSorted((a, b) => a - b));
const corrections = fc.array(
  fc.tuple(fc.integer({ min: -20, max: 60 }), fc.integer({ min: 1, max: 20 }), fc.nat(500)).map(
    ([from, days, pages]): Correction => ({
      correctionId: "cor-1",
      from: at(from),
      until: at(from + days),
      pages,
      reason: "a",
      by: "user:eva",
    }),
  ),
  { maxLength: 2 },
);

/* What the store gives: nothing older than the last reading of a week before, nothing a week after. */
const given = (all: readonly Point[], from: number, until: number) => {
  const begin = all.findLastIndex(({ at }) => at <= from - memoryMs);
  return all.slice(Math.max(0, begin)).filter(({ at }) => at <= until + memoryMs);
};
const sum = ({ counted, estimated, corrected }: ReturnType<typeof countPages>) => counted + estimated + corrected;

Deno.test("a period that is divided anywhere adds up to the same", () => {
  fc.assert(
    fc.property(series, times, corrections, fc.boolean(), (all, ends, corrections, estimate) => {
      const of = (from: number, until: number) =>
        sum(countPages(given(all, from, until), { from, until, corrections, estimate }));
      const parts = ends.slice(1).map((until, i) => of(ends[i]!, until));
      assert.equal(parts.reduce((a, b) => a + b, 0), of(ends[0]!, ends.at(-1)!));
    }),
    { numRuns: 300 },
  );
});

Deno.test("no step counts less than nothing, and none without a mark counts anything but what lies between", () => {
  fc.assert(
    fc.property(series, (all) => {
      for (const { before, point, counted, mark } of stepsOf(all)) {
        assert.ok(counted >= 0);
        if (mark === undefined) assert.equal(counted, point.value - before.value);
      }
    }),
    { numRuns: 300 },
  );
});

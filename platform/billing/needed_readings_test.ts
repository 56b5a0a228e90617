import assert from "node:assert/strict";
import { monthBegins, neededTimes } from "./needed_readings.ts";
import type { Point } from "./steps.ts";

const hour = 3_600_000, day = 24 * hour;
const point = (at: number, value: number): Point => ({ at, value, unit: "impressions", part: "" });
const always = { from: 0, until: 1000 * day };

const cases = [
  { name: "the first one, and the last one of all", points: [[1, 5], [2, 6], [3, 7]], ends: [10], want: [1, 3] },
  { name: "the last one before each end", points: [[1, 5], [2, 6], [3, 7], [4, 8]], ends: [2.5, 10], want: [1, 2, 4] },
  { name: "one that is at an end", points: [[1, 5], [2, 6], [3, 7], [4, 8]], ends: [3, 10], want: [1, 3, 4] },
  { name: "one before an end that is days away", points: [[1, 5], [2, 6], [9, 7]], ends: [8, 20], want: [1, 2, 9] },
  { name: "both at a reset", points: [[1, 50], [2, 60], [3, 4], [4, 5], [5, 6]], ends: [10], want: [1, 2, 3, 5] },
  { name: "one end for two at one time", points: [[1, 5], [2, 6], [2, 6], [3, 7]], ends: [2, 10], want: [1, 2, 3] },
];
for (const { name, points, ends, want } of cases) {
  Deno.test(`neededTimes() has ${name}`, () => {
    const found = neededTimes(points.map(([at, value]) => point(at! * day, value!)), {
      ...always,
      ends: ends.map((at) => at * day),
    });
    assert.deepEqual([...found].sort((a, b) => a - b).map((at) => at / day), want);
  });
}

Deno.test("neededTimes() has no readings of other times", () => {
  const points = [1, 2, 3, 4, 5].map((at) => point(at * day, 10 - at));
  const found = neededTimes(points, { from: 2 * day, until: 3 * day, ends: [100 * day] });
  assert.deepEqual([...found].map((at) => at / day), [2, 3]);
});

Deno.test("monthBegins() are local midnights, also where the clock is changed at one", () => {
  const of = (from: string, until: string, zone: string) =>
    monthBegins({ from: Date.parse(from), until: Date.parse(until) }, zone).map((at) => new Date(at).toISOString());
  assert.deepEqual(of("2026-03-20T00:00:00Z", "2026-03-31T21:59:59Z", "Europe/Berlin"), [
    "2026-02-28T23:00:00.000Z",
    "2026-03-31T22:00:00.000Z",
    "2026-04-30T22:00:00.000Z",
  ]);
  // Clocks went from 0:00 to 1:00 on the first of October.
  assert.deepEqual(
    of("2023-09-15T00:00:00Z", "2023-09-15T00:00:00Z", "America/Asuncion")[1],
    "2023-10-01T04:00:00.000Z",
  );
  assert.equal(of("2026-12-31T12:00:00Z", "2026-12-31T12:00:00Z", "Pacific/Kiritimati")[0], "2026-12-31T10:00:00.000Z");
});

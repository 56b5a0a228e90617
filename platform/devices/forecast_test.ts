/** Forecasts against simulated supplies, of which the truth is known, and whatever a printer may answer. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { daysLeft, forecastOf, type LevelPoint } from "./forecast.ts";

const hourMs = 3_600_000, dayMs = 24 * hourMs;
const start = Date.parse("2026-01-05T00:00:00Z");

/** The same numbers on each machine (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = state + 0x6D2B79F5 | 0;
    let bits = Math.imul(state ^ state >>> 15, 1 | state);
    bits = bits + Math.imul(bits ^ bits >>> 7, 61 | bits) ^ bits;
    return ((bits ^ bits >>> 14) >>> 0) / 4_294_967_296;
  };
}

type Use = "steady" | "office" | "bursty";

/** Hour by hour until it is empty: as a device that rounds its levels tells it, read every few hours, with gaps. */
function simulated(
  { seed, step, use, round }: { seed: number; step: number; use: Use; round: (value: number) => number },
): { points: LevelPoint[]; begin: number; emptyAt: number; random: () => number } {
  const random = randomOf(seed), perDay = 0.4 + random() * random() * 4;
  const begin = start + Math.floor(random() * 7 * 24) * hourMs, every = 1 + Math.floor(random() * 4);
  const points: LevelPoint[] = [];
  let level = 100, at = begin, week = 1;
  for (let hours = 1; level > 0; hours++) {
    const day = new Date(at).getUTCDay(), hour = new Date(at).getUTCHours();
    const isWork = day >= 1 && day <= 5 && hour >= 8 && hour < 18, base = perDay * 7 / 50;
    const large = -Math.log(1 - random());
    if (day === 1 && hour === 0) week = 0.5 + random();
    if (use === "steady") level -= perDay / 24 * (0.5 + random());
    else if (isWork) level -= use === "office" ? base * large : random() < 0.1 ? base * 10 * large * week : 0;
    at += hourMs;
    if (hours % every !== 0 || random() < 0.03) continue;
    const percent = Math.max(0, Math.min(100, round(level / step) * step)), last = points.at(-1);
    const isNewDay = last === undefined || Math.floor(last.at / dayMs) !== Math.floor(at / dayMs);
    if (percent !== last?.percent || isNewDay) points.push({ at, percent, level: percent === 0 ? "empty" : "exact" });
  }
  return { points, begin, emptyAt: at, random };
}

Deno.test("the range holds the moment in about eight of ten cases, however it is used and the level is rounded (slow)", () => {
  let allHits = 0, all = 0;
  for (const step of [1, 2, 5, 10]) {
    for (const use of ["steady", "office", "bursty"] as const) {
      let hits = 0, made = 0;
      for (const round of [Math.floor, Math.ceil, Math.round]) {
        for (let n = 0; n < 60; n++) {
          const { points, begin, emptyAt, random } = simulated({
            seed: n * 7919 + step * 31 + use.length,
            step,
            use,
            round,
          });
          const now = begin + (emptyAt - begin) * (0.1 + 0.85 * random());
          const read = points.filter(({ at }) => at <= now);
          const forecast = forecastOf({ points: read, readAt: read.at(-1)?.at ?? now }, now);
          if (forecast.none !== undefined) continue;
          made++;
          if (emptyAt >= forecast.first && emptyAt <= forecast.last) hits++;
        }
      }
      assert(made >= 60, `${step} ${use}: ${made} of 180`);
      assert(hits / made > 0.68, `${step} ${use}: ${hits} of ${made}`);
      allHits += hits;
      all += made;
    }
  }
  assert(allHits / all > 0.8 && allHits / all < 0.95, `${allHits} of ${all}`);
});

/** A level per day, from the first day on; read at eight. */
const daily = (percents: (number | null)[], level = "exact"): LevelPoint[] =>
  percents.map((percent, day) => ({ at: start + day * dayMs + 8 * hourMs, percent, level }));
const falling = (from: number, perDay: number, days: number) =>
  Array.from({ length: days }, (_, day) => Math.max(0, Math.round(from - day * perDay)));
const at = (points: readonly LevelPoint[], replacedAt?: number) => {
  const readAt = points.at(-1)?.at ?? start;
  return forecastOf({ points, readAt, ...(replacedAt === undefined ? {} : { replacedAt }) }, readAt + hourMs);
};

Deno.test("an even use is continued to its end", () => {
  const points = daily(falling(100, 2, 30)), now = points.at(-1)!.at;
  const forecast = at(points);
  assert(forecast.none === undefined);
  const { least, likely, most } = daysLeft(forecast, now);
  assert(Math.abs(likely - 21) <= 1, String(likely));
  assert(least >= 15 && most <= 29, `${least} to ${most}`);
  assert(Math.abs(forecast.perDay - 2) < 0.1);
});

Deno.test("what the readings do not bear is no forecast, and has a reason", () => {
  const used = falling(90, 2, 20),
    reasons: [string, ReturnType<typeof at>][] = [
      ["notRead", at([])],
      ["notRead", forecastOf({ points: daily(used), readAt: start }, start + 40 * dayMs)],
      ["levelSome", at(daily([...used, null], "some"))],
      ["levelUnknown", at(daily([...used, null], "unknown"))],
      ["unlimited", at(daily([null], "unlimited"))],
      ["empty", at(daily([3, 2, 0]))],
      ["empty", at(daily([null], "empty"))],
      ["levelUnknown", at(daily([90, 80, NaN]))],
      ["levelUnknown", at(daily([90, 80, -2]))],
      ["levelUnknown", at(daily([90, 80, 140]))],
      ["knownShortly", at(daily([90, 88, 86, 84, 82]))],
      // Refilled, or replaced by the same part.
      ["replaced", at(daily([...falling(60, 2, 28), 100, 98, 96]))],
      ["replaced", at(daily([...falling(90, 10, 9), 60, 40]))],
      // By a used one, of the same level or a lower one.
      ["replaced", at(daily(falling(90, 2, 20)), start + 15 * dayMs)],
      ["replaced", at(daily([...falling(99, 1, 20), 20, 18, 16]))],
      ["hardlyUsed", at(daily(Array(60).fill(80)))],
      ["hardlyUsed", at(daily([...Array(30).fill(81), ...Array(30).fill(80)]))],
      ["hardlyUsed", at(daily([...Array(20).fill(90), ...Array(20).fill(80)]))],
      ["levelCoarse", at(daily([...Array(20).fill(100), ...Array(20).fill(75), ...Array(20).fill(50)]))],
      // A sensor that wavers.
      ["irregular", at(daily(Array.from({ length: 60 }, (_, day) => 70 - Math.floor(day / 8) + day % 2 * 5)))],
      // Nothing for two months, and then all at once.
      ["irregular", at(daily([...Array(60).fill(90), 80, 65, 50]))],
    ];
  for (const [reason, forecast] of reasons) assert.equal(forecast.none, reason, JSON.stringify(forecast));
});

Deno.test("after a replacement, only what the new one was used for counts", () => {
  const before = falling(60, 3, 20), after = falling(100, 1, 40);
  const forecast = at(daily([...before, ...after]));
  assert(forecast.none === undefined);
  assert(Math.abs(forecast.perDay - 1) < 0.1, String(forecast.perDay));
  assert.equal(forecast.since, start + before.length * dayMs + 8 * hourMs);
  assert.deepEqual({ ...forecast }, { ...at(daily([...Array(20).fill(null).map(() => null), ...after])) });
});

Deno.test("a sensor that wavers by less than a refill is no replacement", () => {
  const wavering = falling(95, 1.5, 40).map((percent, day) => day % 7 === 3 ? percent + 4 : percent);
  const forecast = at(daily(wavering));
  assert(forecast.none === undefined, JSON.stringify(forecast));
  assert(Math.abs(forecast.perDay - 1.5) < 0.2);
});

const anyPoint = fc.record({
  gap: fc.integer({ min: 0, max: 3 * dayMs }),
  percent: fc.oneof(
    fc.integer({ min: 0, max: 100 }),
    fc.double({ min: -1e9, max: 1e9 }),
    fc.constantFrom(null, NaN, Infinity, -Infinity, -0, 100.5, 5e-324),
  ),
  level: fc.constantFrom("exact", "exact", "exact", "empty", "some", "unknown", "unlimited", "", "constructor"),
});

Deno.test("whatever was read, a forecast is a range in order ahead of now, or a reason", () => {
  fc.assert(
    fc.property(
      fc.array(anyPoint, { maxLength: 60 }),
      fc.option(fc.integer({ min: -10, max: 200 }), { nil: undefined }),
      fc.integer({ min: -dayMs, max: 20 * dayMs }),
      (gaps, replacedDay, later) => {
        let ms = start;
        const points = gaps.map(({ gap, percent, level }) => ({ at: ms += gap, percent, level }));
        const replacedAt = replacedDay === undefined ? undefined : start + replacedDay * dayMs;
        const now = ms + later;
        const forecast = forecastOf({ points, readAt: ms, replacedAt }, now);
        if (forecast.none !== undefined) return;
        assert([forecast.first, forecast.likely, forecast.last, forecast.perDay].every(Number.isFinite));
        assert(now < forecast.first + 1 && forecast.first <= forecast.likely && forecast.likely <= forecast.last);
        assert(forecast.perDay > 0);
        assert.equal(points.at(-1)!.level, "exact");
        const { least, likely, most } = daysLeft(forecast, now);
        assert(0 <= least && least <= likely && likely <= most);
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("a supply that is used up faster is expected to be empty earlier, whatever the step of its level", () => {
  for (const step of [1, 5, 10]) {
    let before = Infinity;
    for (const perDay of [1, 1.5, 2]) {
      const points = daily(falling(100, perDay, 40).map((percent) => Math.ceil(percent / step) * step));
      const forecast = at(points);
      assert(forecast.none === undefined, `${step} ${perDay} ${JSON.stringify(forecast)}`);
      assert(forecast.likely < before);
      before = forecast.likely;
    }
  }
});

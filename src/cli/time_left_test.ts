import assert from "node:assert/strict";
import fc from "fast-check";
import { estimateTimeLeft, type ScanPace, type TimeLeft } from "./time_left.ts";

const half: ScanPace = { elapsedMs: 10_000, addresses: 1000, probed: 500, waiting: 0, finished: 0 };
const cases: { name: string; pace: ScanPace; want: number | undefined }[] = [
  { name: "of the sweep where nobody answers", pace: half, want: 10_000 },
  { name: "of the sweep where reading keeps up", pace: { ...half, finished: 20 }, want: 10_000 },
  { name: "of reading where it lags", pace: { ...half, waiting: 30, finished: 10 }, want: 70_000 },
  { name: "of reading alone", pace: { ...half, probed: 1000, waiting: 5, finished: 10 }, want: 5_000 },
  { name: "before the first packet", pace: { ...half, probed: 0 }, want: undefined },
  { name: "before the first result", pace: { ...half, probed: 1000, waiting: 5 }, want: undefined },
  { name: "when all is done", pace: { ...half, probed: 1000, finished: 5 }, want: undefined },
];
for (const { name, pace, want } of cases) {
  Deno.test(`estimateTimeLeft() ${name}`, () => assert.equal(estimateTimeLeft(pace, undefined)?.leftMs, want));
}

Deno.test("estimateTimeLeft() counts down, and comes to a new pace in steps", () => {
  let left: TimeLeft | undefined = estimateTimeLeft(half, undefined);
  left = estimateTimeLeft({ ...half, elapsedMs: 11_000, probed: 550 }, left);
  assert.equal(left?.leftMs, 9_000);
  const seen: number[] = [];
  for (let elapsedMs = 11_100; elapsedMs <= 41_000; elapsedMs += 100) {
    // All at once it is known that 200 devices wait, and they are read at 4 a second from here on.
    const finished = 44 + (elapsedMs - 11_000) * 0.004;
    left = estimateTimeLeft({ elapsedMs, addresses: 1000, probed: 1000, waiting: 244 - finished, finished }, left);
    seen.push(left!.leftMs);
  }
  assert(seen.every((ms, i) => i === 0 || Math.abs(ms - seen[i - 1]!) < 1_500), "no step is large");
  assert(Math.abs(seen.at(-1)! - 20_000) < 2_000, `${seen.at(-1)} is near 20 s`);
});

Deno.test("estimateTimeLeft() never jumps, whatever the numbers", () => {
  const count = fc.nat({ max: 100_000 });
  const pace = fc.record({
    stepMs: fc.nat({ max: 10_000 }),
    addresses: count,
    probed: count,
    waiting: count,
    finished: count,
  });
  fc.assert(fc.property(fc.array(pace, { maxLength: 30 }), (paces) => {
    let elapsedMs = 0, before: TimeLeft | undefined;
    for (const { stepMs, ...counts } of paces) {
      elapsedMs += stepMs;
      const left = estimateTimeLeft({ elapsedMs, ...counts }, before);
      if (left !== undefined) assert(Number.isFinite(left.leftMs) && left.leftMs > 0);
      if (left !== undefined && before !== undefined) {
        const expectedMs = Math.max(1_000, before.leftMs - stepMs);
        assert(left.leftMs <= expectedMs * 2 && left.leftMs >= expectedMs / 2);
      }
      before = left;
    }
  }));
});

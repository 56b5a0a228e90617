import assert from "node:assert/strict";
import { SteppedClock } from "../../tests/fixtures/stepped_clock.ts";
import { HoursEndedError, watchHours } from "./interruption.ts";

const begin = Date.parse("2026-01-05T21:00:00Z"), end = begin + 8 * 3_600_000;

async function ends(act: (clock: SteppedClock) => Promise<void> | void): Promise<boolean> {
  const clock = new SteppedClock(new Date(begin + 1000));
  using watch = watchHours({ fromMs: begin, untilMs: end }, clock);
  await act(clock);
  await clock.settle();
  if (watch.signal.aborted) assert.ok(watch.signal.reason instanceof HoursEndedError);
  return watch.signal.aborted;
}

const cases: [name: string, want: boolean, act: (clock: SteppedClock) => Promise<void> | void][] = [
  ["a moment before the end", false, (clock) => clock.advance(end - begin - 1001, 60_000)],
  ["at the end", true, (clock) => clock.advance(end - begin - 1000, 60_000)],
  ["a second after the clock was put over the end", true, (clock) => {
    clock.jump(12 * 3_600_000);
    return clock.advance(1000);
  }],
  ["a second after the clock was put back before the beginning", true, (clock) => {
    clock.jump(-3_600_000);
    return clock.advance(1000);
  }],
  ["when the clock was put back within the hours", false, async (clock) => {
    await clock.advance(7 * 3_600_000, 60_000);
    clock.jump(-3 * 3_600_000);
    await clock.advance(2 * 3_600_000, 60_000);
  }],
];
for (const [name, want, act] of cases) {
  Deno.test(`watchHours() ${want ? "aborts" : "does not abort"} ${name}`, async () =>
    assert.equal(await ends(act), want));
}

Deno.test("watchHours() waits for nothing without hours, and for nothing once it is disposed of", async () => {
  const clock = new SteppedClock(new Date(begin));
  watchHours({ fromMs: -Infinity, untilMs: Infinity }, clock)[Symbol.dispose]();
  const watch = watchHours({ fromMs: begin, untilMs: end }, clock);
  assert.equal(clock.waiting, 1);
  watch[Symbol.dispose]();
  await clock.settle();
  assert.deepEqual([clock.waiting, watch.signal.aborted], [0, false]);
});

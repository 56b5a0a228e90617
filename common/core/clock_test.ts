import assert from "node:assert/strict";
import { startTimer, systemClock } from "./clock.ts";

/** Starts a timer of the machine's clock; resolves with how long it took. */
function rung(ms: number): Promise<number> {
  const startedMs = performance.now();
  return new Promise((resolve) => startTimer(systemClock, ms, () => resolve(performance.now() - startedMs)));
}

Deno.test("startTimer() never rings early, and also rings what was started while another one rang", async () => {
  const waits = [0, 1, 9, 10, 11, 25, 60];
  const took = await Promise.all(waits.map(rung));
  took.forEach((ms, i) => assert.ok(ms >= waits[i]!, `${waits[i]} ms took ${ms}`));
  const second = await new Promise<number>((resolve) => startTimer(systemClock, 1, () => void rung(1).then(resolve)));
  assert.ok(second >= 1);
});

Deno.test("startTimer() rings in the order of time, whatever the order of the starts", async () => {
  const order: number[] = [];
  await Promise.all([80, 20, 50].map((ms) => rung(ms).then(() => order.push(ms))));
  assert.deepEqual(order, [20, 50, 80]);
});

Deno.test("startTimer() does not ring what was stopped, also by one that rings at the same time", async () => {
  const rings: string[] = [];
  const stops: (() => void)[] = [];
  for (const name of ["first", "second"]) {
    stops.push(startTimer(systemClock, 20, () => {
      rings.push(name);
      stops.forEach((stop) => stop());
    }));
  }
  const stopped = startTimer(systemClock, 5, () => rings.push("stopped"));
  stopped();
  stopped();
  await rung(60);
  assert.equal(rings.length, 1);
});

Deno.test("startTimer() leaves nothing running when all timers are over", async () => {
  // The test's own check for timers that are left is what counts.
  const stop = startTimer(systemClock, 60_000, () => {});
  await rung(1);
  stop();
});

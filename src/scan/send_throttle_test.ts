import assert from "node:assert/strict";
import { FakeClock } from "../../tests/fixtures/fake_clock.ts";
import { createSendThrottle } from "./send_throttle.ts";

/** Sends `probes`, of which a share answers at once; returns the longest burst and how many pauses there were. */
async function sweep(probes: number, answering: number): Promise<{ longest: number; pauses: number }> {
  const clock = new FakeClock();
  let sent = 0, answered = 0, burst = 0, longest = 0, pauses = 0;
  const throttle = createSendThrottle(clock, () => answered, () => () => {});
  while (sent < probes) {
    const pause = throttle.pause();
    if (pause !== undefined) {
      await clock.advance(1);
      await pause;
      pauses++;
      burst = 0;
    }
    sent++;
    if (sent % Math.round(1 / answering) === 0) answered++;
    longest = Math.max(longest, ++burst);
  }
  return { longest, pauses };
}

Deno.test("createSendThrottle() pauses after 64 probes where everybody answers", async () => {
  const { longest } = await sweep(20_000, 1);
  assert(longest <= 65, `${longest} probes in a burst`);
});

Deno.test("createSendThrottle() lets bursts grow where hardly anybody answers", async () => {
  const { longest, pauses } = await sweep(65_536, 1 / 65);
  assert(longest > 500, `${longest} probes in a burst`);
  assert(longest / 65 <= 80, `${longest} probes in a burst`);
  assert(pauses < 300, `${pauses} pauses`);
});

Deno.test("createSendThrottle() has everybody wait for the same pause", async () => {
  const clock = new FakeClock();
  const throttle = createSendThrottle(clock, () => 0, () => () => {});
  let pause: Promise<void> | undefined;
  for (let i = 0; i < 64; i++) pause = throttle.pause();
  assert(pause !== undefined);
  assert.equal(throttle.pause(), pause);
  await clock.advance(1);
  assert.equal(throttle.pause(), undefined);
});

Deno.test("createSendThrottle() holds the devices that are being read until no more answers come", async () => {
  const clock = new FakeClock();
  let answered = 0, held = 0;
  const throttle = createSendThrottle(clock, () => answered, () => {
    held++;
    return () => held--;
  });
  const receiving = throttle.receive();
  let isOver = false;
  void receiving.then(() => isOver = true);
  assert.equal(throttle.pause(), receiving);
  for (let turn = 0; turn < 3; turn++) {
    answered += 20;
    await clock.advance(1);
    assert.deepEqual([held, isOver], [1, false]);
  }
  await clock.advance(1);
  assert.deepEqual([held, isOver], [0, true]);
  assert.equal(throttle.pause(), undefined);
});

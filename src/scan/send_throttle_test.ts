import assert from "node:assert/strict";
import { FakeClock } from "../../tests/fixtures/fake_clock.ts";
import { createSendThrottle } from "./send_throttle.ts";

interface Network {
  /** Of so many addresses one answers. */
  oneIn: number;
  /** Milliseconds until an answer is there; it is received in the next pause. */
  afterMs: number;
}

/** Sends `probes`, 50 in a millisecond; returns the most answers that waited to be received, and how long it took. */
async function sweep(probes: number, { oneIn, afterMs }: Network): Promise<{ mostWaiting: number; ms: number }> {
  const clock = new FakeClock();
  const underWay: number[] = [];
  let answered = 0, mostWaiting = 0;
  const throttle = createSendThrottle(clock, () => answered);
  for (let sent = 1; sent <= probes; sent++) {
    for (let pause = throttle.pause(); pause !== undefined; pause = throttle.pause()) {
      const waiting = underWay.filter((atMs) => atMs <= clock.monotonicMs()).length;
      mostWaiting = Math.max(mostWaiting, waiting);
      answered += waiting;
      underWay.splice(0, waiting);
      await clock.advance(1);
    }
    if (sent % 50 === 0) await clock.advance(1);
    if (sent % oneIn === 0) underWay.push(clock.monotonicMs() + afterMs);
  }
  return { mostWaiting, ms: clock.monotonicMs() };
}

for (const afterMs of [1, 10]) {
  Deno.test(`createSendThrottle() lets no answers be lost where everybody answers after ${afterMs} ms`, async () => {
    const { mostWaiting, ms } = await sweep(10_000, { oneIn: 1, afterMs });
    assert.ok(mostWaiting <= 250, `${mostWaiting} answers waited`);
    assert.ok(ms < 2_000, `${ms} ms`);
  });
}

for (const afterMs of [1, 10, 90]) {
  Deno.test(`createSendThrottle() hardly slows a sweep where one in 65 answers after ${afterMs} ms`, async () => {
    const { mostWaiting, ms } = await sweep(65_536, { oneIn: 65, afterMs });
    assert.ok(mostWaiting <= 250, `${mostWaiting} answers waited`);
    assert.ok(ms < 65_536 / 50 + 400, `${ms} ms`);
  });
}

Deno.test("createSendThrottle() hardly slows a sweep where nobody answers", async () => {
  const { ms } = await sweep(65_536, { oneIn: Infinity, afterMs: 0 });
  assert.ok(ms < 65_536 / 50 + 200, `${ms} ms`);
});

Deno.test("createSendThrottle() has everybody wait for the same pause", async () => {
  const clock = new FakeClock();
  let answered = 0;
  const throttle = createSendThrottle(clock, () => answered);
  let pause: Promise<void> | undefined;
  for (let i = 0; i <= 64; i++) pause = throttle.pause();
  assert(pause !== undefined);
  assert.equal(throttle.pause(), pause);
  answered = 100;
  await clock.advance(1);
  assert.equal(throttle.pause(), undefined);
});

import assert from "node:assert/strict";
import { FakeClock } from "../../tests/fixtures/fake_clock.ts";
import { createPacer } from "./token_bucket.ts";

async function sentAfter(ratePerSecond: number, ms: number): Promise<number> {
  const clock = new FakeClock();
  const pacer = createPacer(ratePerSecond, clock);
  let sent = 0;
  let stopped = false;
  const sending = (async () => {
    while (!stopped) {
      await pacer.take();
      sent++;
    }
  })();
  await clock.advance(ms);
  const count = sent;
  stopped = true;
  await clock.advance(1000);
  await sending;
  return count;
}

for (const rate of [1, 50, 200, 2000]) {
  Deno.test(`createPacer(${rate}) lets no more than the rate and its 20 ms through`, async () => {
    const sent = await sentAfter(rate, 1000);
    assert(sent <= rate + Math.max(1, rate / 50) + 1, `${sent} packets in a second`);
    assert(sent >= rate * 0.9, `${sent} packets in a second`);
  });
}

Deno.test("createPacer(0) never waits", () => {
  const pacer = createPacer(0, new FakeClock());
  for (let i = 0; i < 1000; i++) assert.equal(pacer.take(), undefined);
});

Deno.test("createPacer() serves waiters in the order in which they came", async () => {
  const clock = new FakeClock();
  const pacer = createPacer(10, clock);
  const order: number[] = [];
  for (let i = 0; i < 5; i++) void Promise.resolve(pacer.take()).then(() => order.push(i));
  await clock.advance(1000);
  assert.deepEqual(order, [0, 1, 2, 3, 4]);
});

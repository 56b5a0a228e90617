import assert from "node:assert/strict";
import { FakeClock } from "../../tests/fixtures/fake_clock.ts";
import { createReadLimiter, type ReadSlot } from "./read_limiter.ts";
import { createRoundTrip } from "./round_trip.ts";

function limiter(options: { max?: number; sockets?: number; roundTripMs?: number } = {}) {
  const state = { roundTripMs: options.roundTripMs ?? 1, isProbing: false };
  const { max = 16, sockets = 1 } = options;
  const clock = new FakeClock();
  const one = createReadLimiter({
    clock,
    max,
    sockets,
    roundTripMs: () => state.roundTripMs,
    slowMs: 500,
    isProbing: () => state.isProbing,
  });
  const slots: ReadSlot[] = [];
  /** Time enough for the thread to begin as many as it may. */
  const settle = () => clock.advance(100);
  const take = (count: number) => {
    for (let i = 0; i < count; i++) void one.acquire().then((slot) => slots.push(slot));
    return settle();
  };
  /** The device that has been read longest answers once more and is done. */
  const finish = () => {
    const slot = slots.shift()!;
    slot.answered();
    slot.release();
    return settle();
  };
  return { one, slots, take, finish, settle, state, clock };
}

Deno.test("createReadLimiter() begins with eight", async () => {
  const { slots, one, take } = limiter();
  await take(30);
  assert.equal(slots.length, 8);
  assert.equal(one.waiting, 22);
});

Deno.test("createReadLimiter() grows with each quick answer, so that it does not take whole devices to be at its maximum", async () => {
  const { slots, take, settle } = limiter({ max: 16 });
  await take(200);
  for (let i = 0; i < 8; i++) slots[i]!.answered();
  await settle();
  assert.equal(slots.length, 16);
  slots[0]!.answered();
  await settle();
  assert.equal(slots.length, 16);
});

Deno.test("createReadLimiter() reads more than eight only while the thread has time", async () => {
  const { slots, take, clock } = limiter({ max: 48 });
  await take(200);
  for (let i = 0; i < 40; i++) slots[i % 8]!.answered();
  const turns = [];
  for (let i = 0; i < 3; i++) {
    await clock.advance(0);
    turns.push(slots.length);
    await clock.advance(1);
  }
  assert.deepEqual(turns, [8, 10, 12]);
  // However busy, it always reads eight.
  for (const slot of slots.splice(0, 12)) slot.release();
  await clock.advance(0);
  assert.equal(slots.length, 8);
});

for (const [roundTripMs, want] of [[1, 16], [8, 32], [50, 64], [249, 64], [300, 8], [600, 4]] as const) {
  Deno.test(`createReadLimiter() with four sockets of 16 has ${want} at round trips of ${roundTripMs} ms`, async () => {
    const { slots, take, finish } = limiter({ max: 16, sockets: 4, roundTripMs });
    await take(300);
    for (let i = 0; i < 100; i++) {
      await finish();
    }
    assert.equal(slots.length, want);
  });
}

Deno.test("createReadLimiter() gives up what it had for long round trips when they become short", async () => {
  const { slots, take, state, finish } = limiter({ max: 16, sockets: 4, roundTripMs: 50 });
  await take(400);
  for (let i = 0; i < 200; i++) {
    if (i === 100) state.roundTripMs = 1;
    await finish();
  }
  assert.equal(slots.length, 16);
});

Deno.test("createReadLimiter() shrinks to four while answers are slow", async () => {
  const { slots, take, finish } = limiter({ roundTripMs: 2000 });
  await take(200);
  for (let i = 0; i < 60; i++) {
    await finish();
  }
  assert.equal(slots.length, 4);
});

Deno.test("createReadLimiter() leaves most of the reading for the time after the probes", async () => {
  const { one, slots, state, clock } = limiter();
  state.isProbing = true;
  for (let i = 0; i < 20; i++) void one.acquire().then((slot) => slots.push(slot));
  const begun = [];
  for (const ms of [0, 9, 1, 10]) {
    await clock.advance(ms);
    begun.push(slots.length);
  }
  assert.deepEqual(begun, [1, 1, 2, 3]);
  state.isProbing = false;
  await clock.advance(10);
  assert.equal(slots.length, 8);
});

Deno.test("ReadSlot.stall() lets another device in", async () => {
  const { slots, take, settle } = limiter();
  await take(9);
  assert.equal(slots.length, 8);
  slots[0]!.stall();
  slots[0]!.stall();
  await settle();
  assert.equal(slots.length, 9);
});

Deno.test("ReadSlot.answered() and release() count a device once", async () => {
  const { slots, take, settle } = limiter({ max: 8 });
  await take(20);
  slots[0]!.stall();
  await settle();
  slots[0]!.answered();
  slots[0]!.release();
  slots[0]!.release();
  await settle();
  assert.equal(slots.length, 9, "nine are busy at most when the stalled one moves, and its release admits nobody");
});

Deno.test("ReadLimiter.drain() lets everybody go", async () => {
  const { one, slots, take, clock } = limiter();
  await take(100);
  one.drain();
  await clock.advance(0);
  assert.equal(slots.length, 100);
});

Deno.test("createRoundTrip() waits at least and at most as long as it is told", () => {
  const estimate = createRoundTrip({ minMs: 1000, maxMs: 8000 });
  assert.equal(estimate.timeoutMs(), 1000);
  estimate.observe(5);
  assert.equal(estimate.timeoutMs(), 1000);
  for (let i = 0; i < 50; i++) estimate.observe(60_000);
  assert.equal(estimate.timeoutMs(), 8000);
});

Deno.test("createRoundTrip() follows answers that become slow within a few of them", () => {
  const estimate = createRoundTrip({ minMs: 1000, maxMs: 8000 });
  for (let i = 0; i < 20; i++) estimate.observe(10);
  for (let i = 0; i < 4; i++) estimate.observe(1500);
  assert(estimate.timeoutMs() > 1500, `${estimate.timeoutMs()} ms`);
});

import assert from "node:assert/strict";
import { createAnswerWait } from "./round_trip.ts";

const limits = { floorMs: 250, firstMs: 1000, patientMs: 1000, maxMs: 8000 };

Deno.test("createAnswerWait() doubles its waits up to a limit, and starts with the first", () => {
  const wait = createAnswerWait(limits);
  assert.deepEqual([0, 1, 2, 3, 40].map(wait.waitMs), [1000, 2000, 2000, 2000, 2000]);
});

Deno.test("createAnswerWait() waits SRTT + 4·RTTVAR after an answer (RFC 6298 section 2)", () => {
  const wait = createAnswerWait({ ...limits, floorMs: 1 });
  wait.observe(100);
  assert.equal(wait.waitMs(0), 100 + 4 * 50);
  wait.observe(180);
  // RTTVAR = 3/4 · 50 + 1/4 · |100 − 180|, SRTT = 7/8 · 100 + 1/8 · 180.
  assert.equal(wait.waitMs(0), 110 + 4 * 57.5);
});

Deno.test("createAnswerWait() waits no shorter than its floor, and doubles up to its patience", () => {
  const wait = createAnswerWait(limits);
  wait.observe(1);
  assert.deepEqual([0, 1, 2, 3, 4].map(wait.waitMs), [250, 500, 1000, 1000, 1000]);
});

Deno.test("createAnswerWait() follows a device that takes four seconds", () => {
  const wait = createAnswerWait(limits);
  wait.observe(4000);
  assert.equal(wait.waitMs(0), 8000);
  for (let i = 0; i < 30; i++) wait.observe(4000);
  assert(wait.waitMs(0) >= 4000 && wait.waitMs(0) < 5000, `${wait.waitMs(0)} ms`);
  assert.equal(wait.waitMs(20), wait.waitMs(0), "a known pace is patience enough");
});

Deno.test("createAnswerWait() takes a slow answer of a quick device into account at once", () => {
  const wait = createAnswerWait(limits);
  for (let i = 0; i < 10; i++) wait.observe(10);
  wait.observe(3000);
  assert(wait.waitMs(0) > 3000, `${wait.waitMs(0)} ms`);
});

import assert from "node:assert/strict";
import { createLossEstimate, expectedMissing } from "./loss_estimate.ts";

Deno.test("createLossEstimate() takes few late answers for no loss, and follows many answers", () => {
  const loss = createLossEstimate();
  assert.equal(loss.share(), 0);
  loss.answered(true);
  assert(loss.share() < 0.1);
  for (let i = 0; i < 1000; i++) loss.answered(i % 4 === 0);
  assert(Math.abs(loss.share() - 0.25) < 0.01);
});

Deno.test("expectedMissing() is what so many rounds leave of the devices that are there", () => {
  assert.equal(expectedMissing(60, { rounds: 2, share: 0 }), 0);
  // 60 of 80 are found by one round that loses a quarter.
  assert.equal(expectedMissing(60, { rounds: 1, share: 0.25 }), 20);
  assert(expectedMissing(60, { rounds: 6, share: 0.28 }) < 0.05);
});

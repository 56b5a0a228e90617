import assert from "node:assert/strict";
import { createLossEstimate, expectedMissing, missingBeside } from "./loss_estimate.ts";

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

const beside: readonly [found: number, size: number, probed: number, answered: number, missing: number][] = [
  // Nothing to compare with.
  [0, 125, 0, 0, 0],
  // One network where all answer, and one where few do.
  [0, 125, 875, 875, 125],
  [100, 125, 875, 875, 25],
  [125, 125, 875, 875, 0],
  [0, 4096, 61_440, 940, 63],
  [45, 4096, 61_440, 940, 0],
  [0, 250, 750, 2, 0],
  [0, 16, 16, 8, 0],
];

for (const [found, size, probed, answered, missing] of beside) {
  Deno.test(`missingBeside() is ${missing} for ${found} of ${size} where ${answered} of ${probed} answered`, () => {
    assert.equal(Math.round(missingBeside(found, { size, others: { probed, answered } })), missing);
  });
}

Deno.test("missingBeside() is nothing where an order was shuffled", () => {
  // 2,000 networks with a share of devices of their own, by a generator that is the same in each run.
  let state = 1;
  const random = () => (state = Math.imul(state, 48271) >>> 0 & 0x7fffffff) / 0x7fffffff;
  let alarms = 0;
  for (let network = 0; network < 2000; network++) {
    const share = random();
    const count = (size: number) => Array.from({ length: size }).filter(() => random() < share).length;
    if (missingBeside(count(125), { size: 125, others: { probed: 875, answered: count(875) } }) > 0) alarms++;
  }
  assert(alarms <= 5, `${alarms}`);
});

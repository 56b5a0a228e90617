import assert from "node:assert/strict";
import { createLimiter } from "./limiter.ts";

Deno.test("createLimiter() runs at most its limit at once, in order, also after failures", async () => {
  const limiter = createLimiter(2);
  const begun: number[] = [];
  const gates = [0, 1, 2, 3].map(() => Promise.withResolvers<void>());
  const jobs = gates.map((gate, i) =>
    limiter(async () => {
      begun.push(i);
      await gate.promise;
    })
  );
  await Promise.resolve();
  assert.deepEqual(begun, [0, 1]);
  gates[1]!.reject(new Error("broken"));
  await assert.rejects(jobs[1]!, /broken/);
  assert.deepEqual(begun, [0, 1, 2]);
  gates[0]!.resolve();
  await jobs[0];
  assert.deepEqual(begun, [0, 1, 2, 3]);
  gates[2]!.resolve();
  gates[3]!.resolve();
  await Promise.all([jobs[2], jobs[3]]);
});

import assert from "node:assert/strict";
import { endsReading, isLost } from "./lost_codes.ts";

Deno.test("isLost() and endsReading() tell what is missing from what is only odd", () => {
  const told = ["silent", "no-answer", "agent-error", "toString"].map((code) => [isLost(code), endsReading(code)]);
  assert.deepEqual(told, [[true, true], [true, false], [false, false], [false, false]]);
});

import assert from "node:assert/strict";
import { renewalWaitMs } from "./renew.ts";

const hour = 3_600_000, now = Date.parse("2026-03-02T08:00:00Z");
const waits: [name: string, hoursAgo: number[], waitHours: number][] = [
  ["none", [], 0],
  ["four at once", [0, 0, 0, 0], 0],
  ["five at once", [0, 0, 0, 0, 0], 1],
  ["five at once half an hour ago", [0.5, 0.5, 0.5, 0.5, 0.5], 0.5],
  ["five at once an hour ago", [1, 1, 1, 1, 1], 0],
  ["five at once, and one an hour", [3, 3, 3, 3, 3, 2, 1, 0], 1],
  ["a hundred, one a day", Array.from({ length: 100 }, (_, day) => (100 - day) * 24), 0],
  ["five by a process whose clock is a day ahead", [-24, -24, -24, -24, -24], 1],
];
for (const [name, hoursAgo, waitHours] of waits) {
  Deno.test(`a further certificate after ${name} waits for ${waitHours} hours`, () => {
    assert.equal(renewalWaitMs(hoursAgo.map((hours) => now - hours * hour), now), waitHours * hour);
  });
}

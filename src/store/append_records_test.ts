import assert from "node:assert/strict";
import { countedAge } from "./append_records.ts";

const dayMs = 86_400_000;
const cases = [
  { name: "follows the clock", seenAt: 1000, now: 1500, want: 10_500 },
  { name: "follows it by a day", seenAt: 0, now: dayMs, want: 10_000 + dayMs },
  { name: "follows it by no more than a day", seenAt: 0, now: dayMs + 1, want: 10_000 + dayMs },
  { name: "stands while the clock goes back", seenAt: 5000, now: 4000, want: 10_000 },
];
for (const { name, seenAt, now, want } of cases) {
  Deno.test(`countedAge() ${name}`, () => assert.equal(countedAge({ ageMs: 10_000, seenAt }, now), want));
}

import assert from "node:assert/strict";
import { agedPresence, answeredPresence, missedPresence, searchedPresence, wantsSearch } from "./presence.ts";

const minute = 60_000;
const intervalMs = 15 * minute;

type Step = number | "searched" | "answered" | "answered asleep";
const cases: { name: string; steps: Step[]; state: string; misses: number; search: boolean }[] = [
  { name: "one miss is nothing", steps: [15], state: "awake", misses: 1, search: false },
  { name: "two misses are a reason to look elsewhere", steps: [15, 30], state: "awake", misses: 2, search: true },
  {
    name: "three misses without a search are not enough",
    steps: [15, 30, 45],
    state: "awake",
    misses: 3,
    search: true,
  },
  {
    name: "three misses and a search",
    steps: [15, 30, "searched", 45],
    state: "unreachable",
    misses: 3,
    search: false,
  },
  {
    name: "a search that ends after the third miss",
    steps: [15, 30, 45, "searched"],
    state: "unreachable",
    misses: 3,
    search: false,
  },
  {
    name: "a search before any miss does not count",
    steps: ["searched", 15, 30, 45],
    state: "awake",
    misses: 3,
    search: true,
  },
  {
    name: "misses within an interval are one",
    steps: [15, 16, 17, "searched", 18],
    state: "awake",
    misses: 1,
    search: false,
  },
  {
    name: "three misses that span less than two intervals",
    steps: [15, 29, 43, "searched"],
    state: "awake",
    misses: 3,
    search: false,
  },
  {
    name: "a fourth makes them span it",
    steps: [15, 29, 43, "searched", 57],
    state: "unreachable",
    misses: 4,
    search: false,
  },
  {
    name: "a closed night counts as one interval",
    steps: [15, 720, 728, "searched"],
    state: "awake",
    misses: 3,
    search: false,
  },
  {
    name: "one answer brings it back",
    steps: [15, 30, 45, "searched", "answered"],
    state: "awake",
    misses: 0,
    search: false,
  },
  {
    name: "an answer in between starts over",
    steps: [15, 30, "answered", 60, 75, "searched"],
    state: "awake",
    misses: 2,
    search: false,
  },
  {
    name: "a sleeping one stays asleep by one miss",
    steps: ["answered asleep", 30],
    state: "asleep",
    misses: 1,
    search: false,
  },
];
for (const { name, steps, state, misses, search } of cases) {
  Deno.test(`missedPresence() ${name}`, () => {
    let presence = answeredPresence(0, { asleep: false });
    for (const step of steps) {
      if (step === "searched") presence = searchedPresence(presence, { intervalMs });
      else if (typeof step === "string") presence = answeredPresence(0, { asleep: step === "answered asleep" });
      else presence = missedPresence(presence, { nowMs: step * minute, intervalMs });
    }
    assert.deepEqual([presence.state, presence.misses, wantsSearch(presence)], [state, misses, search]);
  });
}

const dayMs = 1440 * minute;
for (
  const { name, days, from, state } of [
    { name: "waits 30 days", days: 30 - 1e-6, from: "unreachable", state: "unreachable" },
    { name: "gives up after 30 days", days: 30, from: "unreachable", state: "gone" },
    { name: "gives up only what is unreachable", days: 99, from: "asleep", state: "asleep" },
  ] as const
) {
  Deno.test(`agedPresence() ${name}`, () => {
    const presence = { ...answeredPresence(0, { asleep: false }), state: from };
    assert.equal(agedPresence(presence, { nowMs: days * dayMs, goneAfterMs: 30 * dayMs }).state, state);
  });
}

import assert from "node:assert/strict";
import { recordTime } from "./record_time.ts";

const day = 86_400_000;
const arrivedAt = new Date("2026-06-01T12:00:00Z"), since = new Date("2026-05-01T00:00:00Z");
const at = (offsetMs: number) => new Date(arrivedAt.getTime() + offsetMs);

const cases = [
  { name: "a minute ago", record: { observedAt: at(-60_000) }, want: [-60_000, "agent"] },
  { name: "now by a clock that is a second ahead", record: { observedAt: at(1000) }, want: [0, "agent"] },
  { name: "a minute ahead", record: { observedAt: at(60_000) }, want: [0, "arrival"] },
  { name: "200 days ahead", record: { observedAt: at(200 * day) }, want: [0, "arrival"] },
  {
    name: "more than a spool before the agent was activated",
    record: { observedAt: at(-300 * day) },
    want: [0, "arrival"],
  },
  { name: "a former activation", record: { observedAt: at(-110 * day) }, want: [-110 * day, "agent"] },
  { name: "no time", record: { observedAt: new Date(NaN) }, want: [0, "arrival"] },
  {
    name: "corrected from 200 days ahead",
    record: { observedAt: at(200 * day), correctedAt: at(-5000) },
    want: [-5000, "corrected"],
  },
  {
    name: "guessed",
    record: { observedAt: at(-300 * day), correctedAt: at(-day), correctedByGuess: true },
    want: [-day, "guessed"],
  },
  {
    name: "corrected into the future",
    record: { observedAt: at(-day), correctedAt: at(day) },
    want: [0, "arrival"],
  },
  {
    name: "corrected to before there were agents",
    record: { observedAt: at(-day), correctedAt: new Date(0) },
    want: [0, "arrival"],
  },
];
for (const { name, record, want: [offsetMs, basis] } of cases) {
  Deno.test(`recordTime() of a record of ${name} is ${basis}`, () => {
    const full = { correctedAt: undefined, correctedByGuess: false, ...record };
    assert.deepEqual(recordTime(full, { arrivedAt, since }), { at: at(offsetMs as number), basis });
  });
}

import assert from "node:assert/strict";
import { processState } from "./read_status.ts";

const now = new Date("2026-01-01T00:01:00Z");
const fresh = "2026-01-01T00:00:50Z", old = "2026-01-01T00:00:29Z";
const cases: [phase: "running" | "stopped" | null, at: string, lock: "held" | "free" | "unknown", want: string][] = [
  ["running", fresh, "held", "running"],
  ["running", old, "held", "unresponsive"],
  ["stopped", fresh, "held", "running"],
  [null, fresh, "held", "running"],
  ["running", fresh, "free", "crashed"],
  ["running", old, "free", "crashed"],
  ["stopped", old, "free", "stopped"],
  [null, fresh, "free", "stopped"],
  ["running", fresh, "unknown", "running"],
  ["running", old, "unknown", "crashed"],
  ["stopped", fresh, "unknown", "stopped"],
];
for (const [phase, writtenAt, lock, want] of cases) {
  Deno.test(`processState() of ${phase ?? "no"} status of ${writtenAt} with the lock ${lock} is ${want}`, () => {
    assert.equal(processState(phase === null ? null : { phase, writtenAt }, lock, now), want);
  });
}

import assert from "node:assert/strict";
import { createFaultList } from "./fault_list.ts";

function list() {
  let ms = 0, changes = 0, monotonic = 0;
  const ended: string[] = [];
  const faults = createFaultList({
    now: () => new Date(ms += 1000),
    monotonicMs: () => monotonic,
    changed: () => void changes++,
    ended: ({ code, count }, lastedMs) => void ended.push(`${code} ${count}${lastedMs > 0 ? ` ${lastedMs}` : ""}`),
  });
  return { faults, ended, changes: () => changes, pass: (passedMs: number) => void (monotonic += passedMs) };
}

Deno.test("createFaultList() counts repetitions and puts the newest first", () => {
  const { faults } = list();
  faults.add("poll-failed", "first");
  faults.add("clock-wrong", "other");
  faults.add("poll-failed", "again");
  assert.deepEqual(faults.all().map(({ code, message, count }) => [code, message, count]), [
    ["poll-failed", "again", 2],
    [
      "clock-wrong",
      "other",
      1,
    ],
  ]);
  const [a] = faults.all();
  assert.deepEqual([a!.firstAt.getTime(), a!.lastAt.getTime()], [1000, 3000]);
});

Deno.test("createFaultList() shows the newest 20 and tells once of each that it has ended", () => {
  const { faults, ended, changes } = list();
  for (let i = 0; i < 21; i++) faults.add(`scan-failed ${i}`, "x".repeat(600));
  assert.equal(faults.all().length, 20);
  assert.equal(faults.all().at(-1)!.code, "scan-failed 1");
  assert.equal(faults.all()[0]!.message.length, 500);
  faults.clear("scan-failed 20");
  faults.clear("scan-failed 20");
  assert.equal(faults.all()[0]!.code, "scan-failed 19");
  assert.equal(changes(), 22);
  faults.clear("scan-failed 0");
  faults.clear("renewal-failed");
  assert.deepEqual(ended, ["scan-failed 20 1", "scan-failed 0 1"]);
});

Deno.test("a fault that tells of what happened ends a day after it came last, others when they are cleared", () => {
  const { faults, ended, pass } = list();
  const hour = 3_600_000;
  faults.add("batch-quarantined", "refused");
  faults.add("epoch-begun", "anew");
  faults.add("task-refused", "not allowed");
  faults.add("poll-failed", "away");
  pass(23 * hour);
  faults.add("task-refused", "not allowed");
  assert.equal(faults.all().length, 4);
  pass(hour);
  assert.deepEqual(faults.all().map(({ code }) => code), ["task-refused", "poll-failed"]);
  assert.deepEqual(ended, [`batch-quarantined 1 ${24 * hour}`, `epoch-begun 1 ${24 * hour}`]);
  pass(24 * hour);
  assert.deepEqual(faults.all().map(({ code }) => code), ["poll-failed"]);
  faults.clear("poll-failed");
  assert.deepEqual(ended.slice(2), [`task-refused 2 ${48 * hour}`, `poll-failed 1 ${48 * hour}`]);
});

Deno.test("keepSites() ends the faults of sites that were removed", () => {
  const { faults, ended } = list();
  for (const code of ["scan-failed a", "scan-failed b", "sweep-too-long a"] as const) faults.add(code, "x");
  faults.keepSites("scan-failed", ["b"]);
  assert.deepEqual(faults.all().map(({ code }) => code), ["sweep-too-long a", "scan-failed b"]);
  assert.deepEqual(ended, ["scan-failed a 1"]);
  for (const code of ["neighbours:a", "neighbours:b", "neighbours:ab"] as const) faults.add(code, "x");
  faults.keepSites("neighbours", ["b"]);
  assert.deepEqual(ended, ["scan-failed a 1", "neighbours:a 1", "neighbours:ab 1"]);
});

import assert from "node:assert/strict";
import { StorageError } from "../../common/host/sqlite.ts";
import { nothingMeasured } from "./site_load.ts";
import { openSiteMarks } from "./site_marks.ts";

function marksOf(
  kept = new Map<string, string>(),
  write = (name: string, value: string) => void kept.set(name, value),
) {
  return openSiteMarks({ mark: (name) => kept.get(name), setMark: write });
}

const sweep = { addresses: 254, ms: 9000, conditions: "[]" };

Deno.test("openSiteMarks() keeps a measure when it tells something else, and not for each read", () => {
  const kept = new Map<string, string>(), written: string[] = [];
  const marks = marksOf(kept, (name, value) => (written.push(name), void kept.set(name, value)));
  assert.equal(marks.noteMeasure("hq", { packets: 100, devices: 10, sweep }), true);
  assert.equal(marks.noteMeasure("hq", { packets: 205, devices: 20, sweep }), false);
  assert.equal(written.length, 1);
  assert.deepEqual(marks.measure("hq"), { packets: 205, devices: 20, sweep }, "it counts in this run");
  assert.equal(marks.noteMeasure("hq", { packets: 240, devices: 20, sweep }), true, "by more than a tenth");
  assert.equal(marks.noteMeasure("hq", { packets: 240, devices: 20, sweep: { ...sweep, ms: 1 } }), true);
  assert.deepEqual(marksOf(kept).measure("hq"), { packets: 240, devices: 20, sweep: { ...sweep, ms: 1 } });
});

Deno.test("openSiteMarks() takes what is not its own for nothing", () => {
  const kept = new Map(["lastSweep:hq", "measured:hq", "sweepPosition:hq"].map((name) => [name, "{]"]));
  const marks = marksOf(kept);
  assert.deepEqual(
    [marks.lastSweepMs("hq"), marks.position("hq"), marks.measure("hq")],
    [undefined, undefined, nothingMeasured],
  );
});

Deno.test("openSiteMarks() goes on without a position or a measure that cannot be written, but not without a sweep", () => {
  const marks = marksOf(new Map(), () => {
    throw new StorageError("full", "full");
  });
  marks.keepPosition("hq", null);
  assert.equal(marks.noteMeasure("hq", { packets: 100, devices: 10, sweep }), true);
  assert.equal(marks.measure("hq").packets, 100);
  assert.throws(() => marks.noteSweep("hq", new Date(0)), StorageError);
});

import assert from "node:assert/strict";
import { createFaultList } from "./fault_list.ts";

function list() {
  let ms = 0, changes = 0;
  const ended: string[] = [];
  const faults = createFaultList({
    now: () => new Date(ms += 1000),
    changed: () => void changes++,
    ended: ({ code, count }) => void ended.push(`${code} ${count}`),
  });
  return { faults, ended, changes: () => changes };
}

Deno.test("createFaultList() counts repetitions and puts the newest first", () => {
  const { faults } = list();
  faults.add("a", "first");
  faults.add("b", "other");
  faults.add("a", "again");
  assert.deepEqual(faults.all().map(({ code, message, count }) => [code, message, count]), [["a", "again", 2], [
    "b",
    "other",
    1,
  ]]);
  const [a] = faults.all();
  assert.deepEqual([a!.firstAt.getTime(), a!.lastAt.getTime()], [1000, 3000]);
});

Deno.test("createFaultList() shows the newest 20 and tells once of each that it has ended", () => {
  const { faults, ended, changes } = list();
  for (let i = 0; i < 21; i++) faults.add(`fault ${i}`, "x".repeat(600));
  assert.equal(faults.all().length, 20);
  assert.equal(faults.all().at(-1)!.code, "fault 1");
  assert.equal(faults.all()[0]!.message.length, 500);
  faults.clear("fault 20");
  faults.clear("fault 20");
  assert.equal(faults.all()[0]!.code, "fault 19");
  assert.equal(changes(), 22);
  faults.clear("fault 0");
  faults.clear("never there");
  assert.deepEqual(ended, ["fault 20 1", "fault 0 1"]);
});

import assert from "node:assert/strict";
import type { Access } from "../scanner/access.ts";
import { createAccessMemory } from "./access_memory.ts";

const place = "10.0.0.7 161", minuteMs = 60_000, dayMs = 24 * 60 * minuteMs;
const works: Access = { credential: "full", view: "printer", triedAll: false, seen: [] };
const limited: Access = { credential: "limited", view: "system", triedAll: true, seen: [] };
const none: Access = { credential: null, view: "nothing", triedAll: true, seen: [] };

function memoryAt() {
  const clock = { ms: 1000, monotonicMs: () => clock.ms };
  const known = [
    { site: "one", place: { address: "10.0.0.7", port: 161 }, credential: "old" },
    { site: "one", place: null, credential: "gone" },
    { site: "one", place: { address: "10.0.0.8", port: 161 }, credential: null },
  ];
  return { clock, memory: createAccessMemory(clock, known) };
}

Deno.test("createAccessMemory() begins with what the inventory knows of each site", () => {
  const { memory } = memoryAt();
  assert.deepEqual(memory.remembered("one"), { [place]: { credential: "old", enough: null } });
  assert.deepEqual(memory.remembered("other"), {});
});

Deno.test("createAccessMemory() prefers what worked, and forgets it when it fails", () => {
  const { memory } = memoryAt();
  memory.note("one", place, works);
  assert.deepEqual(memory.remembered("one")[place], { credential: "full", enough: null });
  memory.note("one", place, none);
  assert.equal(memory.remembered("one")[place], undefined);
});

for (const [name, outcome] of Object.entries({ limited, none })) {
  Deno.test(`createAccessMemory() has all tried again after as long as they were in vain: ${name}`, () => {
    const { clock, memory } = memoryAt();
    const triedAtMinutes: number[] = [];
    for (let minute = 0; minute < 100; minute++) {
      const remembered = memory.remembered("one")[place];
      const left = remembered !== undefined && (remembered.credential === null || remembered.enough !== null);
      if (!left) triedAtMinutes.push(minute);
      // Where it is left alone, a limited credential is read with, and none is not even that.
      if (!left || name === "limited") memory.note("one", place, { ...outcome, triedAll: !left });
      clock.ms += minuteMs;
    }
    assert.deepEqual(triedAtMinutes, [0, 1, 2, 4, 8, 16, 32, 64]);
    clock.ms += dayMs;
    assert.notEqual(memory.remembered("one")[place]?.credential, null);
    assert.equal(memory.remembered("one")[place]?.enough ?? null, null);
  });
}

Deno.test("createAccessMemory() does not begin anew when a device that shows less asleep has been awake", () => {
  const { clock, memory } = memoryAt();
  const asleep: Access = { ...works, view: "system", triedAll: true };
  memory.note("one", place, asleep);
  clock.ms += 60 * minuteMs;
  memory.note("one", place, asleep);
  memory.note("one", place, works);
  assert.deepEqual(memory.remembered("one")[place], { credential: "full", enough: "system" });
});

Deno.test("createAccessMemory() lets a task and a changed configuration try all again", () => {
  const { clock, memory } = memoryAt();
  for (const outcome of [none, none]) {
    memory.note("one", place, outcome);
    clock.ms += minuteMs;
  }
  clock.ms -= minuteMs;
  assert.deepEqual(memory.remembered("one")[place], { credential: null, enough: "nothing" });
  assert.equal(memory.remembered("one", { trying: true })[place], undefined);
  memory.configChanged();
  assert.equal(memory.remembered("one")[place], undefined);
});

Deno.test("createAccessMemory() says once that no credential works, that all show too little, and that it is mended", () => {
  const { memory } = memoryAt();
  const news = [works, none, none, works, limited, limited, works, limited, none].map((access) =>
    memory.note("one", place, access)
  );
  assert.deepEqual(
    news,
    [undefined, "refused", undefined, "mended", "limited", undefined, "mended", "limited", "refused"],
  );
});

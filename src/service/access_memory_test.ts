import assert from "node:assert/strict";
import type { Access } from "../scan/access.ts";
import { createAccessMemory } from "./access_memory.ts";

const place = "10.0.0.7 161", minuteMs = 60_000;
const works: Access = { credential: "full", view: "printer", printer: true, triedAll: false, seen: [] };
const limited: Access = { credential: "limited", view: "system", printer: true, triedAll: true, seen: [] };
const none: Access = { credential: null, view: "nothing", printer: false, triedAll: true, seen: [] };

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
  assert.deepEqual(memory.remembered("one", null), { [place]: { credential: "old", enough: null } });
  assert.deepEqual(memory.remembered("other", null), {});
});

Deno.test("createAccessMemory() prefers what worked, and forgets it when it fails", () => {
  const { memory } = memoryAt();
  memory.note("one", place, works);
  assert.deepEqual(memory.remembered("one", null)[place], { credential: "full", enough: null });
  memory.note("one", place, none);
  assert.equal(memory.remembered("one", null)[place], undefined);
});

/** The minutes at which all were tried, at a place that is asked each minute and is the same all the time. */
function triedAt(outcome: Access, minutes: number, asked = (_minute: number) => true, at = place): number[] {
  const { clock, memory } = memoryAt();
  const tried: number[] = [];
  for (let minute = 0; minute < minutes; minute++, clock.ms += minuteMs) {
    if (!asked(minute)) continue;
    const remembered = memory.remembered("one", null)[at];
    const isLeft = remembered !== undefined && (remembered.credential === null || remembered.enough !== null);
    if (!isLeft) tried.push(minute);
    // Where it is left alone, a limited credential is read with, and none is not even that.
    if (!isLeft || outcome.credential !== null) memory.note("one", at, { ...outcome, triedAll: !isLeft });
  }
  return tried;
}

for (const [name, outcome] of Object.entries({ limited, none })) {
  Deno.test(`createAccessMemory() has all tried again after as long as they failed: ${name}`, () => {
    assert.deepEqual(triedAt(outcome, 100), [0, 1, 2, 4, 8, 16, 32, 64]);
  });
}

const days = (count: number) => count * 24 * 60;
const longest: { name: string; outcome: Access; at: string; hours: number }[] = [
  { name: "a printer that was read before", outcome: none, at: place, hours: 2 },
  { name: "a printer that is read in part", outcome: limited, at: place, hours: 24 },
  { name: "an unknown device", outcome: none, at: "10.0.0.9 161", hours: 72 },
  { name: "a device that is no printer", outcome: { ...limited, printer: false }, at: "10.0.0.9 161", hours: 72 },
];
for (const { name, outcome, at, hours } of longest) {
  Deno.test(`createAccessMemory() has all tried each ${hours} hours in the end: ${name}`, () => {
    const tried = triedAt(outcome, days(16), (minute) => minute % 30 === 0, at);
    assert.equal(tried.at(-1)! - tried.at(-2)!, hours * 60);
  });
}

Deno.test("createAccessMemory() does not have all tried with each daily sweep of what is no printer", () => {
  const tried = triedAt({ ...limited, printer: false }, days(16), (minute) => minute % days(1) === 0, "10.0.0.9 161");
  assert.deepEqual(tried.map((minute) => minute / days(1)), [0, 1, 2, 4, 7, 10, 13]);
});

Deno.test("createAccessMemory() tells of the places that are asked for", () => {
  const { memory } = memoryAt();
  memory.note("one", "10.0.0.9 161", works);
  const places = [{ address: "10.0.0.9", port: 161 }, { address: "10.0.0.10", port: 161 }];
  assert.deepEqual(Object.keys(memory.remembered("one", places)), ["10.0.0.9 161"]);
});

Deno.test("createAccessMemory() does not start over when a device that shows less asleep has been awake", () => {
  const { clock, memory } = memoryAt();
  const asleep: Access = { ...works, view: "system", triedAll: true };
  memory.note("one", place, asleep);
  clock.ms += 60 * minuteMs;
  memory.note("one", place, asleep);
  memory.note("one", place, works);
  assert.deepEqual(memory.remembered("one", null)[place], { credential: "full", enough: "system" });
});

Deno.test("createAccessMemory() lets a task and a changed configuration try all again", () => {
  const { clock, memory } = memoryAt();
  for (const outcome of [none, none]) {
    memory.note("one", place, outcome);
    clock.ms += minuteMs;
  }
  clock.ms -= minuteMs;
  assert.deepEqual(memory.remembered("one", null)[place], { credential: null, enough: "nothing" });
  assert.equal(memory.remembered("one", null, { trying: true })[place], undefined);
  memory.configChanged();
  assert.equal(memory.remembered("one", null)[place], undefined);
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

const known = { version: "2c" as const, objects: new Uint8Array(100) };
const statusOf = (memory: ReturnType<typeof createAccessMemory>, site = "one") =>
  memory.remembered(site, null, { scope: "status" })[place];

Deno.test("createAccessMemory() tells what a printer answered for status reads alone", () => {
  const { memory } = memoryAt();
  memory.note("one", place, { ...works, known });
  assert.deepEqual(statusOf(memory), { credential: "full", enough: null, known });
  assert.deepEqual(memory.remembered("one", null)[place], { credential: "full", enough: null });
  // One that sleeps tells nothing new.
  memory.note("one", place, { ...works, held: true }, "status");
  assert.deepEqual(statusOf(memory)?.known, known);
  memory.configChanged();
  assert.deepEqual(statusOf(memory)?.known, known);
});

Deno.test("createAccessMemory() keeps what never holds to itself until the next full read", () => {
  const { memory } = memoryAt();
  const fails = () => memory.note("one", place, { ...works, known, held: false }, "status");
  memory.note("one", place, { ...works, known });
  fails();
  fails();
  memory.note("one", place, { ...works, known, held: true }, "status");
  fails();
  fails();
  assert.notEqual(statusOf(memory)?.known, undefined);
  fails();
  for (let reads = 0; reads < 3; reads++) {
    assert.equal(statusOf(memory)?.known, undefined);
    memory.note("one", place, { ...works, known }, "status");
  }
  memory.note("one", place, { ...works, known }, "full");
  assert.notEqual(statusOf(memory)?.known, undefined);
});

Deno.test("createAccessMemory() forgets first what was answered longest ago where it is too much", () => {
  const { memory } = memoryAt();
  const megabyte = { version: "2c" as const, objects: new Uint8Array(1024 * 1024) };
  memory.note("other", place, { ...works, known });
  for (let host = 0; host < 50; host++) memory.note("one", `10.0.1.${host} 161`, { ...works, known: megabyte });
  const kept = Object.entries(memory.remembered("one", null, { scope: "status" }))
    .filter(([, { known }]) => known !== undefined).map(([key]) => key);
  assert.deepEqual([kept.length, kept[0]], [47, "10.0.1.3 161"]);
});

import assert from "node:assert/strict";
import fc from "fast-check";
import { FakeClock } from "../../tests/fixtures/fake_clock.ts";
import { fakeLogDisk } from "../../tests/fixtures/fake_log_disk.ts";
import { createFileSink } from "./file_sink.ts";

const time = new Date("2026-01-01T00:00:00Z");

function start({ maxBytes = 1000, keep = 3 } = {}) {
  const disk = fakeLogDisk();
  const problems: string[] = [];
  const sink = createFileSink({
    disk,
    path: "/log",
    maxBytes,
    keep,
    clock: new FakeClock(),
    onProblem: (reason) => problems.push(reason),
  });
  const log = (n: number) => sink.write({ time, level: "info", event: "batchSent", fields: { n } });
  /** Numbers that are in a file; "lost 2" for a report of lost lines, "?" for a line that is not JSON. */
  const read = (path: string) =>
    (disk.files.get(path) ?? "").split("\n").filter((line) => line !== "").map((line) => {
      try {
        const { event, n, count } = JSON.parse(line);
        return event === "logLinesLost" ? `lost ${count}` : n;
      } catch {
        return "?";
      }
    });
  return { disk, sink, problems, log, read };
}

const lineLength = `{"time":"2026-01-01T00:00:00.000Z","level":"info","event":"batchSent","n":1}\n`.length;

Deno.test("createFileSink() puts the file aside before it would grow over its size, and keeps so many", () => {
  const { disk, log, read } = start({ maxBytes: lineLength * 2, keep: 2 });
  for (let n = 1; n <= 9; n++) log(n);
  assert.deepEqual([...disk.files.keys()].sort(), ["/log", "/log.1", "/log.2"]);
  assert.deepEqual(["/log", "/log.1", "/log.2"].map(read), [[9], [7, 8], [5, 6]]);
});

for (const [maxBytes, want] of [[lineLength * 2 - 1, [2]], [lineLength * 2, [1, 2]]] as const) {
  Deno.test(`createFileSink() with ${maxBytes - lineLength * 2} octets of room for two lines has ${want} in the file`, () => {
    const { log, read } = start({ maxBytes });
    log(1);
    log(2);
    assert.deepEqual(read("/log"), want);
  });
}

Deno.test("createFileSink() goes on with a file that is there, and counts its size", () => {
  const { disk, log, read } = start({ maxBytes: lineLength * 2 });
  disk.files.set("/log", '{"n":0}\n'.padStart(lineLength * 2));
  log(1);
  assert.deepEqual([read("/log.1"), read("/log")], [[0], [1]]);
});

Deno.test("createFileSink() writes a line that is longer than a file may be, alone", () => {
  const { log, read } = start({ maxBytes: 10 });
  log(1);
  log(2);
  assert.deepEqual([read("/log.1"), read("/log")], [[1], [2]]);
});

Deno.test("createFileSink() survives a full disk, says so once, and counts what was lost when there is room", () => {
  const { disk, problems, log, read } = start();
  log(1);
  disk.room = 0;
  log(2);
  log(3);
  disk.room = Infinity;
  log(4);
  log(5);
  assert.deepEqual(read("/log"), [1, "lost 2", 4, 5]);
  assert.deepEqual(problems, ["No space left on device"]);
});

Deno.test("createFileSink() begins a new line after one that was cut off", () => {
  const { disk, log, read } = start();
  disk.room = 10;
  log(1);
  disk.room = Infinity;
  log(2);
  assert.deepEqual(read("/log"), ["?", "lost 1", 2]);
});

Deno.test("createFileSink() goes on where a write takes only a part", () => {
  const { disk, problems, log, read } = start();
  disk.atOnce = 7;
  log(1);
  log(2);
  assert.deepEqual(read("/log"), [1, 2]);
  assert.deepEqual(problems, []);
});

Deno.test("createFileSink() opens the file again when it could not be opened", () => {
  const { disk, problems, log, read } = start();
  disk.broken = new Error("No such directory");
  log(1);
  disk.broken = undefined;
  log(2);
  assert.deepEqual(read("/log"), ["lost 1", 2]);
  assert.deepEqual(problems, ["No such directory"]);
});

Deno.test("createFileSink() has each line or counts it, whatever the disk does", () => {
  const steps = fc.array(fc.oneof(
    fc.constant("log" as const),
    fc.record({ room: fc.oneof(fc.nat(300), fc.constant(Infinity)) }),
    fc.constantFrom({ broken: new Error("gone") }, { broken: undefined }),
  ));
  fc.assert(fc.property(steps, (list) => {
    const { disk, log, read } = start({ maxBytes: 300, keep: 100 });
    let n = 0;
    for (const step of list) {
      if (step === "log") log(++n);
      else Object.assign(disk, step);
    }
    Object.assign(disk, { room: Infinity, broken: undefined });
    log(++n);
    const lines = [...disk.files.keys()].flatMap(read);
    const kept = lines.filter((line) => typeof line === "number");
    const lost = lines.filter((line) => /^lost/.test(line)).reduce((sum, line) => sum + Number(line.slice(5)), 0);
    assert.equal(new Set(kept).size, kept.length);
    assert.equal(kept.length + lost, n);
    for (const text of disk.files.values()) assert.ok(text.length <= 300);
  }));
});

Deno.test("createFileSink() begins a new line behind one that a power failure has torn", () => {
  const { disk, log, read } = start();
  disk.files.set("/log", '{"n":0}\n{"n":');
  log(1);
  log(2);
  assert.deepEqual(read("/log"), [0, "?", 1, 2]);
});

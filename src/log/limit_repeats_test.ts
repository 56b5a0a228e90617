import assert from "node:assert/strict";
import { FakeClock } from "../../tests/fixtures/fake_clock.ts";
import { limitRepeats } from "./limit_repeats.ts";
import type { LogFields, LogRecord } from "./log_record.ts";

function start() {
  const clock = new FakeClock();
  const written: LogFields[] = [];
  let closed = false;
  const sink = limitRepeats({
    write: (record: LogRecord) => void written.push({ ...record.fields, event: record.event }),
    close: () => {
      closed = true;
      return Promise.resolve();
    },
  }, clock);
  const log = (event: string, fields: LogFields = {}) =>
    sink.write({ time: clock.now(), level: "warn", event, fields });
  return { clock, written, sink, log, isClosed: () => closed };
}

Deno.test("limitRepeats() writes five of a kind a minute and then their count", async () => {
  const { clock, written, log } = start();
  for (let i = 0; i < 12; i++) log("pollFailed", { host: "a" });
  assert.equal(written.length, 5);
  await clock.advance(59_999);
  log("batchSent");
  assert.equal(written.length, 6);
  await clock.advance(1);
  log("batchSent");
  assert.deepEqual(written.slice(6), [{ event: "pollFailed", host: "a", repeated: 7 }, { event: "batchSent" }]);
  log("pollFailed", { host: "a" });
  assert.deepEqual(written.at(-1), { event: "pollFailed", host: "a" });
});

Deno.test("limitRepeats() keeps apart what differs in level, event or fields", () => {
  const { written, sink, clock, log } = start();
  for (let i = 0; i < 5; i++) {
    log("pollFailed", { host: "a" });
    log("pollFailed", { host: "b" });
    log("sweepFailed", { host: "a" });
    sink.write({ time: clock.now(), level: "error", event: "pollFailed", fields: { host: "a" } });
  }
  assert.equal(written.length, 20);
});

Deno.test("limitRepeats() writes nothing more for what came five times", async () => {
  const { clock, written, log } = start();
  for (let i = 0; i < 5; i++) log("pollFailed");
  await clock.advance(120_000);
  log("batchSent");
  assert.equal(written.length, 6);
});

Deno.test("limitRepeats() writes the counts that it has when it is closed", async () => {
  const { written, sink, log, isClosed } = start();
  for (let i = 0; i < 6; i++) log("pollFailed");
  await sink.close();
  assert.deepEqual(written.at(-1), { event: "pollFailed", repeated: 1 });
  assert.ok(isClosed());
});

Deno.test("limitRepeats() watches a thousand kinds and lets the oldest go with its count", () => {
  const { written, log } = start();
  for (let i = 0; i < 8; i++) log("pollFailed");
  for (let i = 0; i < 999; i++) log("deviceFound", { i });
  assert.ok(!written.some((fields) => "repeated" in fields));
  log("deviceFound", { i: 999 });
  assert.deepEqual(written.filter((fields) => "repeated" in fields), [{ event: "pollFailed", repeated: 3 }]);
});

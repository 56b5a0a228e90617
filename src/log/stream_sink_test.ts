import assert from "node:assert/strict";
import { FakeClock } from "../../tests/fixtures/fake_clock.ts";
import { formatJsonLine } from "./format_line.ts";
import { createStreamSink } from "./stream_sink.ts";

const record = (n: number) => ({ time: new Date(0), level: "info" as const, event: "batchSent", fields: { n } });
const numberOf = (text: string) => {
  const { event, n, count } = JSON.parse(text);
  return event === "logLinesLost" ? `lost ${count}` : n;
};

Deno.test("createStreamSink() writes one line after the other", async () => {
  const written: unknown[] = [];
  let writing = 0;
  const sink = createStreamSink({
    clock: new FakeClock(),
    format: formatJsonLine,
    async write(text) {
      assert.equal(writing++, 0);
      await Promise.resolve();
      written.push(numberOf(text));
      writing--;
    },
  });
  for (let n = 1; n <= 3; n++) sink.write(record(n));
  await sink.close();
  assert.deepEqual(written, [1, 2, 3]);
});

Deno.test("createStreamSink() says how many lines a broken stream has lost", async () => {
  const written: unknown[] = [];
  let broken = true;
  const sink = createStreamSink({
    clock: new FakeClock(),
    format: formatJsonLine,
    write: (text) => broken ? Promise.reject(new Error("broken")) : Promise.resolve(void written.push(numberOf(text))),
  });
  sink.write(record(1));
  sink.write(record(2));
  await sink.close();
  broken = false;
  sink.write(record(3));
  await sink.close();
  assert.deepEqual(written, ["lost 2", 3]);
});

Deno.test("createStreamSink() holds a thousand lines for a slow reader and no more", async () => {
  const written: unknown[] = [];
  const reader = Promise.withResolvers<void>();
  const sink = createStreamSink({
    clock: new FakeClock(),
    format: formatJsonLine,
    write: (text) => reader.promise.then(() => void written.push(numberOf(text))),
  });
  for (let n = 1; n <= 1007; n++) sink.write(record(n));
  reader.resolve();
  await sink.close();
  sink.write(record(2000));
  await sink.close();
  assert.equal(written.filter((n) => typeof n === "number").length, 1001);
  assert.ok(written.includes("lost 7"));
  assert.equal(written.at(-1), 2000);
});

Deno.test("createStreamSink() ends although nobody reads, after two seconds", async () => {
  const clock = new FakeClock();
  const sink = createStreamSink({ clock, format: formatJsonLine, write: () => new Promise(() => {}) });
  sink.write(record(1));
  let closed = false;
  const closing = sink.close().then(() => closed = true);
  await clock.advance(1999);
  assert.equal(closed, false);
  await clock.advance(1);
  await closing;
  assert.equal(clock.waiting, 0);
});

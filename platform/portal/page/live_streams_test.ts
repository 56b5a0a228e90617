import assert from "node:assert/strict";
import { until } from "../../../tests/fixtures/until.ts";
import type { Listener } from "../../store/store.ts";
import { type LiveTimes, mostStreams, startLiveStreams, type StreamWish } from "./live_streams.ts";

const never = 3_600_000;
const quiet: LiveTimes = { watchMs: never, heartbeatMs: never, leastMs: 0, spreadMs: 0, longestMs: never };

const wish = (number: number): StreamWish => ({
  part: "tasks",
  customerId: "cus-1",
  userId: `usr-${number}`,
  sessionId: `sgn-${number}`,
  mayStay: () => Promise.resolve(true),
});

function started(times: Partial<LiveTimes> = {}) {
  let heard: Listener | undefined;
  const live = startLiveStreams({
    listen: (_, listener) => {
      heard = listener;
      return () => heard = undefined;
    },
  }, { ...quiet, ...times });
  return { live, notify: (payload: string | undefined) => heard!(payload), isListening: () => heard !== undefined };
}

/** Reads all the time. */
function reading(response: Response) {
  const read = { text: "", isOver: false };
  (async () => {
    for await (const part of response.body!) read.text += new TextDecoder().decode(part);
    read.isOver = true;
  })().catch(() => read.isOver = true);
  return read;
}

Deno.test("a reader that takes nothing is cut off after a few parts, and holds up no other", async () => {
  const { live } = started({ heartbeatMs: 1 });
  using _ = live;
  const slow = live.open(wish(1)), other = reading(live.open(wish(2)));
  await until("the slow one is gone", () => live.count() === 1);
  await assert.rejects(slow.text(), /takes nothing/);
  const before = other.text.length;
  await until("heartbeats of the other", () => other.text.length > before + 9);
  assert.equal(other.isOver, false);
});

Deno.test("a thousand changes of one moment are told in one or two events", async () => {
  const { live, notify } = started({ leastMs: 200 });
  using _ = live;
  const read = reading(live.open(wish(1)));
  await until("the first event", () => read.text !== "");
  for (let i = 0; i < 1000; i++) notify("tasks cus-1");
  for (const other of ["tasks cus-12", "sessions cus-1", ""]) notify(other);
  await until("the second event", () => read.text.split("changed").length === 3);
  notify(undefined);
  await until("the third event", () => read.text.split("changed").length === 4);
});

Deno.test("one stream too many is told to come later; the others go on, and there is room again after one ends", async () => {
  const { live } = started();
  using _ = live;
  const all = Array.from({ length: mostStreams.all }, (_, i) => live.open(wish(i)));
  assert.equal(await live.open(wish(-1)).text(), "event: later\ndata: 1\n\n");
  assert.equal(live.count(), mostStreams.all);
  await all[7]!.body!.cancel();
  assert.equal(live.count(), mostStreams.all - 1);
  const next = reading(live.open(wish(7)));
  await until("the first event", () => next.text === "event: changed\ndata: 1\n\n");
});

Deno.test("a user has a limited number of streams in all of its browsers, and the oldest makes room", () => {
  const { live } = started();
  using _ = live;
  for (let i = 0; i < mostStreams.ofUser + 5; i++) live.open({ ...wish(1), sessionId: `sgn-${i}` });
  assert.equal(live.count(), mostStreams.ofUser);
});

Deno.test("who may not stay is asked to look again and ended; a database that is away ends nobody", async () => {
  let may: boolean | Error = new Error("away");
  const { live } = started({ watchMs: 1 });
  using _ = live;
  let asked = 0;
  const mayStay = () => {
    asked++;
    return may instanceof Error ? Promise.reject(may) : Promise.resolve(may);
  };
  const read = reading(live.open({ ...wish(1), mayStay }));
  await until("some checks", () => asked > 3);
  assert.equal(read.isOver, false);
  may = false;
  await until("its end", () => read.isOver);
  assert.match(read.text, /changed\ndata: 1\n\n$/);
  assert.equal(live.count(), 0);
});

Deno.test("streams end after their time, and all of them when the server stops", async () => {
  const { live, isListening } = started({ longestMs: 5 });
  const read = reading(live.open(wish(1)));
  await until("its end", () => read.isOver);
  const second = started(), last = reading(second.live.open(wish(2)));
  live[Symbol.dispose]();
  second.live[Symbol.dispose]();
  await until("its end", () => last.isOver);
  assert.deepEqual([isListening(), second.isListening(), second.live.count()], [false, false, 0]);
  assert.match(await second.live.open(wish(3)).text(), /later/);
});

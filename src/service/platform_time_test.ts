import assert from "node:assert/strict";
import { SteppedClock } from "../../tests/fixtures/stepped_clock.ts";
import { RejectedError, UnavailableError } from "../../common/core/errors.ts";
import type { PollEvent } from "../link/poller.ts";
import { TransportError } from "../link/transport_error.ts";
import type { TransportFaultName } from "../link/transport_fault.ts";
import { openPlatformTime, type PlatformTime } from "./platform_time.ts";

interface Scene {
  clock: SteppedClock;
  time: PlatformTime;
  /** When the poller was woken, on the monotonic clock. */
  woken: number[];
  /** A poll that the platform answers, which is this far from the machine's clock. */
  poll(offsetMs?: number): void;
}

const start = new Date("2026-01-01T00:00:00Z"), hourMs = 3_600_000;

async function withTime(body: (scene: Scene) => Promise<void>, marks = new Map<string, string>()): Promise<void> {
  const clock = new SteppedClock(start);
  const woken: number[] = [];
  using time = openPlatformTime({
    clock,
    uptimeMs: () => clock.monotonicMs(),
    inventory: { mark: (name) => marks.get(name), setMark: (name, value) => void marks.set(name, value) },
    since: new Date("2025-12-01T00:00:00Z"),
    polls: { wake: () => void woken.push(clock.monotonicMs()) },
    log: { warn: () => {} },
  });
  const answered: PollEvent = {
    event: "pollSucceeded",
    tasks: 0,
    configChanged: false,
    nextMs: 300_000,
    clockOffsetMs: 0,
  };
  await body({
    clock,
    time,
    woken,
    poll(offsetMs = 0) {
      time.beginMeasure()(new Date(clock.now().getTime() + offsetMs));
      time.polled(answered);
    },
  });
}

function failed(error: Error): PollEvent {
  return { event: "pollFailed", error, nextMs: 5000 };
}

Deno.test("openPlatformTime() goes by the platform's clock once a poll was answered", () =>
  withTime(async ({ clock, time, poll }) => {
    assert.deepEqual([time.isKnown(), time.clock.now()], [false, start]);
    poll(2 * hourMs);
    assert.deepEqual([time.isKnown(), time.clock.now()], [true, new Date(start.getTime() + 2 * hourMs)]);
    await time.known;
    await clock.advance(1000);
    assert.equal(time.clock.monotonicMs(), 1000);
  }));

const fault = (name: TransportFaultName) => ({ name, message: "x", advice: "y" });
const failures: [name: string, error: Error, isKnown: boolean][] = [
  ["refuses the request", new RejectedError("no"), true],
  ["fails", new TransportError(fault("platform-failed"), "none", { cause: null }), true],
  ["is away", new TransportError(fault("connection-refused"), "none", { cause: null }), false],
  ["has a disk that is full", new UnavailableError("full"), false],
];
for (const [name, error, isKnown] of failures) {
  Deno.test(`openPlatformTime() lets uploads ${isKnown ? "go" : "wait"} while a poll finds that the platform ${name}`, () =>
    withTime(async ({ time, poll }) => {
      time.polled(failed(error));
      assert.equal(time.isKnown(), isKnown);
      if (isKnown) await time.known;
      poll();
      assert.equal(time.isKnown(), true);
    }));
}

Deno.test("openPlatformTime() asks for the time after a step, and for many steps once in five minutes", () =>
  withTime(async ({ clock, time, woken, poll }) => {
    poll();
    await clock.advance(10 * 60_000, 60_000);
    clock.jump(hourMs);
    assert.equal(time.isKnown(), false);
    await clock.advance(1);
    assert.deepEqual(woken, [600_001], "at once, as the last measure is old");
    poll(-hourMs);
    for (let i = 0; i < 3; i++) {
      await clock.advance(10_000);
      clock.jump(hourMs);
      assert.equal(time.isKnown(), false);
      await clock.settle();
    }
    assert.equal(woken.length, 1);
    await clock.advance(5 * 60_000, 1000);
    assert.equal(woken[1], 900_001);
  }));

Deno.test("openPlatformTime() asks nobody after it was closed", async () => {
  const scene = Promise.withResolvers<Scene>();
  await withTime(async (given) => {
    given.poll();
    await given.clock.advance(1000);
    given.clock.jump(hourMs);
    given.time.now();
    await given.clock.settle();
    scene.resolve(given);
  });
  const { clock, woken } = await scene.promise;
  await clock.advance(hourMs, 60_000);
  assert.deepEqual([woken, clock.waiting], [[], 0]);
});

Deno.test("openPlatformTime() opens with what was kept in another run, however the clock was set since", async () => {
  const marks = new Map<string, string>();
  await withTime(async ({ clock, poll }) => {
    poll();
    await clock.advance(hourMs, 60_000);
  }, marks);
  assert.ok(marks.get("clock"));
  await withTime(({ time }) => Promise.resolve(assert.equal(time.isKnown(), false)), marks);
});

import assert from "node:assert/strict";
import { FakeClock } from "../../tests/fixtures/fake_clock.ts";
import { createWake, type Wake } from "./wake.ts";

/** Runs a loop that waits a minute each time, and notes when it goes on. */
function withLoop(
  name: string,
  body: (scene: { clock: FakeClock; wake: Wake; times: number[]; stop: AbortController }) => Promise<void>,
): void {
  Deno.test(name, async () => {
    const clock = new FakeClock(), stop = new AbortController(), times: number[] = [];
    const wake = createWake(clock);
    const run = async (): Promise<void> => {
      while (!stop.signal.aborted) {
        times.push(clock.monotonicMs());
        await wake.wait(60_000, stop.signal);
      }
    };
    const running = run();
    await body({ clock, wake, times, stop });
    stop.abort();
    await running;
    assert.equal(clock.waiting, 0, "a sleep was left behind");
  });
}

withLoop("createWake() waits as long as it was told when nobody wakes it", async ({ clock, times }) => {
  await clock.advance(150_000);
  assert.deepEqual(times, [0, 60_000, 120_000]);
});

withLoop("createWake() ends a wait early, and the next one is a whole one", async ({ clock, wake, times }) => {
  await clock.advance(10_000);
  wake.wake();
  wake.wake();
  await clock.advance(70_000);
  assert.deepEqual(times, [0, 10_000, 70_000]);
});

withLoop("createWake() ends its wait when the signal is aborted", async ({ clock, times, stop }) => {
  stop.abort();
  await clock.advance(1);
  assert.deepEqual(times, [0]);
  assert.equal(clock.waiting, 0);
});

Deno.test("createWake() remembers a wake that came before the wait, once, until it is cleared", async () => {
  const clock = new FakeClock();
  const wake = createWake(clock);
  const { signal } = new AbortController();
  wake.wake();
  wake.wake();
  await wake.wait(1000, signal);
  let isOver = false;
  const waiting = wake.wait(1000, signal).then(() => isOver = true);
  await clock.advance(999);
  assert.equal(isOver, false);
  await clock.advance(1);
  assert.equal(isOver, true);
  await waiting;
  wake.wake();
  wake.clear();
  isOver = false;
  const last = wake.wait(1000, signal).then(() => isOver = true);
  await clock.advance(999);
  assert.equal(isOver, false);
  await clock.advance(1);
  await last;
});

Deno.test("createWake() throws what the clock throws of itself", async () => {
  const wake = createWake({ sleep: () => Promise.reject(new Error("no timers left")) });
  await assert.rejects(wake.wait(1, new AbortController().signal), /no timers left/);
});

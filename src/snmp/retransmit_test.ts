import assert from "node:assert/strict";
import { type Clock, systemClock } from "../../common/core/clock.ts";
import { FakeClock } from "../../tests/fixtures/fake_clock.ts";
import { startSending } from "./retransmit.ts";

function observe(clock: Clock, given: { send?: () => Promise<void>; pace?: () => Promise<void> } = {}) {
  const seen: string[] = [];
  const stop = startSending({
    send: (before) => {
      seen.push(`sent ${before}`);
      return given.send?.() ?? Promise.resolve();
    },
    tries: 3,
    waitMs: () => 100,
    pace: given.pace ?? (() => undefined),
    onSilence: () => seen.push("silence"),
    onRefused: (error) => seen.push(`refused: ${error}`),
    clock,
  });
  return { seen, stop };
}

Deno.test("startSending() sends as often as told, and then tells of the silence once", async () => {
  const clock = new FakeClock();
  const { seen } = observe(clock);
  await clock.advance(250);
  assert.deepEqual(seen, ["sent 0", "sent 1", "sent 2"]);
  await clock.advance(1000);
  assert.deepEqual(seen, ["sent 0", "sent 1", "sent 2", "silence"]);
  assert.equal(clock.waiting, 0);
});

Deno.test("startSending() sends nothing and tells nobody once it is stopped, and leaves no timer", async () => {
  const clock = new FakeClock();
  const { seen, stop } = observe(clock);
  await clock.advance(50);
  stop();
  await clock.advance(1000);
  assert.deepEqual(seen, ["sent 0"]);
  assert.equal(clock.waiting, 0);
  // On the machine's own clock the test runner finds a timer that is left.
  const own = observe(systemClock);
  await Promise.resolve();
  own.stop();
  assert.deepEqual(own.seen, ["sent 0"]);
});

Deno.test("startSending() is not begun by a pace that comes after the end", async () => {
  const pace = Promise.withResolvers<void>();
  const { seen, stop } = observe(new FakeClock(), { pace: () => pace.promise });
  stop();
  pace.resolve();
  await pace.promise;
  await Promise.resolve();
  assert.deepEqual(seen, []);
});

Deno.test("startSending() tells once that the system refuses", async () => {
  const clock = new FakeClock();
  const { seen } = observe(clock, { send: () => Promise.reject(new Error("no route")) });
  await clock.advance(1000);
  assert.deepEqual(seen, ["sent 0", "refused: Error: no route"]);
});

import assert from "node:assert/strict";
import { FakeClock } from "../../tests/fixtures/fake_clock.ts";
import { RejectedError, UnavailableError } from "../../common/core/errors.ts";
import { jitteredBackoff, withRetry, withTimeout } from "./retry.ts";

const never = new AbortController().signal;

Deno.test("jitteredBackoff() doubles to its limit, between half and all of it", () => {
  const low = jitteredBackoff({ firstMs: 1000, maxMs: 60_000, random: () => 0 });
  const high = jitteredBackoff({ firstMs: 1000, maxMs: 60_000, random: () => 1 });
  assert.deepEqual([1, 2, 3, 7, 8, 5000].map(low), [500, 1000, 2000, 30_000, 30_000, 30_000]);
  assert.deepEqual([1, 2, 3, 7, 8, 5000].map(high), [1000, 2000, 4000, 60_000, 60_000, 60_000]);
});

Deno.test("withRetry() waits for the longer of backoff and retry-after, and sends the same again", async () => {
  const clock = new FakeClock();
  const answers: (string | UnavailableError)[] = [
    new UnavailableError("away"),
    new UnavailableError("busy", undefined, 9000),
    "stored",
  ];
  const sent: [number, string][] = [];
  const send = withRetry((request: string) => {
    sent.push([clock.monotonicMs(), request]);
    const answer = answers.shift()!;
    return typeof answer === "string" ? Promise.resolve(answer) : Promise.reject(answer);
  }, { clock, backoffMs: () => 1000 });
  const result = send("batch", never);
  await clock.advance(60_000);
  assert.equal(await result, "stored");
  assert.deepEqual(sent, [[0, "batch"], [1000, "batch"], [10_000, "batch"]]);
});

for (const error of [new RejectedError("no"), new TypeError("bug")]) {
  Deno.test(`withRetry() does not repeat what ended in ${error.name}`, async () => {
    let tries = 0;
    const send = withRetry(() => Promise.reject(tries++ === 0 ? error : new Error("again")), {
      clock: new FakeClock(),
      backoffMs: () => 1,
    });
    await assert.rejects(send("batch", never), error);
  });
}

Deno.test("withRetry() ends at once when it is stopped while it waits", async () => {
  const clock = new FakeClock();
  const stop = new AbortController();
  const send = withRetry(() => Promise.reject(new UnavailableError("away")), { clock, backoffMs: () => 1e9 });
  const result = send("batch", stop.signal);
  await clock.advance(0);
  stop.abort(new Error("stopped"));
  await assert.rejects(result, /stopped/);
});

Deno.test("withTimeout() ends a send that never answers and tells it so", async () => {
  const clock = new FakeClock();
  let told: AbortSignal | undefined;
  const send = withTimeout((_: string, signal) => {
    told = signal;
    return new Promise<string>(() => {});
  }, { clock, timeoutMs: 5000 });
  const result = send("batch", never);
  const failed = assert.rejects(result, UnavailableError);
  await clock.advance(4999);
  assert.equal(told!.aborted, false);
  await clock.advance(1);
  await failed;
  assert.equal(told!.aborted, true);
});

Deno.test("withTimeout() leaves no sleeper behind after an answer", async () => {
  const clock = new FakeClock();
  const send = withTimeout(() => Promise.resolve("stored"), { clock, timeoutMs: 5000 });
  assert.equal(await send("batch", never), "stored");
  assert.equal(clock.waiting, 0);
});

import assert from "node:assert/strict";
import { FakeClock } from "../../tests/fixtures/fake_clock.ts";
import { createNeighbourPacer, entryLifetimeMs } from "./neighbour_pacer.ts";

Deno.test("createNeighbourPacer() lets so many addresses be looked for within the time of an entry, whatever is asked", async () => {
  const clock = new FakeClock();
  const pacer = createNeighbourPacer(10, clock, new AbortController().signal);
  const begun = new Map<number, number>();
  const asking = (async () => {
    for (let host = 0; host < 100; host++) {
      await pacer.take(`10.0.0.${host}`);
      begun.set(host, clock.monotonicMs());
      if (host % 3 === 0) await clock.sleep(400);
    }
  })();
  await clock.advance(60_000);
  await asking;
  assert.equal(begun.size, 100);
  for (const from of begun.values()) {
    const together = [...begun.values()].filter((at) => at >= from && at < from + entryLifetimeMs).length;
    assert(together <= 10, `${together} within one time`);
  }
});

Deno.test("createNeighbourPacer() lets an address that is looked for be asked at once, also while others wait", async () => {
  const clock = new FakeClock();
  const pacer = createNeighbourPacer(1, clock, new AbortController().signal);
  assert.equal(pacer.take("10.0.0.1"), undefined);
  const other = pacer.take("10.0.0.2");
  assert(other !== undefined);
  assert.equal(pacer.take("10.0.0.1"), undefined);
  await clock.advance(entryLifetimeMs);
  await other;
  assert.equal(pacer.take("10.0.0.2"), undefined);
});

Deno.test("createNeighbourPacer() rejects whoever waits when the scan is stopped", async () => {
  const clock = new FakeClock();
  const abort = new AbortController();
  const pacer = createNeighbourPacer(1, clock, abort.signal);
  pacer.take("10.0.0.1");
  const waiting = [pacer.take("10.0.0.2"), pacer.take("10.0.0.3")];
  const rejected = Promise.all(waiting.map((one) => assert.rejects(one!)));
  abort.abort(new Error("stopped"));
  await clock.advance(0);
  await rejected;
});

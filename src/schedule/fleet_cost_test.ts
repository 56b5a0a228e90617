/** What a fleet costs, in devices looked at rather than in time. */
import assert from "node:assert/strict";
import { nextActions } from "./next_actions.ts";
import { deviceAnswered, deviceKnown, deviceSilent, siteSearched } from "./schedule_events.ts";
import { emptySchedule, type ScheduledSite } from "./schedule_state.ts";

const minute = 60_000;
const site: ScheduledSite = {
  name: "head office",
  readsPerMinute: 6000,
  schedule: {
    fullSweepEveryMs: 1440 * minute,
    statusEveryMs: 10 * minute,
    metersEveryMs: 240 * minute,
    allowedHours: [],
    jitter: 0.1,
  },
};

/** Entries that walks over maps and sets give while `body` runs; copies of them are walks as well. */
function visitsDuring(body: () => void): number {
  let visits = 0;
  const restore: (() => void)[] = [];
  for (const prototype of [Map.prototype, Set.prototype]) {
    for (const name of ["entries", "values", "keys", Symbol.iterator] as const) {
      const original = prototype[name] as (this: unknown) => IterableIterator<unknown>;
      Object.assign(prototype, {
        *[name](this: unknown) {
          for (const entry of { [Symbol.iterator]: () => original.call(this) }) {
            visits++;
            yield entry;
          }
        },
      });
      restore.push(() => Object.assign(prototype, { [name]: original }));
    }
  }
  try {
    body();
  } finally {
    for (const each of restore) each();
  }
  return visits;
}

/** Start, a sweep that hears everybody, and an hour in which one device in ten is silent. */
function hourOf(devices: number): number {
  const clock = { monotonicMs: 0, wallMs: Date.parse("2026-01-05T00:00:00Z") };
  let seed = 1;
  const random = () => (seed = seed * 48_271 % 2_147_483_647) / 2_147_483_647;
  const options = { now: clock, random };
  const ids = Array.from({ length: devices }, (_, i) => `device-${i}`);
  const silent = new Set(ids.filter((_, i) => i % 10 === 0));
  let reads = 0;
  const visits = visitsDuring(() => {
    const state = emptySchedule({ ...clock });
    for (const deviceId of ids) deviceKnown(state, { deviceId, site, asleep: false, seenAt: new Date(0) }, options);
    for (const deviceId of ids) deviceAnswered(state, { deviceId, site, asleep: false, scope: "full" }, options);
    siteSearched(state, site);
    while (clock.monotonicMs < 60 * minute) {
      const { actions, wakeAfterMs } = nextActions(state, { ...clock }, { sites: [site], random });
      for (const action of actions) {
        if (action.type !== "read") siteSearched(state, site);
        else {
          for (const deviceId of action.deviceIds) {
            reads++;
            if (silent.has(deviceId)) deviceSilent(state, { deviceId, site }, options);
            else deviceAnswered(state, { deviceId, site, asleep: false, scope: action.scope }, options);
          }
        }
      }
      clock.monotonicMs += wakeAfterMs;
      clock.wallMs += wakeAfterMs;
    }
  });
  assert.ok(reads > 5 * devices * 0.8, `${reads} reads of ${devices} devices`);
  return visits;
}

Deno.test("an hour of the schedule looks at twice as many devices when the fleet is twice as large, not at four times", () => {
  const few = hourOf(400), many = hourOf(800);
  assert.ok(many < 2.5 * few, `${few} visits with 400 devices, ${many} with 800`);
});

Deno.test("an event and a wake of the schedule look at no device but those that they are about", () => {
  const visits = hourOf(400);
  // Some 2,000 reads; a walk over all devices at each would be 800,000.
  assert.ok(visits < 20_000, `${visits} visits`);
});

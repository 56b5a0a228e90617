import assert from "node:assert/strict";
import type { AllowedHours } from "../config/allowed_hours.ts";
import { type Action, nextActions } from "./next_actions.ts";
import {
  deviceAnswered,
  deviceKnown,
  deviceSilent,
  passInterrupted,
  readsInterrupted,
  siteSearched,
} from "./schedule_events.ts";
import { emptySchedule, readsPerMinuteFor, type ScheduledSite } from "./schedule_state.ts";

const minute = 60_000, hour = 60 * minute, day = 24 * hour;
const monday = Date.parse("2026-01-05T00:00:00Z");

function siteOf(
  options: {
    allowedHours?: AllowedHours[];
    readsPerMinute?: number;
    statusEveryMs?: number;
    fullSweepEveryMs?: number;
  } = {},
): ScheduledSite {
  return {
    name: "head office",
    readsPerMinute: options.readsPerMinute ?? 600,
    schedule: {
      fullSweepEveryMs: options.fullSweepEveryMs ?? day,
      statusEveryMs: options.statusEveryMs ?? 15 * minute,
      metersEveryMs: 4 * hour,
      allowedHours: options.allowedHours ?? [],
      jitter: 0.1,
    },
  };
}

/** A site whose devices answer by default, on two clocks that the test moves. */
function createWorld(
  { site = siteOf(), devices = 0, seenAgoMs = 0 }: { site?: ScheduledSite; devices?: number; seenAgoMs?: number } = {},
) {
  const clocks = { monotonicMs: 0, wallMs: monday };
  let seed = 1;
  // Park and Miller's generator: the same numbers in each run.
  const random = () => (seed = seed * 48_271 % 2_147_483_647) / 2_147_483_647;
  const options = () => ({ now: { ...clocks }, random });
  const state = emptySchedule({ ...clocks });
  for (let i = 0; i < devices; i++) {
    const device = { deviceId: `device-${i}`, site, asleep: false, seenAt: new Date(clocks.wallMs - seenAgoMs) };
    deviceKnown(state, device, options());
  }
  const log: (Action & { atMs: number; wallMs: number })[] = [];
  const world = {
    clocks,
    log,
    silent: new Set<string>(),
    asleep: new Set<string>(),
    /** Devices that a search or sweep finds at another address, where they answer from then on. */
    elsewhere: new Set<string>(),
    /** Sweeps and searches end. */
    ends: true,
    lastSweeps: new Map<string, number>(),
    stateOf: (deviceId: string) => state.devices.get(deviceId)?.presence.state,
    count: (type: Action["type"], sinceMs = 0) =>
      log.filter((each) => each.type === type && each.atMs >= sinceMs).length,
    reads: (sinceMs = 0) =>
      log.flatMap((each) =>
        each.type === "read" && each.atMs >= sinceMs ? each.deviceIds.map((id) => ({ ...each, id })) : []
      ),
    /** Runs for a time, both clocks in step. */
    run(durationMs: number) {
      const endMs = clocks.monotonicMs + durationMs;
      while (clocks.monotonicMs < endMs) {
        const next = nextActions(state, { ...clocks }, { sites: [site], random, lastSweeps: world.lastSweeps });
        for (const action of next.actions) perform(action);
        const stepMs = Math.min(next.wakeAfterMs, endMs - clocks.monotonicMs);
        clocks.monotonicMs += stepMs;
        clocks.wallMs += stepMs;
      }
    },
  };

  function answer(deviceId: string, scope: "full" | "status") {
    deviceAnswered(state, { deviceId, site, asleep: world.asleep.has(deviceId), scope }, options());
  }

  function perform(action: Action) {
    log.push({ ...action, atMs: clocks.monotonicMs, wallMs: clocks.wallMs });
    if (action.type === "read") {
      for (const deviceId of action.deviceIds) {
        if (world.silent.has(deviceId)) deviceSilent(state, { deviceId, site }, options());
        else answer(deviceId, action.scope);
      }
      return;
    }
    if (!world.ends) return;
    for (const deviceId of world.elsewhere) {
      world.silent.delete(deviceId);
      answer(deviceId, "full");
    }
    siteSearched(state, site);
  }

  return world;
}

Deno.test("nextActions() sweeps and reads on their own intervals", () => {
  const world = createWorld({ devices: 10 });
  world.run(10 * day);
  assert.ok(world.count("sweep") >= 10 && world.count("sweep") <= 11, `${world.count("sweep")} sweeps`);
  const status = world.reads().filter(({ scope }) => scope === "status").length / 10;
  const full = world.reads().filter(({ scope }) => scope === "full").length / 10;
  assert.ok(status + full > 10 * 96 * 0.95 && status + full < 10 * 96 * 1.1, `${status + full} reads of a device`);
  assert.ok(full > 10 * 6 * 0.85 && full < 10 * 6 * 1.1, `${full} full reads of a device`);
});

Deno.test("nextActions() sweeps soon after the first start, and by the last sweep after a later one", () => {
  const first = createWorld();
  first.run(minute);
  assert.equal(first.count("sweep"), 1);
  const later = createWorld();
  later.lastSweeps.set("head office", monday - 20 * hour);
  later.run(3.9 * hour);
  assert.equal(later.count("sweep"), 0);
  later.run(0.2 * hour);
  assert.equal(later.count("sweep"), 1);
});

Deno.test("nextActions() does not wait for a last sweep that lies in the future", () => {
  const world = createWorld();
  world.lastSweeps.set("head office", monday + 300 * day);
  world.run(day + hour);
  assert.equal(world.count("sweep"), 1);
});

Deno.test("nextActions() begins no second sweep before the first ends", () => {
  const world = createWorld({ site: siteOf({ fullSweepEveryMs: 4 * hour }) });
  world.ends = false;
  world.run(20 * hour);
  assert.equal(world.count("sweep"), 1);
});

const night: AllowedHours = {
  timeZone: "Europe/Berlin",
  windows: [{ weekday: 1, fromMinute: 22 * 60, untilMinute: 1440 }, { weekday: 2, fromMinute: 0, untilMinute: 6 * 60 }],
};

Deno.test("nextActions() acts within allowed hours only, over midnight and in their time zone", () => {
  const world = createWorld({ devices: 5, site: siteOf({ allowedHours: [night] }) });
  world.run(7 * day);
  const times = world.log.map(({ wallMs }) => wallMs);
  assert.ok(Math.min(...times) >= Date.parse("2026-01-05T21:00:00Z"));
  assert.ok(Math.min(...times) < Date.parse("2026-01-05T21:02:00Z"));
  assert.ok(Math.max(...times) < Date.parse("2026-01-06T05:00:00Z"));
  assert.equal(world.count("sweep"), 1);
});

Deno.test("nextActions() keeps the rate of the site when everything is due at once", () => {
  const allowedHours = [{ timeZone: "UTC", windows: [{ weekday: 1, fromMinute: 12 * 60, untilMinute: 1440 }] }];
  const world = createWorld({ devices: 1000, site: siteOf({ allowedHours, readsPerMinute: 100 }) });
  world.run(12 * hour + 15 * minute);
  const reads = world.reads();
  for (let from = 12 * hour; from < 12 * hour + 14 * minute; from += minute) {
    const inMinute = reads.filter(({ atMs }) => atMs >= from && atMs < from + minute).length;
    assert.ok(inMinute <= 117, `${inMinute} in one minute`);
  }
  const early = reads.filter(({ atMs }) => atMs < 12 * hour + 11 * minute);
  assert.ok(early.length >= 1000, `${early.length} reads: the rate is used`);
  assert.equal(new Set(early.map(({ id }) => id)).size, 1000, "who waits longest comes first");
});

for (
  const { name, statusEveryMs, passesAnHour } of [
    { name: "a minute apart", statusEveryMs: 15 * minute, passesAnHour: 60 },
    { name: "a tenth of a short interval apart", statusEveryMs: 2 * minute, passesAnHour: 300 },
  ]
) {
  Deno.test(`nextActions() gathers the reads of many devices into passes ${name}`, () => {
    const world = createWorld({ devices: 1000, site: siteOf({ statusEveryMs, readsPerMinute: 6000 }) });
    world.run(2 * hour);
    const passes = [...new Set(world.reads(hour).map(({ atMs }) => atMs))];
    assert.ok(passes.length >= passesAnHour * 0.8 && passes.length <= passesAnHour + 1, `${passes.length} passes`);
    const late = world.reads().filter(({ id }) => id === "device-7").map(({ atMs }) => atMs)
      .map((atMs, i, all) => i === 0 ? 0 : atMs - all[i - 1]!);
    assert.ok(Math.max(...late) <= statusEveryMs * 1.2, `${Math.max(...late) / minute} minutes between two reads`);
  });
}

Deno.test("nextActions() reads a single device when it is due, not a pass later", () => {
  const world = createWorld({ devices: 1, site: siteOf({ statusEveryMs: 15 * minute }) });
  world.run(10 * hour);
  const gaps = world.reads().map(({ atMs }) => atMs).map((atMs, i, all) => i === 0 ? 0 : atMs - all[i - 1]!);
  assert.ok(Math.max(...gaps) <= 15 * minute * 1.1 + 1, `${Math.max(...gaps) / minute} minutes between two reads`);
});

Deno.test("nextActions() delays all alike when the rate is too low", () => {
  const world = createWorld({ devices: 1000, site: siteOf({ readsPerMinute: 50 }) });
  world.run(hour);
  const reads = world.reads();
  for (let i = 0; i < 1000; i++) assert.ok(reads.filter(({ id }) => id === `device-${i}`).length >= 2, `device-${i}`);
});

Deno.test("nextActions() asks a silent device for its meters no more often than for its status", () => {
  const world = createWorld({ devices: 1, seenAgoMs: day });
  world.silent.add("device-0");
  world.run(6 * hour);
  const reads = world.reads().length;
  assert.ok(reads >= 6 && reads <= 12, `${reads} reads in 6 hours`);
});

for (
  const { name, jumpMs, sweeps } of [
    { name: "forward", jumpMs: day, sweeps: 1 },
    { name: "back", jumpMs: -day, sweeps: 0 },
  ]
) {
  Deno.test(`nextActions() neither storms nor stands still when the clock jumps a day ${name}`, () => {
    const world = createWorld({ devices: 100 });
    world.run(2 * hour);
    world.clocks.wallMs += jumpMs;
    world.run(hour);
    assert.equal(world.count("sweep", 2 * hour), sweeps);
    const perDevice = world.reads(2 * hour).length / 100;
    assert.ok(perDevice >= 3 && perDevice <= 6, `${perDevice} reads of a device in an hour`);
    world.run(day);
    assert.equal(world.count("sweep", 3 * hour), 1);
  });
}

Deno.test("nextActions() catches up once an hour, however often the clock jumps", () => {
  const world = createWorld({ devices: 10 });
  for (let i = 0; i < 60; i++) {
    world.run(minute);
    world.clocks.wallMs += i % 2 === 0 ? day : -day;
  }
  assert.ok(world.count("sweep") <= 2, `${world.count("sweep")} sweeps`);
});

Deno.test("nextActions() catches up after a suspend, without a burst", () => {
  const world = createWorld({ devices: 600 });
  world.run(hour);
  // The monotonic clock of Linux stands while the machine sleeps.
  world.clocks.wallMs += 3 * day;
  world.run(20 * minute);
  assert.equal(world.count("sweep", hour), 1);
  assert.equal(new Set(world.reads(hour).map(({ id }) => id)).size, 600);
  for (let from = hour; from < hour + 20 * minute; from += minute) {
    const inMinute = world.reads(from).filter(({ atMs }) => atMs < from + minute).length;
    assert.ok(inMinute <= 150, `${inMinute} in one minute`);
  }
});

Deno.test("nextActions() has a silent device looked for before it is unreachable", () => {
  const world = createWorld({ devices: 2 });
  world.run(hour);
  world.silent.add("device-0");
  world.run(35 * minute);
  const search = world.log.find(({ type }) => type === "search");
  assert.deepEqual(search?.type === "search" && search.deviceIds, ["device-0"]);
  assert.equal(world.stateOf("device-0"), "awake");
  world.run(30 * minute);
  assert.equal(world.stateOf("device-0"), "unreachable");
  assert.equal(world.stateOf("device-1"), "awake");
  assert.equal(world.count("search"), 1, "one search is enough");
});

Deno.test("nextActions() never calls a device unreachable that the search finds elsewhere", () => {
  const world = createWorld({ devices: 1 });
  world.run(hour);
  world.silent.add("device-0");
  world.elsewhere.add("device-0");
  world.run(3 * hour);
  assert.equal(world.stateOf("device-0"), "awake");
  assert.equal(world.count("search"), 1);
});

Deno.test("nextActions() looks for all silent devices of a site in one search", () => {
  const world = createWorld({ devices: 50 });
  world.run(hour);
  for (let i = 0; i < 50; i++) world.silent.add(`device-${i}`);
  world.run(3 * hour);
  assert.ok(world.count("search") <= 3, `${world.count("search")} searches`);
  assert.equal(world.stateOf("device-49"), "unreachable");
});

Deno.test("nextActions() asks a sleeping device a quarter as often, and keeps it asleep when it is silent for a while", () => {
  const world = createWorld({ devices: 1 });
  world.asleep.add("device-0");
  world.run(hour);
  assert.equal(world.stateOf("device-0"), "asleep");
  const before = world.reads().length;
  world.run(12 * hour);
  const reads = world.reads().length - before;
  assert.ok(reads >= 10 && reads <= 16, `${reads} reads in 12 hours`);
  world.silent.add("device-0");
  world.run(2 * hour);
  assert.equal(world.stateOf("device-0"), "asleep");
});

Deno.test("nextActions() stops asking a device that is gone, and a sweep brings it back", () => {
  const world = createWorld({ devices: 1, site: siteOf({ statusEveryMs: 4 * hour }) });
  world.silent.add("device-0");
  world.run(32 * day);
  assert.equal(world.stateOf("device-0"), "gone");
  const at = world.clocks.monotonicMs;
  world.run(5 * day);
  assert.deepEqual(world.reads(at), []);
  world.elsewhere.add("device-0");
  world.run(2 * day);
  assert.equal(world.stateOf("device-0"), "awake");
});

for (
  const { rate, want } of [{ rate: 0, want: 6000 }, { rate: 200, want: 600 }, { rate: 1, want: 3 }, {
    rate: 0.1,
    want: 1,
  }]
) {
  Deno.test(`readsPerMinuteFor() a site of ${rate} packets/s is ${want}`, () =>
    assert.equal(readsPerMinuteFor(rate), want));
}

for (
  const { scope, metersAfterMs } of [{ scope: "status" as const, metersAfterMs: 5 * minute }, {
    scope: "full" as const,
    metersAfterMs: 4 * hour,
  }]
) {
  Deno.test(`deviceAnswered() of an unknown device by a ${scope} read has its meters read within ${metersAfterMs / minute} minutes or so`, () => {
    const site = siteOf();
    const state = emptySchedule({ monotonicMs: 0, wallMs: monday });
    const random = () => 0.5;
    deviceAnswered(state, { deviceId: "new", site, asleep: false, scope }, {
      now: { monotonicMs: 0, wallMs: monday },
      random,
    });
    let firstFullMs = Infinity;
    for (let atMs = 0; atMs < 6 * hour && firstFullMs === Infinity; atMs += minute) {
      const now = { monotonicMs: atMs, wallMs: monday + atMs };
      for (const action of nextActions(state, now, { sites: [site], random }).actions) {
        if (action.type !== "read") continue;
        if (action.scope === "full") firstFullMs = atMs;
        deviceAnswered(state, { deviceId: "new", site, asleep: false, scope: action.scope }, { now, random });
      }
    }
    assert.ok(
      firstFullMs <= metersAfterMs * 1.1 && firstFullMs >= metersAfterMs * 0.9 - 5 * minute,
      `after ${firstFullMs / minute} minutes`,
    );
  });
}

Deno.test("nextActions() wakes for the first moment of the hours, and begins nothing in their last second", () => {
  const site = siteOf({ allowedHours: [night] });
  const begin = Date.parse("2026-01-05T21:00:00Z"), end = Date.parse("2026-01-06T05:00:00Z");
  const at = (wallMs: number) => {
    const now = { monotonicMs: 0, wallMs };
    const random = () => 0;
    return nextActions(emptySchedule(now), now, { sites: [site], random });
  };
  assert.deepEqual(at(begin - 10_000), { actions: [], wakeAfterMs: 10_000 });
  assert.deepEqual(at(begin - day), { actions: [], wakeAfterMs: minute });
  assert.equal(at(begin).actions.length, 1);
  assert.equal(at(end - 1001).actions.length, 1);
  assert.deepEqual(at(end - 1000), { actions: [], wakeAfterMs: 1000 });
});

Deno.test("readsInterrupted() has those read first that have waited longest, but for those that answered", () => {
  const site = siteOf({ readsPerMinute: 10 });
  const now = { monotonicMs: 0, wallMs: monday };
  const random = () => 0.5;
  const state = emptySchedule(now);
  // Due one after the other, from the first on.
  for (let i = 0; i < 30; i++) {
    const turn = { now, random: () => (i + 1) / 100 };
    deviceKnown(state, { deviceId: `device-${i}`, site, asleep: false, seenAt: new Date(monday) }, turn);
  }
  const readAt = (monotonicMs: number) =>
    nextActions(state, { monotonicMs, wallMs: monday + monotonicMs }, { sites: [site], random })
      .actions.flatMap((action) => action.type === "read" ? action.deviceIds : []);
  const ids = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `device-${from + i}`);
  assert.deepEqual(readAt(0), []);
  // The bucket holds ten reads.
  assert.deepEqual(readAt(hour), ids(0, 10));
  deviceAnswered(state, { deviceId: "device-3", site, asleep: false, scope: "status" }, {
    now: { monotonicMs: hour + 1, wallMs: monday + hour + 1 },
    random,
  });
  readsInterrupted(state, ids(0, 10));
  const again = readAt(hour + minute);
  assert.deepEqual(again, ids(0, 11).filter((id) => id !== "device-3"));
});

Deno.test("siteSearched() says nothing of a device that answered since a sweep of several days began", () => {
  const site = siteOf();
  const random = () => 0.5;
  const at = (monotonicMs: number) => ({ now: { monotonicMs, wallMs: monday + monotonicMs }, random });
  const state = emptySchedule(at(0).now);
  for (const [deviceId, answeredMs] of [["before", 0], ["since", day + 1]] as const) {
    deviceAnswered(state, { deviceId, site, asleep: false, scope: "full" }, at(answeredMs));
    for (let i = 1; i <= 3; i++) deviceSilent(state, { deviceId, site }, at(answeredMs + i * hour));
  }
  assert.deepEqual(siteSearched(state, site, day), ["before"]);
  assert.deepEqual(siteSearched(state, site, 2 * day), ["since"]);
});

Deno.test("nextActions() goes on at the start with a sweep that was cut off before, whenever the last one was", () => {
  const now = { monotonicMs: 0, wallMs: monday };
  const lastSweeps = new Map([["head office", monday - minute]]);
  const begin = (unfinished: Set<string>) =>
    nextActions(emptySchedule(now), now, { sites: [siteOf()], random: () => 0.5, lastSweeps, unfinished }).actions;
  assert.deepEqual(begin(new Set()), []);
  assert.deepEqual(begin(new Set(["head office"])), [{ type: "sweep", site: "head office" }]);
});

Deno.test("nextActions() begins with the site that waits longest, so that short hours do not leave out the last ones", () => {
  const hours = [{ timeZone: "UTC", windows: [{ weekday: 1, fromMinute: 60, untilMinute: 120 }] }];
  const sites = ["a", "b", "c"].map((name) => ({ ...siteOf({ allowedHours: hours }), name }));
  const random = () => 0.5;
  const at = (monotonicMs: number) => ({ monotonicMs, wallMs: monday + monotonicMs });
  const state = emptySchedule(at(0));
  const sweeps = (atMs: number) =>
    nextActions(state, at(atMs), { sites, random, lastSweeps: new Map([["a", monday - day]]) })
      .actions.map(({ site }) => site);
  assert.deepEqual(sweeps(0), []);
  assert.deepEqual(sweeps(hour), ["a", "b", "c"]);
  // The first one was done, the second was cut off and the third never had its turn.
  siteSearched(state, sites[0]!);
  passInterrupted(state, "b", "sweep");
  passInterrupted(state, "c", "sweep");
  assert.deepEqual(sweeps(2 * hour), []);
  assert.deepEqual(sweeps(7 * day + hour), ["b", "c", "a"]);
});

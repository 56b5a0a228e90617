/** The scheduler loop with its own clock and a network that is a list. */
import assert from "node:assert/strict";
import { HoursEndedError, watchHours } from "../../src/schedule/interruption.ts";
import { openSchedule, type Schedule } from "../../src/service/schedule.ts";
import { openSiteMarks } from "../../src/service/site_marks.ts";
import {
  type ScanOutcome,
  type ScheduleEvent,
  type Scheduler,
  type ScheduleScan,
  startScheduler,
} from "../../src/service/scheduler.ts";
import type { SweepPosition } from "../../src/service/sweep_position.ts";
import { sendWindowAt } from "../../src/config/allowed_hours.ts";
import { parseAgentConfig } from "../../src/config/read_config.ts";
import type { AgentConfig } from "../../src/config/agent_config.ts";
import type { CapacityFinding } from "../../src/schedule/capacity.ts";
import type { KnownDevice } from "../../src/store/inventory.ts";
import { FakeClock } from "../fixtures/fake_clock.ts";

const minute = 60_000;

function configOf(schedule: string): AgentConfig {
  return parseAgentConfig(
    `
platform: { rootDomain: example.com, endpoints: [dca.example.com] }
sites: [{ name: office, ranges: [10.1.0.0/24] }]
schedule: ${schedule}
`,
    { file: "agent.yaml", env: () => undefined, readFile: () => "" },
  );
}

interface Scene {
  clock: FakeClock;
  /** Device by address. */
  network: Map<string, string>;
  /** What was sent to, as "kind scope place,place". */
  sent: string[];
  /** Where each sweep went on, by the seed of the earlier one. */
  resumed: (number | undefined)[];
  marks: Map<string, string>;
  events: ScheduleEvent[];
  findings: readonly CapacityFinding[];
  offline: string[];
  defects: unknown[];
  config: AgentConfig;
  schedule: Schedule;
  scheduler: Scheduler;
  /** What a scan does before it answers. */
  during: (scan: ScheduleScan) => Promise<void>;
  /** Places that no scan asks, by a fault of this side. */
  unasked: Set<string>;
}

/** The network of the scene answers; a device is at the place where it was seen last. */
async function scanNetwork(scene: Scene, places: Map<string, string>, request: ScheduleScan): Promise<ScanOutcome> {
  const { clock } = scene;
  const asked = request.places?.map(({ address }) => address) ?? [...scene.network.keys()];
  if (request.places === null) scene.resumed.push(request.resume?.seed);
  scene.sent.push(`${request.kind} ${request.scope} ${request.places === null ? "all" : asked.sort().join(",")}`);
  const begunAt = clock.now();
  const window = sendWindowAt(request.site.schedule.allowedHours, clock.now().getTime());
  if (window === undefined) throw new HoursEndedError();
  using hours = watchHours(window, clock);
  await scene.during({ ...request, signal: AbortSignal.any([request.signal, hours.signal]) });
  hours.signal.throwIfAborted();
  const answeredIds = new Set<string>();
  for (const address of asked) {
    const deviceId = scene.network.get(address);
    if (deviceId === undefined || request.signal.aborted) continue;
    places.set(deviceId, address);
    answeredIds.add(deviceId);
    scene.schedule.answered({ deviceId, site: "office", asleep: false, scope: request.scope });
  }
  const count = { addresses: asked.length, answered: answeredIds.size, printers: answeredIds.size };
  return {
    ...count,
    durationMs: 1,
    begunAt: new Date(request.resume?.begunAt ?? begunAt),
    packets: 1,
    answeredIds,
    unasked: scene.unasked,
  };
}

/** `unreadable`: what the inventory fails with. */
async function withScheduler(
  schedule: string,
  body: (scene: Scene) => Promise<void>,
  unreadable?: Error,
  before: { clock?: FakeClock; marks?: Map<string, string> } = {},
): Promise<void> {
  const { clock = new FakeClock(), marks = new Map<string, string>() } = before;
  const places = new Map<string, string>();
  const known = (deviceId: string): KnownDevice => {
    const address = places.get(deviceId);
    const place = address === undefined ? null : { address, port: 161 };
    return {
      deviceId,
      site: "office",
      place,
      lastPlace: place,
      maker: null,
      model: null,
      evidence: [],
      quarantined: false,
      asleep: false,
      credential: null,
      snmpVersion: null,
      addedAt: clock.now(),
      seenAt: clock.now(),
    };
  };
  const inventory = {
    devices: () => [],
    device: known,
    mark(name: string) {
      if (unreadable !== undefined) throw unreadable;
      return marks.get(name);
    },
    setMark: (name: string, value: string) => void marks.set(name, value),
  };
  const siteMarks = openSiteMarks(inventory);
  const config = () => scene.config;
  const scene: Scene = {
    clock,
    network: new Map(),
    sent: [],
    resumed: [],
    marks,
    events: [],
    findings: [],
    offline: [],
    defects: [],
    config: configOf(schedule),
    schedule: undefined as unknown as Schedule,
    scheduler: undefined as unknown as Scheduler,
    during: () => Promise.resolve(),
    unasked: new Set(),
  };
  scene.schedule = openSchedule({ clock, config, inventory, marks: siteMarks, random: () => 0.5 });
  scene.scheduler = startScheduler({
    clock,
    config,
    schedule: scene.schedule,
    marks: siteMarks,
    inventory,
    scan: (request) => scanNetwork(scene, places, request),
    onOffline: ({ deviceId }) => scene.offline.push(deviceId),
    report: (event) => event.event === "capacityJudged" ? scene.findings = event.findings : scene.events.push(event),
    onDefect: (error) => scene.defects.push(error),
  });
  try {
    await body(scene);
  } finally {
    await scene.scheduler[Symbol.asyncDispose]();
  }
}

const position: SweepPosition = {
  digest: "00c0ffee",
  seed: 4711,
  size: 254,
  begunAt: "2026-01-01T00:00:10.000Z",
  activeMs: 1000,
  answered: 1,
  printers: 1,
  done: [[0, 100]],
  begun: [],
};

/** Stops half-way, and says where. */
function untilStopped(clock: FakeClock) {
  return async (scan: ScheduleScan) => {
    await clock.sleep(30 * 60 * minute, scan.signal).catch(() => {}); // A scan that is stopped gives what it has.
    if (scan.signal.aborted) scan.onPosition?.(position);
  };
}

const often = "{ fullSweepEvery: 24h, statusEvery: 10m, metersEvery: 60m, jitter: 0% }";

Deno.test("startScheduler() sweeps first, then reads known addresses alone", () =>
  withScheduler(often, async ({ clock, network, sent, schedule }) => {
    network.set("10.1.0.5", "a").set("10.1.0.6", "b");
    await clock.advance(minute);
    assert.deepEqual(sent, ["sweep full all"]);
    assert.deepEqual(schedule.presences(), { awake: 2, asleep: 0, unreachable: 0, gone: 0 });
    assert.equal(schedule.lastSweep("office")?.toISOString(), "2026-01-01T00:00:15.000Z");
    await clock.advance(60 * minute);
    const reads = sent.slice(1);
    assert(reads.every((line) => /^read (status|full) 10\.1\.0\.[56](,10\.1\.0\.6)?$/.test(line)), reads.join("\n"));
    assert.equal(reads.filter((line) => line.includes("10.1.0.5")).length, 6);
    assert.equal(reads.filter((line) => line.startsWith("read full")).length, 1);
  }));

Deno.test("startScheduler() looks for a silent device before it calls it offline, once", () =>
  withScheduler(often, async ({ clock, network, sent, offline, schedule, events }) => {
    network.set("10.1.0.5", "a");
    await clock.advance(minute);
    network.clear();
    await clock.advance(25 * minute);
    assert.deepEqual(offline, []);
    assert.equal(sent.at(-1), "sweep full all");
    assert(events.some((event) => event.event === "sweepBegun" && event.looksFor === 1));
    await clock.advance(200 * minute);
    assert.deepEqual(offline, ["a"]);
    assert.equal(schedule.presences().unreachable, 1);
    network.set("10.1.0.77", "a");
    await clock.advance(24 * 60 * minute);
    assert.equal(schedule.presences().awake, 1);
    assert.deepEqual(offline, ["a"]);
  }));

Deno.test("startScheduler() finds a device that has moved without calling it offline", () =>
  withScheduler(often, async ({ clock, network, offline, sent }) => {
    network.set("10.1.0.5", "a");
    await clock.advance(minute);
    network.clear();
    network.set("10.1.0.99", "a");
    await clock.advance(60 * minute);
    assert.deepEqual(offline, []);
    assert.match(sent.at(-1)!, /^read (full|status) 10\.1\.0\.99$/);
  }));

Deno.test("startScheduler() holds no device to be silent when nothing could be sent", () =>
  withScheduler(often, async (scene) => {
    scene.network.set("10.1.0.5", "a");
    await scene.clock.advance(minute);
    scene.during = () => Promise.reject(new Error("Network is unreachable"));
    await scene.clock.advance(300 * minute);
    assert(scene.events.some(({ event }) => event === "scanFailed"));
    assert(scene.sent.length <= 1 + 300 / 5, `${scene.sent.length} passes in 300 minutes`);
    assert.deepEqual([scene.offline, scene.schedule.presences().awake], [[], 1]);
    scene.during = () => Promise.resolve();
    const before = scene.sent.length;
    await scene.clock.advance(15 * minute);
    assert.match(scene.sent.slice(before).join(), /read/);
  }));

Deno.test("startScheduler() holds no device to be silent whose name cannot be resolved", () =>
  withScheduler(often, async (scene) => {
    scene.network.set("10.1.0.5", "a").set("10.1.0.6", "b");
    await scene.clock.advance(minute);
    scene.network.clear();
    scene.unasked.add("10.1.0.5:161");
    await scene.clock.advance(300 * minute);
    assert.deepEqual([scene.offline, scene.schedule.presences().awake], [["b"], 1]);
    scene.unasked.clear();
    scene.network.set("10.1.0.5", "a");
    const before = scene.sent.length;
    await scene.clock.advance(15 * minute);
    assert.match(scene.sent.slice(before).join("; "), /read \w+ 10\.1\.0\.5/);
  }));

const halfAnHour = '{ fullSweepEvery: 24h, jitter: 0%, allowedHours: { hours: ["00:00-00:30"], timeZone: UTC } }';

Deno.test("startScheduler() stops a sweep a second before the allowed hours end, and goes on with it when they begin", () =>
  withScheduler(halfAnHour, async (scene) => {
    const { clock, events } = scene;
    scene.network.set("10.1.0.5", "a");
    scene.during = untilStopped(clock);
    await clock.advance(30 * minute - 1001);
    assert.deepEqual(events.map(({ event }) => event), ["sweepBegun"]);
    await clock.advance(1);
    assert.deepEqual(events.slice(1), [
      { event: "sweepInterrupted", site: "office", reason: "The allowed hours have ended", done: 100 },
    ]);
    assert.equal(scene.schedule.lastSweep("office"), undefined);
    scene.during = () => Promise.resolve();
    await clock.advance(24 * 60 * minute - 30 * minute + 1000);
    await clock.advance(1);
    assert.deepEqual(events.slice(2).map(({ event }) => event), ["sweepBegun", "sweepEnded"], "at the first moment");
    assert.deepEqual(scene.resumed, [undefined, 4711]);
    assert.equal(scene.schedule.lastSweep("office")?.toISOString(), position.begunAt, "it counts from its first part");
    await clock.advance(24 * 60 * minute);
    assert.deepEqual(scene.resumed, [undefined, 4711, undefined], "the next one starts over");
  }));

for (
  const { name, mark, want } of [
    { name: "goes on with the sweep of the run before, at once", mark: JSON.stringify(position), want: 4711 },
    { name: "starts over where the position is torn", mark: JSON.stringify(position).slice(0, 50), want: undefined },
    { name: "starts over where the position is another's", mark: '{"digest":1,"done":[[5,1]]}', want: undefined },
  ]
) {
  Deno.test(`startScheduler() ${name}`, () => {
    const marks = new Map([["sweepPosition:office", mark], ["lastSweep:office", "2025-12-31T23:00:00.000Z"]]);
    return withScheduler(
      halfAnHour,
      async ({ clock, resumed }) => {
        await clock.advance(1);
        assert.deepEqual(resumed, want === undefined ? [] : [want]);
        await clock.advance(25 * 60 * minute);
        assert.deepEqual(resumed, want === undefined ? [undefined] : [want, undefined]);
      },
      undefined,
      { marks },
    );
  });
}

Deno.test("startScheduler() goes on at once with a sweep that a new configuration has stopped", () =>
  withScheduler(often, async (scene) => {
    scene.during = untilStopped(scene.clock);
    await scene.clock.advance(minute);
    scene.config = configOf(often);
    scene.scheduler.configChanged();
    await scene.clock.advance(1000);
    assert.deepEqual(scene.resumed, [undefined, 4711]);
  }));

Deno.test("startScheduler() makes reads that were cut off at the first moment of the hours", () => {
  const schedule = `{ fullSweepEvery: 7d, statusEvery: 10m, metersEvery: 7d, jitter: 0%,
    allowedHours: { hours: ["00:00-00:30"], timeZone: UTC } }`;
  return withScheduler(schedule, async (scene) => {
    const { clock, network, sent } = scene;
    network.set("10.1.0.5", "a").set("10.1.0.6", "b");
    await clock.advance(16 * minute);
    scene.during = untilStopped(clock);
    sent.length = 0;
    await clock.advance(23 * 60 * minute + 44 * minute - 1);
    const [cut] = sent.splice(0);
    assert.match(cut!, /^read status/);
    scene.during = () => Promise.resolve();
    await clock.advance(1001);
    assert.equal(sent[0], "read status 10.1.0.5,10.1.0.6", "at the first moment of the hours");
    assert.deepEqual(scene.offline, []);
  });
});

Deno.test("startScheduler() sweeps no site twice at once, however long it takes", () =>
  withScheduler("{ fullSweepEvery: 1h, jitter: 0% }", async (scene) => {
    // A pass that takes longer than a day is scheduled again.
    scene.during = ({ signal }) => scene.clock.sleep(30 * 60 * minute, signal).catch(() => {});
    await scene.clock.advance(29.9 * 60 * minute);
    assert.equal(scene.resumed.length, 1);
    await scene.clock.advance(3.1 * 60 * minute);
    assert.equal(scene.resumed.length, 2);
  }));

Deno.test("startScheduler() follows a shorter interval at once", () =>
  withScheduler("{ fullSweepEvery: 30d, statusEvery: 24h, metersEvery: 30d, jitter: 0% }", async (scene) => {
    scene.network.set("10.1.0.5", "a");
    await scene.clock.advance(minute);
    scene.config = configOf("{ fullSweepEvery: 1h, statusEvery: 24h, metersEvery: 30d, jitter: 0% }");
    scene.scheduler.configChanged();
    await scene.clock.advance(61 * minute);
    assert.deepEqual(scene.sent, ["sweep full all", "sweep full all"]);
  }));

Deno.test("startScheduler() ends what is under way when it is disposed of", async () => {
  let left: Scene | undefined;
  await withScheduler(often, async (scene) => {
    left = scene;
    scene.during = ({ signal }) => scene.clock.sleep(60 * minute, signal).catch(() => {});
    await scene.clock.advance(minute);
  });
  assert.equal(left!.clock.waiting, 0);
  assert.deepEqual(left!.events.map(({ event }) => event), ["sweepBegun"]);
});

Deno.test("startScheduler() reports a loop that has ended, and can still be disposed of", () => {
  const unreadable = new Error("Cannot read the inventory");
  return withScheduler(often, async (scene) => {
    await scene.clock.advance(minute);
    assert.deepEqual([scene.defects, scene.sent], [[unreadable], []]);
  }, unreadable);
});

Deno.test("startScheduler() finds that a window is too short by what the part of a sweep has taken", () =>
  withScheduler(halfAnHour, async (scene) => {
    // A hundred of 254 addresses in almost half an hour.
    scene.during = async (scan) => {
      await scene.clock.sleep(60 * minute, scan.signal).catch(() => {}); // Stopped.
      scan.onPosition?.({ ...position, activeMs: 29 * minute });
    };
    await scene.clock.advance(20 * minute);
    assert.equal(scene.findings.length, 0);
    await scene.clock.advance(11 * minute);
    assert.match(
      scene.findings[0]!.message,
      /"office": a discovery scan needs about 74 min, the longest window has 30 min/,
    );
  }));

Deno.test("startScheduler() plans reads by the packets that reads have taken, also after a restart", async () => {
  const schedule = "{ fullSweepEvery: 7d, statusEvery: 10m, metersEvery: 7d, jitter: 0% }";
  const marks = new Map<string, string>();
  const configured = configOf(schedule);
  const slow = { ...configured, sites: configured.sites.map((site) => ({ ...site, ratePerSecond: 8 })) };
  const run = (body: (scene: Scene) => Promise<void>) => {
    marks.delete("lastSweep:office");
    return withScheduler(
      schedule,
      async (scene) => {
        scene.config = slow;
        scene.scheduler.configChanged();
        for (let i = 1; i <= 90; i++) scene.network.set(`10.1.0.${i}`, `device-${i}`);
        await body(scene);
      },
      undefined,
      { marks, clock: new FakeClock() },
    );
  };
  await run(({ clock }) => clock.advance(30 * minute));
  // A packet each, as this network has it, in place of twenty.
  await run(async (scene) => {
    await scene.clock.advance(2 * minute);
    assert.equal(scene.schedule.presences().awake, 90);
    assert.equal(scene.findings.length, 0);
  });
  marks.delete("measured:office");
  await run(async (scene) => {
    await scene.clock.advance(2 * minute);
    assert.match(scene.findings[0]!.message, /90 devices at 6 reads a minute take 15 min, statusEvery is 10m/);
  });
});

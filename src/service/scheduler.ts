/**
 * The loop that asks src/schedule what to do and has it done. Sweeps and reads of known devices go side by side, so that a
 * large sweep holds up no status; of each kind a few sites at a time, so that memory stays bounded.
 */
import type { AgentConfig, SiteConfig } from "../config/agent_config.ts";
import { sendWindowAt } from "../config/allowed_hours.ts";
import type { Clock } from "../../common/core/clock.ts";
import { messageOf } from "../../common/core/errors.ts";
import { formatEndpoint } from "../../common/core/ip.ts";
import { createWake } from "../../common/core/wake.ts";
import { DamagedDatabaseError, StorageError } from "../../common/host/sqlite.ts";
import type { Inventory, KnownDevice } from "../store/inventory.ts";
import { type CapacityFinding, judgeCapacity } from "../schedule/capacity.ts";
import { type Action, nextActions } from "../schedule/next_actions.ts";
import type { PresenceState } from "../schedule/presence.ts";
import {
  deviceHeard,
  deviceKnown,
  deviceSilent,
  passCutOff,
  readsCutOff,
  siteSearched,
} from "../schedule/schedule_events.ts";
import {
  deleteDevice,
  devicesToRead,
  emptySchedule,
  type Moment,
  type ScheduledSite,
  type ScheduleState,
  setDevice,
} from "../schedule/schedule_state.ts";
import { ConfigChangedError, isInterruption } from "../schedule/interruption.ts";
import { createLane } from "./lane.ts";
import type { Heard, Scope } from "./reading_intake.ts";
import {
  conditionsOf,
  packetsPerRead,
  parseMeasure,
  siteLoad,
  type SiteMeasure,
  siteReadsPerMinute,
  withRead,
} from "./site_load.ts";
import type { Place } from "./site_space.ts";
import { doneOf, type SweepPosition, tryParsePosition, wholeSweepMs } from "./sweep_position.ts";

export type ScheduleEvent =
  /** `done`: addresses that an earlier part of it has asked. */
  | { event: "sweepBegun"; site: string; looksFor: number; done: number }
  | { event: "sweepEnded"; site: string; outcome: ScanOutcome }
  /** Known devices were asked, whether they answered or not. */
  | { event: "readEnded"; site: string }
  /** It goes on where it stopped, when the hours begin or by the new configuration. */
  | { event: "sweepInterrupted"; site: string; reason: string; done: number }
  | { event: "scanFailed"; site: string; error: unknown }
  /** All sites together; what is no longer among the findings is over. */
  | { event: "capacityJudged"; findings: readonly CapacityFinding[] };

export interface ScanOutcome {
  addresses: number;
  answered: number;
  printers: number;
  durationMs: number;
  /** Of the first part, where it has gone on where an earlier one stopped; then the numbers are of all of them. */
  begunAt: Date;
  /** That were sent, in the last part. */
  packets: number;
  /** Devices of the inventory that answered. */
  heard: ReadonlySet<string>;
  /** ADDRESS:PORT of places that were not asked by a fault of this side. */
  unasked: ReadonlySet<string>;
}

export interface ScheduleScan {
  site: SiteConfig;
  /** Null: all of the site. */
  places: readonly Place[] | null;
  scope: Scope;
  kind: "sweep" | "read";
  signal: AbortSignal;
  /** Where the last one stopped. */
  resume?: SweepPosition | undefined;
  onPosition?(position: SweepPosition): void;
}

export interface SchedulerOptions {
  clock: Clock;
  config(): AgentConfig;
  inventory: Pick<Inventory, "devices" | "device" | "mark" | "setMark">;
  /**
   * Every reading of it comes to `heard` before it ends. Rejects with `HoursEndedError` or `ConfigChangedError` when it was
   * cut short, and with others when it says nothing about the devices.
   */
  scan(request: ScheduleScan): Promise<ScanOutcome>;
  /** Silent for long enough, and looked for. */
  onOffline(device: KnownDevice): void;
  report(event: ScheduleEvent): void;
  /** The loop has ended by a defect, or as the disk does not tell what is known. */
  onDefect(error: unknown): void;
  random?: () => number;
}

export interface Scheduler extends AsyncDisposable {
  /** A device answered, to whatever request. */
  heard(heard: Heard): void;
  /** A device is known no more, as it was found to be another one. */
  forget(deviceId: string): void;
  /** Stops what runs under an old configuration and goes on by the new one. */
  configChanged(): void;
  presences(): Record<PresenceState, number>;
  /** When the last complete sweep of a site began. */
  lastSweep(site: string): Date | undefined;
  /** What is done of a sweep that is under way or was cut off, as it was kept last. */
  sweepDone(site: string): { done: number; of: number } | undefined;
  /** Sites that are swept or searched now. */
  sweeping(): string[];
}

const sweepsAtOnce = 2;
const readsAtOnce = 4;
/** After a pass that could not be made at all. */
const againAfterMs = 5 * 60_000;
/** Devices come and go, and each pass measures; nobody needs to know it sooner. */
const judgeEveryMs = 60_000;
/** Reads that have waited so long for their turn have been decided on again meanwhile. */
const staleAfterMs = 30 * 60_000;

export function startScheduler(options: SchedulerOptions): Scheduler {
  const { clock, inventory, report } = options;
  const random = options.random ?? Math.random;
  const stop = new AbortController();
  const lanes = { sweep: createLane(sweepsAtOnce), read: createLane(readsAtOnce) };
  const jobs = new Set<{ site: string; kind: "sweep" | "read"; begun: boolean; abort: AbortController }>();
  const work = new Set<Promise<void>>();
  const measures = new Map<string, SiteMeasure>();
  let found: ReadonlySet<string> = new Set(), judgeFromMs = 0;
  let sites: { of: AgentConfig; byName: ReadonlyMap<string, ScheduledSite> } | undefined;
  const { wake, wait } = createWake(clock);
  const state = emptySchedule(moment());
  for (const { deviceId, site, asleep, seenAt } of inventory.devices()) {
    const scheduled = scheduledSites().get(site);
    if (scheduled === undefined) continue;
    deviceKnown(state, { deviceId, site: scheduled, asleep, seenAt }, { now: moment(), random });
  }

  function moment(): Moment {
    return { monotonicMs: clock.monotonicMs(), wallMs: clock.now().getTime() };
  }

  /** By name; made anew only when the configuration is another, as every answer of a device asks for its site. */
  function scheduledSites(): ReadonlyMap<string, ScheduledSite> {
    const config = options.config();
    if (sites?.of !== config) {
      const made = config.sites.map((site): [string, ScheduledSite] => {
        const { name, schedule } = site;
        return [name, { name, schedule, readsPerMinute: siteReadsPerMinute(site, measureOf(name)) }];
      });
      sites = { of: config, byName: new Map(made) };
    }
    return sites.byName;
  }

  function measureOf(site: string): SiteMeasure {
    const known = measures.get(site);
    if (known !== undefined) return known;
    const measure = parseMeasure(inventory.mark(measureMark(site)));
    measures.set(site, measure);
    return measure;
  }

  /** Kept when it tells something else than before: each read of a device moves it a little. */
  function noteMeasure(site: string, measure: SiteMeasure): void {
    const kept = parseMeasure(inventory.mark(measureMark(site)));
    measures.set(site, measure);
    const change = packetsPerRead(measure) / packetsPerRead(kept);
    if (measure.sweep === kept.sweep && Math.abs(change - 1) < 0.1) return;
    sites = undefined;
    tryKeep(measureMark(site), JSON.stringify(measure));
  }

  function judge(): void {
    const { monotonicMs, wallMs } = moment();
    if (monotonicMs < judgeFromMs) return;
    judgeFromMs = monotonicMs + judgeEveryMs;
    const config = options.config();
    const devices = devicesToRead(state);
    const findings = config.sites.flatMap((site) => {
      const { name } = site;
      const position = positionOf(name);
      const underWayMs = position === undefined ? undefined : wholeSweepMs(position);
      const load = siteLoad(site, { config, devices: devices.get(name) ?? 0, measure: measureOf(name), underWayMs });
      return judgeCapacity(load, { nowMs: wallMs, isFound: (code) => found.has(code) });
    });
    found = new Set(findings.map(({ code }) => code));
    report({ event: "capacityJudged", findings });
  }

  function lastSweep(site: string): number | undefined {
    const at = Date.parse(inventory.mark(sweepMark(site)) ?? "");
    return Number.isFinite(at) ? at : undefined;
  }

  /** What cannot be read is no position, and one that the disk does not take has more asked again. */
  function positionOf(site: string): SweepPosition | undefined {
    const text = inventory.mark(positionMark(site));
    return text === undefined ? undefined : tryParsePosition(text);
  }

  function keepPosition(site: string, position: SweepPosition | null): void {
    tryKeep(positionMark(site), position === null ? "" : JSON.stringify(position));
  }

  function tryKeep(mark: string, value: string): void {
    try {
      inventory.setMark(mark, value);
    } catch (error) {
      // What is wrong with the disk shows with each reading.
      if (!(error instanceof StorageError || error instanceof DamagedDatabaseError)) throw error;
    }
  }

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      const next = nextActions(state, moment(), {
        sites: [...scheduledSites().values()],
        random,
        lastSweeps: { get: lastSweep },
        unfinished: { has: (site) => positionOf(site) !== undefined },
      });
      for (const action of next.actions) begin(action);
      judge();
      await wait(next.wakeAfterMs, stop.signal);
    }
  }

  function begin(action: Action): void {
    const site = options.config().sites.find(({ name }) => name === action.site);
    if (site === undefined) return;
    const kind = action.type === "read" ? "read" as const : "sweep" as const;
    // One that takes longer than a day is decided on again.
    if (kind === "sweep" && [...jobs].some((job) => job.kind === kind && job.site === site.name)) return;
    const job = { site: site.name, kind, begun: false, abort: new AbortController() };
    jobs.add(job);
    const signal = AbortSignal.any([stop.signal, job.abort.signal]);
    const decidedMs = clock.monotonicMs();
    const doing = lanes[kind](async () => {
      if (kind === "read" && clock.monotonicMs() - decidedMs > staleAfterMs) return;
      if (signal.aborted || !mayScan(site)) return cutOff(action);
      job.begun = true;
      if (action.type === "read") await read(action, site, signal);
      else await sweep(action, site, signal);
    }).catch((error: unknown) => {
      if (signal.aborted || isInterruption(error)) return cutOff(action);
      putOff(action);
      report({ event: "scanFailed", site: site.name, error });
    }).finally(() => {
      jobs.delete(job);
      work.delete(doing);
      wake();
    });
    work.add(doing);
  }

  function mayScan({ schedule }: SiteConfig): boolean {
    return sendWindowAt(schedule.allowedHours, clock.now().getTime()) !== undefined;
  }

  async function sweep(action: Action & { type: "sweep" | "search" }, site: SiteConfig, signal: AbortSignal) {
    const resume = positionOf(site.name);
    const looksFor = action.type === "search" ? action.deviceIds.length : 0;
    report({ event: "sweepBegun", site: site.name, looksFor, done: resume === undefined ? 0 : doneOf(resume) });
    let reached = resume;
    try {
      const outcome = await options.scan({
        site,
        places: null,
        scope: "full",
        kind: "sweep",
        signal,
        resume,
        onPosition(position) {
          reached = position;
          keepPosition(site.name, position);
        },
      });
      signal.throwIfAborted();
      keepPosition(site.name, null);
      swept(action, site, outcome);
    } catch (error) {
      if (!stop.signal.aborted && (signal.aborted || isInterruption(error))) {
        const done = reached === undefined ? 0 : doneOf(reached);
        judgeFromMs = 0;
        report({ event: "sweepInterrupted", site: site.name, reason: messageOf(error), done });
      }
      throw error;
    }
  }

  function swept(action: Action & { type: "sweep" | "search" }, site: SiteConfig, outcome: ScanOutcome): void {
    if (action.type === "sweep") inventory.setMark(sweepMark(site.name), outcome.begunAt.toISOString());
    const scheduled = scheduledSites().get(site.name);
    if (scheduled !== undefined) {
      const now = moment();
      const begunMs = now.monotonicMs - Math.max(0, now.wallMs - outcome.begunAt.getTime());
      tellOffline(siteSearched(state, scheduled, begunMs));
      if (action.type === "sweep") dueAfter(site, begunMs);
    }
    const { addresses, durationMs: ms } = outcome;
    noteMeasure(site.name, { ...measureOf(site.name), sweep: { addresses, ms, conditions: conditionsOf(site) } });
    judgeFromMs = 0;
    report({ event: "sweepEnded", site: site.name, outcome });
  }

  /** A sweep in several parts counts from its first one. */
  function dueAfter({ name, schedule }: SiteConfig, begunMs: number): void {
    const before = state.sites.get(name);
    if (before === undefined) return;
    const latestMs = begunMs + schedule.fullSweepEveryMs * (1 + schedule.jitter);
    state.sites.set(name, { ...before, sweepDueMs: Math.min(before.sweepDueMs, latestMs) });
  }

  async function read(action: Action & { type: "read" }, site: SiteConfig, signal: AbortSignal): Promise<void> {
    const placeOf = new Map(action.deviceIds.map((id) => [id, inventory.device(id)?.place ?? null]));
    const places = [...placeOf.values()].filter((place) => place !== null);
    // A device whose place another one has taken is nowhere: it is looked for, not asked.
    const outcome = places.length === 0
      ? undefined
      : await options.scan({ site, places, scope: action.scope, kind: "read", signal });
    signal.throwIfAborted();
    if (outcome !== undefined) {
      noteMeasure(site.name, withRead(measureOf(site.name), { packets: outcome.packets, devices: places.length }));
      report({ event: "readEnded", site: site.name });
    }
    const scheduled = scheduledSites().get(site.name);
    if (scheduled === undefined) return;
    for (const [deviceId, place] of placeOf) {
      if (outcome?.heard.has(deviceId)) continue;
      if (place !== null && outcome?.unasked.has(formatEndpoint(place.address, place.port))) {
        putOffDevice(deviceId);
        continue;
      }
      if (deviceSilent(state, { deviceId, site: scheduled }, { now: moment(), random })) tellOffline([deviceId]);
    }
  }

  /** It is due as it was before: who waits longest comes first when it may go on. */
  function cutOff(action: Action): void {
    if (action.type === "read") readsCutOff(state, action.deviceIds);
    else passCutOff(state, action.site, action.type);
  }

  /** What failed is due again, but not at once: it would fail again. */
  function putOff(action: Action): void {
    if (action.type === "read") return action.deviceIds.forEach(putOffDevice);
    const dueMs = clock.monotonicMs() + againAfterMs;
    const site = state.sites.get(action.site);
    if (site === undefined) return;
    const sweepDueMs = action.type === "sweep" ? dueMs : site.sweepDueMs;
    const searchDueMs = action.type === "search" ? dueMs : site.searchDueMs;
    state.sites.set(action.site, { ...site, busyUntilMs: 0, sweepDueMs, searchDueMs });
  }

  function putOffDevice(id: string): void {
    const device = state.devices.get(id);
    if (device === undefined) return;
    const dueMs = clock.monotonicMs() + againAfterMs;
    const metersDueMs = Math.max(device.metersDueMs, dueMs);
    setDevice(state, id, { ...device, statusDueMs: dueMs, metersDueMs, busyUntilMs: 0 });
  }

  function tellOffline(deviceIds: readonly string[]): void {
    for (const deviceId of deviceIds) {
      const device = inventory.device(deviceId);
      if (device !== undefined) options.onOffline(device);
    }
  }

  const running = run().catch((error: unknown) => {
    if (!stop.signal.aborted) options.onDefect(error);
  });
  return {
    heard({ deviceId, site, asleep, scope }) {
      const scheduled = scheduledSites().get(site);
      if (scheduled === undefined) return;
      deviceHeard(state, { deviceId, site: scheduled, asleep, scope }, { now: moment(), random });
    },
    forget: (deviceId) => deleteDevice(state, deviceId),
    configChanged() {
      for (const job of jobs) job.abort.abort(new ConfigChangedError());
      judgeFromMs = 0;
      keepWithinIntervals(state, scheduledSites(), moment());
      wake();
    },
    presences() {
      const count: Record<PresenceState, number> = { awake: 0, asleep: 0, unreachable: 0, gone: 0 };
      for (const { presence } of state.devices.values()) count[presence.state]++;
      return count;
    },
    lastSweep(site) {
      const at = lastSweep(site);
      return at === undefined ? undefined : new Date(at);
    },
    sweepDone(site) {
      const position = positionOf(site);
      return position === undefined ? undefined : { done: doneOf(position), of: position.size };
    },
    sweeping: () => [...jobs].filter(({ kind, begun }) => kind === "sweep" && begun).map(({ site }) => site),
    async [Symbol.asyncDispose]() {
      stop.abort(new Error("The agent is stopping"));
      await running;
      await Promise.all(work);
    },
  };
}

function sweepMark(site: string): string {
  return `lastSweep:${site}`;
}

function measureMark(site: string): string {
  return `measured:${site}`;
}

function positionMark(site: string): string {
  return `sweepPosition:${site}`;
}

/** Nothing is due later than a whole interval from now: an interval that became shorter counts at once. */
function keepWithinIntervals(state: ScheduleState, sites: ReadonlyMap<string, ScheduledSite>, now: Moment): void {
  const latest = (dueMs: number, everyMs: number) => Math.min(dueMs, now.monotonicMs + everyMs);
  for (const [name, site] of state.sites) {
    const schedule = sites.get(name)?.schedule;
    if (schedule === undefined) continue;
    state.sites.set(name, { ...site, sweepDueMs: latest(site.sweepDueMs, schedule.fullSweepEveryMs) });
  }
  for (const [id, device] of state.devices) {
    const schedule = sites.get(device.site)?.schedule;
    if (schedule === undefined) continue;
    const metersDueMs = latest(device.metersDueMs, schedule.metersEveryMs);
    // A device that sleeps is asked less often, and the next answer puts that right.
    setDevice(state, id, {
      ...device,
      metersDueMs,
      statusDueMs: latest(device.statusDueMs, schedule.statusEveryMs * 4),
    });
  }
}

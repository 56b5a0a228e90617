/**
 * The loop that has done what is due. Sweeps and reads of known devices go side by side, so that a large sweep holds up no
 * status; of each kind a few sites at a time, so that memory stays bounded.
 */
import type { AgentConfig, SiteConfig } from "../config/agent_config.ts";
import { sendWindowAt } from "../config/allowed_hours.ts";
import type { Clock } from "../../common/core/clock.ts";
import { messageOf } from "../../common/core/errors.ts";
import { formatEndpoint } from "../../common/core/ip.ts";
import { createWake } from "../../common/core/wake.ts";
import type { Inventory, KnownDevice } from "../store/inventory.ts";
import { type CapacityFinding, judgeCapacity } from "../schedule/capacity.ts";
import { ConfigChangedError, isInterruption } from "../schedule/interruption.ts";
import type { Action } from "../schedule/next_actions.ts";
import { createLimiter } from "./limiter.ts";
import type { Scope } from "./reading_intake.ts";
import type { Schedule } from "./schedule.ts";
import { conditionsOf, siteLoad, withRead } from "./site_load.ts";
import type { SiteMarks } from "./site_marks.ts";
import type { Place } from "./site_space.ts";
import { doneOf, type SweepPosition, wholeSweepMs } from "./sweep_position.ts";

export type ScheduleEvent =
  /** `done`: addresses that earlier parts have asked. */
  | { event: "sweepBegun"; site: string; looksFor: number; done: number }
  | { event: "sweepEnded"; site: string; outcome: ScanOutcome }
  /** A pass over known devices ended, whether they answered or not. */
  | { event: "readEnded"; site: string }
  /** It resumes where it stopped, when the allowed hours begin or with the new configuration. */
  | { event: "sweepInterrupted"; site: string; reason: string; done: number }
  | { event: "scanFailed"; site: string; error: unknown }
  /** Findings of all sites; a finding that is no longer in the list has ended. */
  | { event: "capacityJudged"; findings: readonly CapacityFinding[] };

export interface ScanOutcome {
  addresses: number;
  answered: number;
  printers: number;
  durationMs: number;
  /** Start of the first part of a resumed pass; the numbers cover all parts. */
  begunAt: Date;
  /** Sent in the last part. */
  packets: number;
  /** Devices of the inventory that answered. */
  answeredIds: ReadonlySet<string>;
  /** ADDRESS:PORT of places that were not asked because of a fault on this side. */
  unasked: ReadonlySet<string>;
}

export interface ScheduleScan {
  site: SiteConfig;
  /** Null: the whole site. */
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
  schedule: Schedule;
  marks: SiteMarks;
  inventory: Pick<Inventory, "device">;
  /**
   * Every reading of it comes to `Schedule.answered` before it ends. Rejects with `HoursEndedError` or `ConfigChangedError`
   * when it was cut short, and with others when it says nothing about the devices.
   */
  scan(request: ScheduleScan): Promise<ScanOutcome>;
  /** Silent for long enough and not found elsewhere. */
  onOffline(device: KnownDevice): void;
  report(event: ScheduleEvent): void;
  /** The loop ended because of a defect, or because the inventory cannot be read. */
  onDefect(error: unknown): void;
}

export interface Scheduler extends AsyncDisposable {
  /** Stops passes of the old configuration and continues with the new one. */
  configChanged(): void;
}

const sweepsAtOnce = 2;
const readsAtOnce = 4;
/** Interval of capacity checks: every pass changes the measurements, but nobody needs the result sooner. */
const judgeEveryMs = 60_000;
/** Reads that waited this long for their turn have been scheduled again meanwhile. */
const staleAfterMs = 30 * 60_000;

export function startScheduler(options: SchedulerOptions): Scheduler {
  const { clock, schedule } = options;
  const stop = new AbortController();
  const { wake, wait } = createWake(clock);
  const capacity = createCapacityJudge(options);
  const passes = createPasses({ ...options, capacity, onEnd: wake, stop: stop.signal });

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      const { actions, wakeAfterMs } = schedule.next();
      actions.forEach(passes.begin);
      capacity.judge();
      await wait(wakeAfterMs, stop.signal);
    }
  }

  const running = run().catch((error: unknown) => {
    if (!stop.signal.aborted) options.onDefect(error);
  });
  return {
    configChanged() {
      passes.configChanged();
      capacity.judgeSoon();
      schedule.configChanged();
      wake();
    },
    async [Symbol.asyncDispose]() {
      stop.abort(new Error("The agent is stopping"));
      await running;
      await passes.ended();
    },
  };
}

interface CapacityJudge {
  /** Regularly reports sites whose hours or rate are too small. */
  judge(): void;
  /** A measurement or the configuration has changed. */
  judgeSoon(): void;
}

function createCapacityJudge({ clock, config, schedule, marks, report }: SchedulerOptions): CapacityJudge {
  let found: ReadonlySet<string> = new Set(), fromMs = 0;
  return {
    judgeSoon: () => void (fromMs = 0),
    judge() {
      const nowMs = clock.monotonicMs();
      if (nowMs < fromMs) return;
      fromMs = nowMs + judgeEveryMs;
      const { limits, sites } = config();
      const devices = schedule.devicesToRead();
      const findings = sites.flatMap((site) => {
        const position = marks.position(site.name);
        const load = siteLoad(site, {
          config: { limits },
          devices: devices.get(site.name) ?? 0,
          measure: marks.measure(site.name),
          underWayMs: position === undefined ? undefined : wholeSweepMs(position),
        });
        return judgeCapacity(load, { nowMs: clock.now().getTime(), isFound: (code) => found.has(code) });
      });
      found = new Set(findings.map(({ code }) => code));
      report({ event: "capacityJudged", findings });
    },
  };
}

interface PassParts extends SchedulerOptions {
  capacity: CapacityJudge;
  /** A pass has ended, so that the next one can start. */
  onEnd(): void;
  stop: AbortSignal;
}

interface Job {
  site: string;
  kind: "sweep" | "read";
  abort: AbortController;
}

/** The passes that are running. */
function createPasses(parts: PassParts) {
  const { clock, schedule, config, stop, report } = parts;
  const limiters = { sweep: createLimiter(sweepsAtOnce), read: createLimiter(readsAtOnce) };
  const jobs = new Set<Job>();
  const work = new Set<Promise<void>>();

  async function perform(action: Action, site: SiteConfig, signal: AbortSignal): Promise<void> {
    if (signal.aborted || !mayScan(site)) return schedule.cutOff(action);
    if (action.type === "read") return await readDevices(action, { site, signal }, parts);
    schedule.sweeping.add(site.name);
    try {
      await sweepSite(action, { site, signal }, parts);
    } finally {
      schedule.sweeping.delete(site.name);
    }
  }

  function mayScan({ schedule }: SiteConfig): boolean {
    return sendWindowAt(schedule.allowedHours, clock.now().getTime()) !== undefined;
  }

  return {
    begin(action: Action): void {
      const site = config().sites.find(({ name }) => name === action.site);
      if (site === undefined) return;
      const kind = action.type === "read" ? "read" as const : "sweep" as const;
      // A pass that takes longer than a day is scheduled again.
      if (kind === "sweep" && [...jobs].some((job) => job.kind === kind && job.site === site.name)) return;
      const job = { site: site.name, kind, abort: new AbortController() };
      jobs.add(job);
      const signal = AbortSignal.any([stop, job.abort.signal]);
      const decidedMs = clock.monotonicMs();
      const doing = limiters[kind](async () => {
        if (kind === "read" && clock.monotonicMs() - decidedMs > staleAfterMs) return;
        await perform(action, site, signal);
      }).catch((error: unknown) => {
        if (signal.aborted || isInterruption(error)) return schedule.cutOff(action);
        schedule.putOff(action);
        report({ event: "scanFailed", site: site.name, error });
      }).finally(() => {
        jobs.delete(job);
        work.delete(doing);
        parts.onEnd();
      });
      work.add(doing);
    },
    configChanged() {
      for (const { abort } of jobs) abort.abort(new ConfigChangedError());
    },
    ended: () => Promise.all(work),
  };
}

interface PassPlace {
  site: SiteConfig;
  signal: AbortSignal;
}

async function sweepSite(
  action: Action & { type: "sweep" | "search" },
  { site, signal }: PassPlace,
  parts: PassParts,
): Promise<void> {
  const { marks, report, capacity } = parts;
  const resume = marks.position(site.name);
  const looksFor = action.type === "search" ? action.deviceIds.length : 0;
  report({ event: "sweepBegun", site: site.name, looksFor, done: resume === undefined ? 0 : doneOf(resume) });
  let reached = resume;
  try {
    const outcome = await parts.scan({
      site,
      places: null,
      scope: "full",
      kind: "sweep",
      signal,
      resume,
      onPosition(position) {
        reached = position;
        marks.keepPosition(site.name, position);
      },
    });
    signal.throwIfAborted();
    marks.keepPosition(site.name, null);
    siteSwept(action, { site, outcome }, parts);
  } catch (error) {
    if (!parts.stop.aborted && (signal.aborted || isInterruption(error))) {
      const done = reached === undefined ? 0 : doneOf(reached);
      capacity.judgeSoon();
      report({ event: "sweepInterrupted", site: site.name, reason: messageOf(error), done });
    }
    throw error;
  }
}

function siteSwept(
  action: Action & { type: "sweep" | "search" },
  { site, outcome }: { site: SiteConfig; outcome: ScanOutcome },
  parts: PassParts,
): void {
  const { marks, schedule, capacity, report } = parts;
  if (action.type === "sweep") marks.noteSweep(site.name, outcome.begunAt);
  tellOffline(schedule.searched(action, outcome.begunAt), parts);
  const { addresses, durationMs: ms } = outcome;
  const sweep = { addresses, ms, conditions: conditionsOf(site) };
  schedule.measured(site.name, { ...marks.measure(site.name), sweep });
  capacity.judgeSoon();
  report({ event: "sweepEnded", site: site.name, outcome });
}

async function readDevices(
  action: Action & { type: "read" },
  { site, signal }: PassPlace,
  parts: PassParts,
): Promise<void> {
  const { inventory, marks, schedule, report } = parts;
  const placeOf = new Map(action.deviceIds.map((id) => [id, inventory.device(id)?.place ?? null]));
  const places = [...placeOf.values()].filter((place) => place !== null);
  // A device whose place was taken by another has no address: it is searched for, not read.
  const outcome = places.length === 0
    ? undefined
    : await parts.scan({ site, places, scope: action.scope, kind: "read", signal });
  signal.throwIfAborted();
  if (outcome !== undefined) {
    const read = { packets: outcome.packets, devices: places.length };
    schedule.measured(site.name, withRead(marks.measure(site.name), read));
    report({ event: "readEnded", site: site.name });
  }
  for (const [deviceId, place] of placeOf) {
    if (outcome?.answeredIds.has(deviceId)) continue;
    if (place !== null && outcome?.unasked.has(formatEndpoint(place.address, place.port))) {
      schedule.putOff({ ...action, deviceIds: [deviceId] });
    } else if (schedule.silent(deviceId, site.name)) tellOffline([deviceId], parts);
  }
}

function tellOffline(deviceIds: readonly string[], { inventory, onOffline }: PassParts): void {
  for (const deviceId of deviceIds) {
    const device = inventory.device(deviceId);
    if (device !== undefined) onOffline(device);
  }
}

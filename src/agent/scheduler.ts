/**
 * The loop that asks src/schedule what to do and has it done. Sweeps and reads of known devices go side by side, so that a
 * large sweep holds up no status; of each kind a few sites at a time, so that memory stays bounded.
 */
import type { AgentConfig, SiteConfig } from "../config/agent_config.ts";
import { isAllowedAt } from "../config/allowed_hours.ts";
import type { Clock } from "../core/clock.ts";
import type { Inventory, KnownDevice } from "../inventory/inventory.ts";
import type { Action } from "../schedule/next_actions.ts";
import { nextActions } from "../schedule/next_actions.ts";
import type { PresenceState } from "../schedule/presence.ts";
import { deviceHeard, deviceKnown, deviceSilent, siteSearched } from "../schedule/schedule_events.ts";
import { emptySchedule, readsPerMinuteFor, setDevice } from "../schedule/schedule_state.ts";
import type { Moment, ScheduledSite, ScheduleState } from "../schedule/schedule_state.ts";
import { createLane } from "./lane.ts";
import { ConfigChangedError } from "./live_config.ts";
import type { Heard, Scope } from "./reading_intake.ts";
import { rateShares } from "./scan_site.ts";
import type { Place } from "./site_space.ts";

export type ScheduleEvent =
  | { event: "sweepBegun"; site: string; looksFor: number }
  | { event: "sweepEnded"; site: string; outcome: ScanOutcome }
  /** Known devices were asked, whether they answered or not. */
  | { event: "readEnded"; site: string }
  /** The allowed hours ended, or the configuration changed; it is done again. */
  | { event: "sweepInterrupted"; site: string }
  | { event: "scanFailed"; site: string; error: unknown };

export interface ScanOutcome {
  addresses: number;
  answered: number;
  printers: number;
  durationMs: number;
  /** Devices of the inventory that answered. */
  heard: ReadonlySet<string>;
}

export interface ScheduleScan {
  site: SiteConfig;
  /** Null: all of the site. */
  places: readonly Place[] | null;
  scope: Scope;
  kind: "sweep" | "read";
  signal: AbortSignal;
}

export interface SchedulerOptions {
  clock: Clock;
  config(): AgentConfig;
  inventory: Pick<Inventory, "devices" | "device" | "mark" | "setMark">;
  /** Every reading of it comes to `heard` before it ends. Rejects when it says nothing about the devices. */
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
  /** Stops what runs under an old configuration and goes on by the new one. */
  configChanged(): void;
  presences(): Record<PresenceState, number>;
  /** When the last complete sweep of a site began. */
  lastSweep(site: string): Date | undefined;
  /** Sites that are swept or searched now. */
  sweeping(): string[];
}

const sweepsAtOnce = 2;
const readsAtOnce = 4;
/** After a pass that could not be made at all. */
const againAfterMs = 5 * 60_000;

export function startScheduler(options: SchedulerOptions): Scheduler {
  const { clock, inventory, report } = options;
  const random = options.random ?? Math.random;
  const stop = new AbortController();
  const lanes = { sweep: createLane(sweepsAtOnce), read: createLane(readsAtOnce) };
  const jobs = new Set<{ site: string; kind: "sweep" | "read"; begun: boolean; abort: AbortController }>();
  const work = new Set<Promise<void>>();
  let sites: { of: AgentConfig; byName: ReadonlyMap<string, ScheduledSite> } | undefined;
  let woken = Promise.withResolvers<void>();
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
      const made = config.sites.map(({ name, schedule, ratePerSecond }): [string, ScheduledSite] => {
        const readsPerMinute = readsPerMinuteFor(ratePerSecond * rateShares.read);
        return [name, { name, schedule, readsPerMinute }];
      });
      sites = { of: config, byName: new Map(made) };
    }
    return sites.byName;
  }

  function lastSweep(site: string): number | undefined {
    const at = Date.parse(inventory.mark(sweepMark(site)) ?? "");
    return Number.isFinite(at) ? at : undefined;
  }

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      stopOutsideHours();
      const next = nextActions(state, moment(), {
        sites: [...scheduledSites().values()],
        random,
        lastSweeps: { get: lastSweep },
      });
      for (const action of next.actions) begin(action);
      const over = new AbortController();
      const rest = clock.sleep(next.wakeAfterMs, AbortSignal.any([over.signal, stop.signal])).catch(() => {}); // Woken.
      await Promise.race([rest, woken.promise]);
      over.abort();
      woken = Promise.withResolvers<void>();
    }
  }

  function begin(action: Action): void {
    const site = options.config().sites.find(({ name }) => name === action.site);
    if (site === undefined) return;
    const job = {
      site: site.name,
      kind: action.type === "read" ? "read" as const : "sweep" as const,
      begun: false,
      abort: new AbortController(),
    };
    jobs.add(job);
    const signal = AbortSignal.any([stop.signal, job.abort.signal]);
    const doing = lanes[job.kind](async () => {
      if (signal.aborted) return giveBack(action);
      job.begun = true;
      if (action.type === "read") await read(action, site, signal);
      else await sweep(action, site, signal);
    }).catch((error: unknown) => {
      giveBack(action);
      if (!signal.aborted) report({ event: "scanFailed", site: site.name, error });
    }).finally(() => {
      jobs.delete(job);
      work.delete(doing);
      woken.resolve();
    });
    work.add(doing);
  }

  async function sweep(action: Action & { type: "sweep" | "search" }, site: SiteConfig, signal: AbortSignal) {
    const begunAt = clock.now();
    report({ event: "sweepBegun", site: site.name, looksFor: action.type === "search" ? action.deviceIds.length : 0 });
    const outcome = await options.scan({ site, places: null, scope: "full", kind: "sweep", signal });
    if (signal.aborted) {
      giveBack(action);
      if (!stop.signal.aborted) report({ event: "sweepInterrupted", site: site.name });
      return;
    }
    if (action.type === "sweep") inventory.setMark(sweepMark(site.name), begunAt.toISOString());
    const scheduled = scheduledSites().get(site.name);
    if (scheduled !== undefined) tellOffline(siteSearched(state, scheduled));
    report({ event: "sweepEnded", site: site.name, outcome });
  }

  async function read(action: Action & { type: "read" }, site: SiteConfig, signal: AbortSignal): Promise<void> {
    const places = action.deviceIds.flatMap((id) => inventory.device(id)?.place ?? []);
    // A device whose place another one has taken is nowhere: it is looked for, not asked.
    const outcome = places.length === 0
      ? undefined
      : await options.scan({ site, places, scope: action.scope, kind: "read", signal });
    if (signal.aborted) return giveBack(action);
    if (outcome !== undefined) report({ event: "readEnded", site: site.name });
    const scheduled = scheduledSites().get(site.name);
    if (scheduled === undefined) return;
    for (const deviceId of action.deviceIds) {
      if (outcome?.heard.has(deviceId)) continue;
      if (deviceSilent(state, { deviceId, site: scheduled }, { now: moment(), random })) tellOffline([deviceId]);
    }
  }

  /** What was begun and not done is due again, but not at once: what failed would fail again. */
  function giveBack(action: Action): void {
    const dueMs = clock.monotonicMs() + againAfterMs;
    if (action.type === "read") {
      for (const id of action.deviceIds) {
        const device = state.devices.get(id);
        if (device === undefined) continue;
        const metersDueMs = Math.max(device.metersDueMs, dueMs);
        setDevice(state, id, { ...device, statusDueMs: dueMs, metersDueMs, busyUntilMs: 0 });
      }
      return;
    }
    const site = state.sites.get(action.site);
    if (site === undefined) return;
    const sweepDueMs = action.type === "sweep" ? dueMs : site.sweepDueMs;
    const searchDueMs = action.type === "search" ? dueMs : site.searchDueMs;
    state.sites.set(action.site, { ...site, busyUntilMs: 0, sweepDueMs, searchDueMs });
  }

  function tellOffline(deviceIds: readonly string[]): void {
    for (const deviceId of deviceIds) {
      const device = inventory.device(deviceId);
      if (device !== undefined) options.onOffline(device);
    }
  }

  function stopOutsideHours(): void {
    const now = clock.now();
    for (const job of jobs) {
      const site = options.config().sites.find(({ name }) => name === job.site);
      if (site !== undefined && isAllowedAt(site.schedule.allowedHours, now)) continue;
      job.abort.abort(new Error("The allowed hours have ended"));
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
    configChanged() {
      for (const job of jobs) job.abort.abort(new ConfigChangedError());
      keepWithinIntervals(state, scheduledSites(), moment());
      woken.resolve();
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
    sweeping: () => [...jobs].filter(({ kind, begun }) => kind === "sweep" && begun).map(({ site }) => site),
    async [Symbol.asyncDispose]() {
      stop.abort(new Error("The agent is stopping"));
      woken.resolve();
      await running;
      await Promise.all(work);
    },
  };
}

function sweepMark(site: string): string {
  return `lastSweep:${site}`;
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

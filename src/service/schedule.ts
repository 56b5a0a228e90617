/**
 * What is due of the sites and devices of the running agent, by the rules of src/schedule. A part that learns something tells it
 * here; the scheduler asks what to do.
 */
import type { AgentConfig } from "../config/agent_config.ts";
import type { Clock } from "../../common/core/clock.ts";
import { type Action, type NextActions, nextActions } from "../schedule/next_actions.ts";
import type { PresenceState } from "../schedule/presence.ts";
import {
  deviceAnswered,
  deviceKnown,
  deviceSilent,
  intervalsChanged,
  passInterrupted,
  passPostponed,
  readsInterrupted,
  readsPostponed,
  siteSearched,
  sweptSince,
} from "../schedule/schedule_events.ts";
import {
  deleteDevice,
  devicesToRead,
  emptySchedule,
  type Moment,
  type ScheduledSite,
} from "../schedule/schedule_state.ts";
import type { Inventory } from "../store/inventory.ts";
import type { DeviceAnswer } from "./reading_intake.ts";
import { type SiteMeasure, siteReadsPerMinute } from "./site_load.ts";
import type { SiteMarks } from "./site_marks.ts";
import { doneOf } from "./sweep_position.ts";

export interface ScheduleOptions {
  clock: Pick<Clock, "now" | "monotonicMs">;
  config(): AgentConfig;
  inventory: Pick<Inventory, "devices">;
  marks: SiteMarks;
  random?: () => number;
}

export interface Schedule {
  /** What to do now; the actions count as started. */
  next(): NextActions;
  /** A device answered, to whatever request. */
  answered(answer: DeviceAnswer): void;
  /** A device was merged into another one and no longer exists. */
  forget(deviceId: string): void;
  /** A device did not answer at its place; returns whether it became unreachable. */
  silent(deviceId: string, site: string): boolean;
  /** A sweep or search of a site has ended; returns the devices that became unreachable. */
  searched(action: Action & { type: "sweep" | "search" }, begunAt: Date): string[];
  /** It was cut off and is due again at its former time, so that the longest waiting comes first. */
  cutOff(action: Action): void;
  /** It failed or could not start, and is due again in a few minutes. */
  putOff(action: Action): void;
  /** Duration of the reads or the sweep of a site, which sets the pace of its reads. */
  measured(site: string, measure: SiteMeasure): void;
  /** The intervals may have changed. */
  configChanged(): void;
  /** Approximate number of devices of each site that are read in one `statusEvery`. */
  devicesToRead(): ReadonlyMap<string, number>;
  presences(): Record<PresenceState, number>;
  /** When the last complete sweep of a site began. */
  lastSweep(site: string): Date | undefined;
  /** Last stored progress of a sweep that is running or was cut off. */
  sweepDone(site: string): { done: number; of: number } | undefined;
  /** Sites that are being swept or searched; maintained by the scheduler. */
  readonly sweeping: Set<string>;
}

/** Delay after a pass that could not start. */
const againAfterMs = 5 * 60_000;

/** Begins with the devices of the inventory. */
export function openSchedule(options: ScheduleOptions): Schedule {
  const { clock, marks, random = Math.random } = options;
  const moment = (): Moment => ({ monotonicMs: clock.monotonicMs(), wallMs: clock.now().getTime() });
  const sites = scheduledSites(options);
  const state = emptySchedule(moment());
  for (const { deviceId, site, asleep, seenAt } of options.inventory.devices()) {
    const scheduled = sites.byName().get(site);
    if (scheduled === undefined) continue;
    deviceKnown(state, { deviceId, site: scheduled, asleep, seenAt }, { now: moment(), random });
  }
  return {
    next: () =>
      nextActions(state, moment(), {
        sites: [...sites.byName().values()],
        random,
        lastSweeps: { get: marks.lastSweepMs },
        unfinished: { has: (site) => marks.position(site) !== undefined },
      }),
    answered({ deviceId, site, asleep, scope }) {
      const scheduled = sites.byName().get(site);
      if (scheduled === undefined) return;
      deviceAnswered(state, { deviceId, site: scheduled, asleep, scope }, { now: moment(), random });
    },
    forget: (deviceId) => deleteDevice(state, deviceId),
    silent(deviceId, site) {
      const scheduled = sites.byName().get(site);
      return scheduled !== undefined && deviceSilent(state, { deviceId, site: scheduled }, { now: moment(), random });
    },
    searched({ type, site }, begunAt) {
      const scheduled = sites.byName().get(site);
      if (scheduled === undefined) return [];
      const { monotonicMs, wallMs } = moment();
      const begunMs = monotonicMs - Math.max(0, wallMs - begunAt.getTime());
      const unreachable = siteSearched(state, scheduled, begunMs);
      if (type === "sweep") sweptSince(state, scheduled, begunMs);
      return unreachable;
    },
    cutOff(action) {
      if (action.type === "read") readsInterrupted(state, action.deviceIds);
      else passInterrupted(state, action.site, action.type);
    },
    putOff(action) {
      const dueMs = clock.monotonicMs() + againAfterMs;
      if (action.type === "read") readsPostponed(state, action.deviceIds, dueMs);
      else passPostponed(state, action, dueMs);
    },
    measured(site, measure) {
      if (marks.noteMeasure(site, measure)) sites.refresh();
    },
    configChanged: () => intervalsChanged(state, sites.byName(), moment()),
    devicesToRead: () => devicesToRead(state),
    presences() {
      const count: Record<PresenceState, number> = { awake: 0, asleep: 0, unreachable: 0, gone: 0 };
      for (const { presence } of state.devices.values()) count[presence.state]++;
      return count;
    },
    lastSweep(site) {
      const at = marks.lastSweepMs(site);
      return at === undefined ? undefined : new Date(at);
    },
    sweepDone(site) {
      const position = marks.position(site);
      return position === undefined ? undefined : { done: doneOf(position), of: position.size };
    },
    sweeping: new Set(),
  };
}

/** Cached until the configuration or a measurement changes, as every answer of a device looks up its site. */
function scheduledSites({ config, marks }: Pick<ScheduleOptions, "config" | "marks">) {
  let made: { of: AgentConfig; byName: ReadonlyMap<string, ScheduledSite> } | undefined;
  return {
    refresh: () => void (made = undefined),
    byName(): ReadonlyMap<string, ScheduledSite> {
      const now = config();
      if (made?.of !== now) {
        const sites = now.sites.map((site): [string, ScheduledSite] => {
          const { name, schedule } = site;
          return [name, { name, schedule, readsPerMinute: siteReadsPerMinute(site, marks.measure(name)) }];
        });
        made = { of: now, byName: new Map(sites) };
      }
      return made.byName;
    },
  };
}

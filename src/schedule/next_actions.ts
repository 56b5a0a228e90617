/** What to do now: a pure function of what is remembered, the time and the configuration. docs/schedule.md has the rules. */
import { isAllowedAt } from "../config/allowed_hours.ts";
import { agedPresence, wantsSearch } from "./presence.ts";
import { jitteredMs, statusIntervalMs } from "./schedule_events.ts";
import type { DeviceSchedule, Moment, ScheduledSite, ScheduleState, SiteSchedule } from "./schedule_state.ts";

export type Action =
  /** Find and read everything in the site; ends with `siteSearched`. */
  | { type: "sweep"; site: string }
  /** Look for these devices by serial, engine or MAC in the whole site; ends with `siteSearched`. */
  | { type: "search"; site: string; deviceIds: string[] }
  /** Read known devices where they are; each ends with `deviceHeard` or `deviceSilent`. */
  | { type: "read"; site: string; scope: "full" | "status"; deviceIds: string[] };

export interface NextActions {
  state: ScheduleState;
  actions: Action[];
  /** When to ask again, at the latest; asking earlier is harmless. */
  wakeAfterMs: number;
}

export interface ScheduleOptions {
  sites: readonly ScheduledSite[];
  /** 0 to 1, 1 excluded. */
  random: () => number;
  /** Wall-clock time of the last sweep by site, for the first call after a start. */
  lastSweeps?: ReadonlyMap<string, number>;
}

const minuteMs = 60_000;
/** Allowed hours begin and end by the minute, and a suspend must not go unnoticed for long. */
const maxWakeMs = minuteMs;
const minWakeMs = 250;
/** Beyond this the wall clock was set or the machine slept; below it two clocks drift. */
const jumpMs = minuteMs;
const catchUpEveryMs = 60 * minuteMs;
const catchUpSpreadMs = 15 * minuteMs;
/** An outcome that has not come by now never will: the executor was restarted. */
const readDeadlineMs = 30 * minuteMs;
const sweepDeadlineMs = 24 * 60 * minuteMs;
const goneAfterMs = 30 * 24 * 60 * minuteMs;
/** Share of a minute's reads that may start at once. */
const burstShare = 1 / 6;

/** Decides and remembers that it was decided: an action that is returned is on its way. */
export function nextActions(before: ScheduleState, now: Moment, options: ScheduleOptions): NextActions {
  const caughtUp = catchUp(before, now, options);
  const sites = new Map<string, SiteSchedule>();
  const devices = new Map(caughtUp.devices);
  const actions: Action[] = [];
  let wakeMs = now.monotonicMs + maxWakeMs;
  for (const site of options.sites) {
    let remembered = refilled(caughtUp.sites.get(site.name) ?? newSite(site, now, options), site, now.monotonicMs);
    if (isAllowedAt(site.schedule.allowedHours, new Date(now.wallMs))) {
      const done = siteActions(remembered, site, { devices, now: now.monotonicMs, random: options.random });
      remembered = done.remembered;
      actions.push(...done.actions);
      wakeMs = Math.min(wakeMs, done.wakeMs);
    }
    sites.set(site.name, remembered);
  }
  const state = { seen: now, caughtUpMs: caughtUp.caughtUpMs, sites, devices };
  return { state, actions, wakeAfterMs: Math.max(minWakeMs, wakeMs - now.monotonicMs) };
}

function siteActions(
  before: SiteSchedule,
  site: ScheduledSite,
  context: { devices: Map<string, DeviceSchedule>; now: number; random: () => number },
): { remembered: SiteSchedule; actions: Action[]; wakeMs: number } {
  const { devices, now, random } = context;
  const { schedule } = site;
  const remembered = { ...before };
  const actions: Action[] = [];
  let wakeMs = Infinity;
  const due: { deviceId: string; scope: "full" | "status"; dueMs: number }[] = [];
  const wanted: string[] = [];
  for (const [deviceId, device] of devices) {
    if (device.site !== site.name) continue;
    const presence = agedPresence(device.presence, { nowMs: now, goneAfterMs });
    if (presence !== device.presence) devices.set(deviceId, { ...device, presence });
    if (presence.state === "gone") continue;
    if (wantsSearch(presence)) wanted.push(deviceId);
    const dueMs = Math.max(Math.min(device.statusDueMs, device.metersDueMs), device.busyUntilMs);
    if (dueMs > now) wakeMs = Math.min(wakeMs, dueMs);
    else due.push({ deviceId, scope: device.metersDueMs <= now ? "full" : "status", dueMs });
  }
  if (now >= remembered.busyUntilMs) {
    if (now >= remembered.sweepDueMs) {
      actions.push({ type: "sweep", site: site.name });
      remembered.sweepDueMs = now + jitteredMs(schedule.fullSweepEveryMs, schedule.jitter, random);
      remembered.busyUntilMs = now + sweepDeadlineMs;
    } else if (wanted.length > 0 && now >= remembered.searchDueMs) {
      actions.push({ type: "search", site: site.name, deviceIds: wanted });
      remembered.searchDueMs = now + schedule.statusEveryMs;
      remembered.busyUntilMs = now + sweepDeadlineMs;
    }
  }
  wakeMs = Math.min(wakeMs, Math.max(remembered.sweepDueMs, remembered.busyUntilMs));
  // Who waits longest is read first, so that a rate that is too low delays all alike.
  due.sort((a, b) => a.dueMs - b.dueMs);
  const started = due.slice(0, Math.floor(remembered.tokens));
  remembered.tokens -= started.length;
  if (started.length < due.length) wakeMs = Math.min(wakeMs, now + minuteMs / site.readsPerMinute);
  for (const scope of ["full", "status"] as const) {
    const deviceIds = started.filter((each) => each.scope === scope).map(({ deviceId }) => deviceId);
    if (deviceIds.length > 0) actions.push({ type: "read", site: site.name, scope, deviceIds });
  }
  for (const { deviceId } of started) {
    const device = devices.get(deviceId)!;
    const statusDueMs = now + jitteredMs(statusIntervalMs(site, device.presence.state), schedule.jitter, random);
    devices.set(deviceId, { ...device, statusDueMs, busyUntilMs: now + readDeadlineMs });
  }
  return { remembered, actions, wakeMs };
}

/**
 * A wall clock that runs ahead of the monotonic one means that the machine slept, or that the clock was set. Nobody can
 * tell which, so that both are treated as sleep: what would have become due is done once, spread over a quarter of an
 * hour, and not again within the hour however often the clock jumps. A clock that goes back changes nothing.
 */
function catchUp(state: ScheduleState, now: Moment, { sites, random }: ScheduleOptions): ScheduleState {
  const passedMs = now.monotonicMs - state.seen.monotonicMs;
  const aheadMs = now.wallMs - state.seen.wallMs - passedMs;
  if (aheadMs < jumpMs) return state;
  if (state.caughtUpMs !== null && now.monotonicMs - state.caughtUpMs < catchUpEveryMs) return state;
  const earlier = (dueMs: number) => {
    const soonMs = now.monotonicMs + random() * catchUpSpreadMs;
    return Math.min(dueMs, Math.max(dueMs - aheadMs, soonMs));
  };
  const names = new Set(sites.map(({ name }) => name));
  return {
    ...state,
    caughtUpMs: now.monotonicMs,
    sites: new Map(
      [...state.sites].filter(([name]) => names.has(name)).map((
        [name, site],
      ) => [name, { ...site, sweepDueMs: earlier(site.sweepDueMs) }]),
    ),
    devices: new Map(
      [...state.devices].map(([id, device]) => [id, {
        ...device,
        statusDueMs: earlier(device.statusDueMs),
        metersDueMs: earlier(device.metersDueMs),
      }]),
    ),
  };
}

/** The first sweep comes soon after the start, unless a run before had one; a time in the future counts as now. */
function newSite(site: ScheduledSite, now: Moment, { random, lastSweeps }: ScheduleOptions): SiteSchedule {
  const { fullSweepEveryMs } = site.schedule;
  const lastSweep = lastSweeps?.get(site.name);
  const restMs = lastSweep === undefined ? 0 : fullSweepEveryMs - Math.max(0, now.wallMs - lastSweep);
  return {
    sweepDueMs: now.monotonicMs + Math.max(restMs, random() * Math.min(fullSweepEveryMs, minuteMs / 2)),
    searchDueMs: now.monotonicMs,
    busyUntilMs: 0,
    tokens: 1,
    filledMs: now.monotonicMs,
  };
}

function refilled(site: SiteSchedule, { readsPerMinute }: ScheduledSite, nowMs: number): SiteSchedule {
  const capacity = Math.max(1, readsPerMinute * burstShare);
  const tokens = Math.min(capacity, site.tokens + (nowMs - site.filledMs) * readsPerMinute / minuteMs);
  return { ...site, tokens, filledMs: nowMs };
}

/** Decides what to do now from the state, the time and the configuration only. docs/schedule.md has the rules. */
import { periodAt, sendWindowAt } from "../config/allowed_hours.ts";
import { agedPresence } from "./presence.ts";
import { jitteredMs, statusIntervalMs } from "./schedule_events.ts";
import {
  type Moment,
  orderOf,
  type ScheduledSite,
  type ScheduleState,
  setDevice,
  type SiteSchedule,
} from "./schedule_state.ts";

export type Action =
  /** Find and read everything in the site; ends with `siteSearched`. */
  | { type: "sweep"; site: string }
  /** Look for these devices by serial, engine or MAC in the whole site; ends with `siteSearched`. */
  | { type: "search"; site: string; deviceIds: string[] }
  /** Read known devices where they are; each ends with `deviceAnswered` or `deviceSilent`. */
  | { type: "read"; site: string; scope: "full" | "status"; deviceIds: string[] };

export interface NextActions {
  actions: Action[];
  /** When to ask again, at the latest; asking earlier is harmless. */
  wakeAfterMs: number;
}

export interface ScheduleOptions {
  sites: readonly ScheduledSite[];
  /** 0 to 1, 1 excluded. */
  random: () => number;
  /** Wall-clock time of the last sweep by site; asked when a site is new here. */
  lastSweeps?: Pick<ReadonlyMap<string, number>, "get">;
  /** Sites with a sweep that was cut off before the start; asked when a site is new here. */
  unfinished?: Pick<ReadonlySet<string>, "has">;
}

const minuteMs = 60_000;
/** Longest wait, so that a set wall clock or a suspend is noticed soon. */
const maxWakeMs = minuteMs;
const minWakeMs = 250;
/** A larger difference means that the wall clock was set or the machine slept; a smaller one is drift. */
const jumpMs = minuteMs;
const catchUpEveryMs = 60 * minuteMs;
const catchUpSpreadMs = 15 * minuteMs;
/** Time after which an outcome is no longer expected: the executor was restarted. */
const readDeadlineMs = 30 * minuteMs;
const sweepDeadlineMs = 24 * 60 * minuteMs;
const goneAfterMs = 30 * 24 * 60 * minuteMs;
/**
 * Reads of a site are collected into passes, as starting a thread for one device costs more than its read. A device
 * waits for the next pass for at most a tenth of its interval (the default jitter is as large), and at most this long.
 */
const longestGatherMs = minuteMs;
const gatherShare = 0.1;

/** Decides, and records in the state that the returned actions were started. */
export function nextActions(state: ScheduleState, now: Moment, options: ScheduleOptions): NextActions {
  catchUp(state, now, options);
  const begun: { action: Action; dueMs: number }[] = [];
  let wakeMs = now.monotonicMs + maxWakeMs;
  for (const site of options.sites) {
    const known = state.sites.get(site.name) ?? newSite(site, now, options);
    const remembered = refilled(known, site, now.monotonicMs);
    const { allowedHours } = site.schedule;
    if (sendWindowAt(allowedHours, now.wallMs) === undefined) {
      // Wake at the next period; in the last moment of a window it may be the one after it.
      wakeMs = Math.min(wakeMs, now.monotonicMs + periodAt(allowedHours, now.wallMs).untilMs - now.wallMs);
    } else {
      const context = { state, site, now: now.monotonicMs, random: options.random };
      begun.push(...passes(remembered, context));
      const firstDueMs = orderOf(state, site.name).due.first()?.dueMs ?? Infinity;
      const reads = dueReads(remembered, context);
      begun.push(...reads.actions.map((action) => ({ action, dueMs: firstDueMs })));
      wakeMs = Math.min(wakeMs, Math.max(remembered.sweepDueMs, remembered.busyUntilMs), reads.wakeMs);
    }
    state.sites.set(site.name, remembered);
  }
  // The state of sites that were removed from the configuration is dropped; they start again if they come back.
  const names = new Set(options.sites.map(({ name }) => name));
  for (const name of state.sites.keys()) if (!names.has(name)) state.sites.delete(name);
  state.seen = now;
  // Only a few sites run at a time. By due time, sites at the end of the configuration run before others run twice.
  const actions = begun.toSorted((a, b) => a.dueMs - b.dueMs).map(({ action }) => action);
  return { actions, wakeAfterMs: Math.max(minWakeMs, wakeMs - now.monotonicMs) };
}

interface SiteContext {
  state: ScheduleState;
  site: ScheduledSite;
  now: number;
  random: () => number;
}

/** The sweep or search that is due for a site; recorded in `remembered`. */
function passes(
  remembered: SiteSchedule,
  { state, site, now, random }: SiteContext,
): { action: Action; dueMs: number }[] {
  if (now < remembered.busyUntilMs) return [];
  const { schedule } = site;
  const { sweepDueMs, searchDueMs } = remembered;
  const begin = (action: Action, dueMs: number) => {
    remembered.busyUntilMs = now + sweepDeadlineMs;
    remembered.wasDueMs = dueMs;
    return [{ action, dueMs }];
  };
  if (now >= sweepDueMs) {
    remembered.sweepDueMs = now + jitteredMs(schedule.fullSweepEveryMs, schedule.jitter, random);
    return begin({ type: "sweep", site: site.name }, sweepDueMs);
  }
  const { wanted } = orderOf(state, site.name);
  if (wanted.size === 0 || now < searchDueMs) return [];
  remembered.searchDueMs = now + schedule.statusEveryMs;
  return begin({ type: "search", site: site.name, deviceIds: [...wanted] }, searchDueMs);
}

/** The longest waiting device is read first, so that a rate that is too low delays all devices equally. */
function dueReads(
  remembered: SiteSchedule,
  { state, site, now, random }: SiteContext,
): { actions: Action[]; wakeMs: number } {
  const { due } = orderOf(state, site.name);
  if (now < remembered.readsFromMs) {
    return { actions: [], wakeMs: Math.max(remembered.readsFromMs, due.first()?.dueMs ?? Infinity) };
  }
  const deviceIds: { full: string[]; status: string[] } = { full: [], status: [] };
  for (let first; (first = due.first()) !== undefined && first.dueMs <= now && remembered.tokens >= 1;) {
    const device = state.devices.get(first.key)!;
    const presence = agedPresence(device.presence, { nowMs: now, goneAfterMs });
    if (presence.state === "gone") {
      setDevice(state, first.key, { ...device, presence });
      continue;
    }
    deviceIds[device.metersDueMs <= now ? "full" : "status"].push(first.key);
    remembered.tokens--;
    const intervalMs = statusIntervalMs(site, presence.state);
    const statusDueMs = now + jitteredMs(intervalMs, site.schedule.jitter, random);
    setDevice(state, first.key, { ...device, statusDueMs, busyUntilMs: now + readDeadlineMs, wasDueMs: first.dueMs });
  }
  const actions = (["full", "status"] as const).flatMap((scope): Action[] =>
    deviceIds[scope].length === 0 ? [] : [{ type: "read", site: site.name, scope, deviceIds: deviceIds[scope] }]
  );
  const next = due.first()?.dueMs ?? Infinity;
  // A device is due, but nothing starts: the rate allows less than one read at present.
  if (actions.length === 0) return { actions, wakeMs: next > now ? next : now + minuteMs / site.readsPerMinute };
  remembered.readsFromMs = now + gatherMs(site);
  return { actions, wakeMs: Math.max(next, remembered.readsFromMs) };
}

/**
 * If the wall clock runs ahead of the monotonic one, the machine slept or the clock was set. These cannot be told
 * apart, so both are treated as sleep: what would have become due is done once, spread over a quarter of an hour, and
 * not again within the hour, even if the clock jumps again. A clock that goes back changes nothing.
 */
function catchUp(state: ScheduleState, now: Moment, { random }: ScheduleOptions): void {
  const passedMs = now.monotonicMs - state.seen.monotonicMs;
  const aheadMs = now.wallMs - state.seen.wallMs - passedMs;
  if (aheadMs < jumpMs) return;
  if (state.caughtUpMs !== null && now.monotonicMs - state.caughtUpMs < catchUpEveryMs) return;
  const earlier = (dueMs: number) => {
    const soonMs = now.monotonicMs + random() * catchUpSpreadMs;
    return Math.min(dueMs, Math.max(dueMs - aheadMs, soonMs));
  };
  state.caughtUpMs = now.monotonicMs;
  for (const [name, site] of state.sites) state.sites.set(name, { ...site, sweepDueMs: earlier(site.sweepDueMs) });
  for (const [id, device] of state.devices) {
    const { statusDueMs, metersDueMs } = device;
    setDevice(state, id, { ...device, statusDueMs: earlier(statusDueMs), metersDueMs: earlier(metersDueMs) });
  }
}

/** The first sweep comes soon after the start, unless an earlier run made one; an unfinished one resumes at once. */
function newSite(site: ScheduledSite, now: Moment, options: ScheduleOptions): SiteSchedule {
  return {
    sweepDueMs: now.monotonicMs + (options.unfinished?.has(site.name) ? 0 : firstSweepAfterMs(site, now, options)),
    searchDueMs: now.monotonicMs,
    busyUntilMs: 0,
    readsFromMs: 0,
    tokens: 1,
    filledMs: now.monotonicMs,
  };
}

/** A last sweep with a time in the future counts as one made now. */
function firstSweepAfterMs(site: ScheduledSite, now: Moment, { random, lastSweeps }: ScheduleOptions): number {
  const { fullSweepEveryMs } = site.schedule;
  const lastSweep = lastSweeps?.get(site.name);
  const restMs = lastSweep === undefined ? 0 : fullSweepEveryMs - Math.max(0, now.wallMs - lastSweep);
  return Math.max(restMs, random() * Math.min(fullSweepEveryMs, minuteMs / 2));
}

function refilled(site: SiteSchedule, scheduled: ScheduledSite, nowMs: number): SiteSchedule {
  const { readsPerMinute } = scheduled;
  const capacity = Math.max(1, readsPerMinute * gatherMs(scheduled) / minuteMs);
  const tokens = Math.min(capacity, site.tokens + (nowMs - site.filledMs) * readsPerMinute / minuteMs);
  return { ...site, tokens, filledMs: nowMs };
}

/** Time from one pass of reads to the next, in milliseconds. */
function gatherMs({ schedule }: ScheduledSite): number {
  return Math.min(longestGatherMs, schedule.statusEveryMs * gatherShare);
}

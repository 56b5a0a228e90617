/**
 * What the scheduler remembers. All `Ms` are monotonic, so that no change of the clock moves them.
 *
 * One loop owns a state, and the functions of this folder change it in place: each answer of a device is an event, and a
 * copy of all devices for each of them, or a look at all of them, would make a sweep cost the square of the fleet. An
 * event therefore touches its own device, and what asks for several takes them from the site's order.
 */
import type { ScheduleConfig } from "../config/agent_config.ts";
import { createDueQueue, type DueQueue } from "./due_queue.ts";
import { type Presence, wantsSearch } from "./presence.ts";

/** One moment on both clocks: intervals follow the monotonic one, allowed hours the wall clock. */
export interface Moment {
  monotonicMs: number;
  wallMs: number;
}

export interface ScheduledSite {
  name: string;
  schedule: ScheduleConfig;
  /** Single devices that are read in a minute, at most; see `readsPerMinuteFor`. */
  readsPerMinute: number;
}

export interface DeviceSchedule {
  site: string;
  presence: Presence;
  statusDueMs: number;
  metersDueMs: number;
  /** A read is on its way until its outcome comes, or until this time in case it never does. */
  busyUntilMs: number;
  /** When the read that was begun last had been due, which it is again when it was cut off. */
  wasDueMs?: number;
}

export interface SiteSchedule {
  sweepDueMs: number;
  searchDueMs: number;
  /** A sweep or search is on its way until it ends, or until this time in case it never says so. */
  busyUntilMs: number;
  /** When the sweep or search that was begun last had been due, which it is again when it was cut off. */
  wasDueMs?: number;
  /** When the next pass of reads may begin. */
  readsFromMs: number;
  /** Reads that may start now: a bucket that `readsPerMinute` fills. */
  tokens: number;
  filledMs: number;
}

/** Devices of one site by what is asked of them. */
export interface SiteOrder {
  /** All that are not gone, by when their next read is due. */
  due: DueQueue;
  /** Those with misses. */
  silent: Set<string>;
  /** Those among them that are to be looked for. */
  wanted: Set<string>;
}

export interface ScheduleState {
  seen: Moment;
  /** When a jump of the wall clock last made things due. */
  caughtUpMs: number | null;
  readonly sites: Map<string, SiteSchedule>;
  /** Written by `setDevice` and `deleteDevice` alone, as the orders go by it. */
  readonly devices: Map<string, Readonly<DeviceSchedule>>;
  readonly orders: Map<string, SiteOrder>;
}

/** A state that knows no site and no device; `nextActions` adds the sites, `deviceKnown` and `deviceAnswered` devices. */
export function emptySchedule(now: Moment): ScheduleState {
  return { seen: now, caughtUpMs: null, sites: new Map(), devices: new Map(), orders: new Map() };
}

/** How many devices of each site are read in one `statusEvery`, about: of those that sleep or are silent a quarter. */
export function devicesToRead({ devices }: ScheduleState): Map<string, number> {
  const quarters = new Map<string, number>();
  for (const { site, presence } of devices.values()) {
    if (presence.state === "gone") continue;
    quarters.set(site, (quarters.get(site) ?? 0) + (presence.state === "awake" ? quietFactor : 1));
  }
  return new Map([...quarters].map(([site, count]) => [site, Math.round(count / quietFactor)]));
}

/** Intervals of a device that sleeps or is silent, in those of one that is awake: it is not woken to say that it sleeps. */
export const quietFactor = 4;

export function orderOf(state: ScheduleState, site: string): SiteOrder {
  let order = state.orders.get(site);
  if (order === undefined) {
    order = { due: createDueQueue(), silent: new Set(), wanted: new Set() };
    state.orders.set(site, order);
  }
  return order;
}

/** Puts a device in the place of what was remembered of it. */
export function setDevice(state: ScheduleState, deviceId: string, device: DeviceSchedule): void {
  const before = state.devices.get(deviceId);
  if (before !== undefined && before.site !== device.site) deleteDevice(state, deviceId);
  state.devices.set(deviceId, device);
  const { due, silent, wanted } = orderOf(state, device.site);
  const { presence, statusDueMs, metersDueMs, busyUntilMs } = device;
  if (presence.state === "gone") due.delete(deviceId);
  else due.set(deviceId, Math.max(Math.min(statusDueMs, metersDueMs), busyUntilMs));
  member(silent, deviceId, presence.misses > 0);
  member(wanted, deviceId, wantsSearch(presence));
}

export function deleteDevice(state: ScheduleState, deviceId: string): void {
  const device = state.devices.get(deviceId);
  if (device === undefined) return;
  state.devices.delete(deviceId);
  const { due, silent, wanted } = orderOf(state, device.site);
  due.delete(deviceId);
  silent.delete(deviceId);
  wanted.delete(deviceId);
}

function member(set: Set<string>, key: string, isMember: boolean): void {
  if (isMember) set.add(key);
  else set.delete(key);
}

/** Packets of a read of one device, about, where nothing has been measured. */
export const assumedPacketsPerRead = 20;
const mostReadsPerMinute = 6000;

/** Reads of single devices that a site's packets per second allow; 0 is unlimited. */
export function readsPerMinuteFor(packetsPerSecond: number, packetsPerRead = assumedPacketsPerRead): number {
  if (packetsPerSecond === 0) return mostReadsPerMinute;
  return Math.min(mostReadsPerMinute, Math.max(1, Math.floor(packetsPerSecond * 60 / packetsPerRead)));
}

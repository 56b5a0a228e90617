/**
 * State of the scheduler. All `Ms` are monotonic, so that setting the clock does not move them. One loop owns a state,
 * and the functions of this folder change it in place: each answer of a device is an event, and copying or scanning all
 * devices for each event would make the cost of a sweep quadratic. An event therefore touches its own device only, and
 * functions that need several devices take them from the site's order.
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
  /** Maximum number of single devices that are read per minute; see `readsPerMinuteFor`. */
  readsPerMinute: number;
}

export interface DeviceSchedule {
  site: string;
  presence: Presence;
  statusDueMs: number;
  metersDueMs: number;
  /** A read is in progress until its outcome arrives, or at the latest until this time. */
  busyUntilMs: number;
  /** When the last started read had been due; it is due again at that time if it is interrupted. */
  wasDueMs?: number;
}

export interface SiteSchedule {
  sweepDueMs: number;
  searchDueMs: number;
  /** A sweep or search is in progress until its end is reported, or at the latest until this time. */
  busyUntilMs: number;
  /** When the last started sweep or search had been due; it is due again at that time if it is interrupted. */
  wasDueMs?: number;
  /** Earliest start of the next pass of reads. */
  readsFromMs: number;
  /** Reads that may start now: a bucket that `readsPerMinute` fills. */
  tokens: number;
  filledMs: number;
}

/** Devices of one site, indexed for the decisions. */
export interface SiteOrder {
  /** All devices that are not gone, by the due time of their next read. */
  due: DueQueue;
  /** Devices with misses. */
  silent: Set<string>;
  /** Devices with misses that are to be searched for. */
  wanted: Set<string>;
}

export interface ScheduleState {
  seen: Moment;
  /** When a jump of the wall clock last made reads or sweeps due. */
  caughtUpMs: number | null;
  readonly sites: Map<string, SiteSchedule>;
  /** Changed only by `setDevice` and `deleteDevice`, which keep the orders consistent. */
  readonly devices: Map<string, Readonly<DeviceSchedule>>;
  readonly orders: Map<string, SiteOrder>;
}

/** A state without sites and devices; `nextActions` adds sites, `deviceKnown` and `deviceAnswered` add devices. */
export function emptySchedule(now: Moment): ScheduleState {
  return { seen: now, caughtUpMs: null, sites: new Map(), devices: new Map(), orders: new Map() };
}

/**
 * Approximate number of devices of each site that are read in one `statusEvery`; sleeping and silent ones count a
 * quarter.
 */
export function devicesToRead({ devices }: ScheduleState): Map<string, number> {
  const quarters = new Map<string, number>();
  for (const { site, presence } of devices.values()) {
    if (presence.state === "gone") continue;
    quarters.set(site, (quarters.get(site) ?? 0) + (presence.state === "awake" ? quietFactor : 1));
  }
  return new Map([...quarters].map(([site, count]) => [site, Math.round(count / quietFactor)]));
}

/** Factor for the intervals of a sleeping or silent device, so that status reads do not wake it unnecessarily. */
export const quietFactor = 4;

export function orderOf(state: ScheduleState, site: string): SiteOrder {
  let order = state.orders.get(site);
  if (order === undefined) {
    order = { due: createDueQueue(), silent: new Set(), wanted: new Set() };
    state.orders.set(site, order);
  }
  return order;
}

/** Adds or replaces a device. */
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

/** Approximate number of packets to read one device, if nothing was measured. */
export const assumedPacketsPerRead = 20;
const mostReadsPerMinute = 6000;

/** Reads of single devices that a site's packets per second allow; 0 is unlimited. */
export function readsPerMinuteFor(packetsPerSecond: number, packetsPerRead = assumedPacketsPerRead): number {
  if (packetsPerSecond === 0) return mostReadsPerMinute;
  return Math.min(mostReadsPerMinute, Math.max(1, Math.floor(packetsPerSecond * 60 / packetsPerRead)));
}

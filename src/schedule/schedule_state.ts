/** What the scheduler remembers. All `Ms` are monotonic, so that no change of the clock moves them. */
import type { ScheduleConfig } from "../config/agent_config.ts";
import type { Presence } from "./presence.ts";

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
}

export interface SiteSchedule {
  sweepDueMs: number;
  searchDueMs: number;
  /** A sweep or search is on its way until it ends, or until this time in case it never says so. */
  busyUntilMs: number;
  /** Reads that may start now: a bucket that `readsPerMinute` fills. */
  tokens: number;
  filledMs: number;
}

export interface ScheduleState {
  seen: Moment;
  /** When a jump of the wall clock last made things due. */
  caughtUpMs: number | null;
  sites: ReadonlyMap<string, SiteSchedule>;
  devices: ReadonlyMap<string, DeviceSchedule>;
}

/** A state that knows no site and no device; `nextActions` adds the sites, `deviceKnown` and `deviceHeard` devices. */
export function emptySchedule(now: Moment): ScheduleState {
  return { seen: now, caughtUpMs: null, sites: new Map(), devices: new Map() };
}

/** Packets of a read of one device, about. */
const packetsPerRead = 20;
const mostReadsPerMinute = 6000;

/** Reads of single devices that a site's packets per second allow; 0 is unlimited. */
export function readsPerMinuteFor(packetsPerSecond: number): number {
  if (packetsPerSecond === 0) return mostReadsPerMinute;
  return Math.min(mostReadsPerMinute, Math.max(1, Math.floor(packetsPerSecond * 60 / packetsPerRead)));
}

/** A state with one device changed. */
export function withDevice(state: ScheduleState, deviceId: string, device: DeviceSchedule): ScheduleState {
  return { ...state, devices: new Map(state.devices).set(deviceId, device) };
}

/** Checks whether a site's hours and rate are sufficient for its intervals, from the configuration and measurements. */
import type { ScheduleConfig } from "../config/agent_config.ts";
import { periodAt, sendWindowAt } from "../config/allowed_hours.ts";
import { formatDuration, roundDuration } from "../../common/core/duration.ts";

export interface SiteLoad {
  name: string;
  schedule: ScheduleConfig;
  /** Duration of a sweep without pauses; undefined if unknown. */
  sweepMs: number | undefined;
  /** Approximate number of devices to read in one `statusEvery`. */
  devices: number;
  readsPerMinute: number;
}

export interface CapacityFinding {
  /** Stable; a site has one of each at most. */
  code: `hours-never ${string}` | `sweep-too-long ${string}` | `reads-too-slow ${string}`;
  /** One sentence. */
  message: string;
}

export interface CapacityOptions {
  /** Wall clock: windows are those of the week that begins here. */
  nowMs: number;
  /**
   * Whether the finding exists already; then it ends with hysteresis, so that it does not flap with each measurement.
   */
  isFound?: (code: CapacityFinding["code"]) => boolean;
}

const dayMs = 86_400_000, weekMs = 7 * dayMs;
/** A finding ends when the load falls below this share of the limit. */
const overAt = 0.9;
/** Upper limit for counting the windows that a sweep needs. */
const maxWindows = 1000;

export function judgeCapacity(load: SiteLoad, options: CapacityOptions): CapacityFinding[] {
  const windows = windowsOfWeek(load.schedule, options.nowMs);
  if (windows?.length === 0) {
    const message =
      `Nothing is ever sent to the site "${load.name}" as its allowed hours, those of the file and of the ` +
      "platform together, have no time in common";
    return [{ code: `hours-never ${load.name}`, message }];
  }
  return [maybeSweepFinding(load, windows, options), maybeReadFinding(load, windows, options)]
    .filter((finding) => finding !== undefined);
}

interface Window {
  fromMs: number;
  /** As configured. */
  hoursMs: number;
  /** Time in which something is sent. */
  lengthMs: number;
}

/** Cached for a day, as a week may have many windows. */
const weeks = new WeakMap<ScheduleConfig["allowedHours"], { foundMs: number; windows: Window[] | undefined }>();

function windowsOfWeek({ allowedHours }: ScheduleConfig, nowMs: number): Window[] | undefined {
  const known = weeks.get(allowedHours);
  if (known !== undefined && Math.abs(nowMs - known.foundMs) < dayMs) return known.windows;
  const windows = findWindows(allowedHours, nowMs);
  weeks.set(allowedHours, { foundMs: nowMs, windows });
  return windows;
}

/** The windows of a week; undefined if traffic is always allowed. */
function findWindows(allowedHours: ScheduleConfig["allowedHours"], nowMs: number): Window[] | undefined {
  const windows: Window[] = [];
  for (let at = nowMs; at < nowMs + weekMs;) {
    const period = periodAt(allowedHours, at);
    if (period.allowed && period.untilMs === Infinity) return undefined;
    if (period.allowed && period.fromMs > -Infinity) {
      const window = sendWindowAt(allowedHours, period.fromMs);
      const isNextWeek = windows.length > 0 && period.fromMs >= windows[0]!.fromMs + weekMs;
      if (window !== undefined && !isNextWeek) {
        windows.push({
          fromMs: window.fromMs,
          hoursMs: period.untilMs - period.fromMs,
          lengthMs: window.untilMs - window.fromMs,
        });
      }
    }
    at = period.untilMs;
  }
  return windows;
}

function maybeSweepFinding(
  { name, schedule, sweepMs }: SiteLoad,
  windows: Window[] | undefined,
  { isFound }: CapacityOptions,
): CapacityFinding | undefined {
  if (sweepMs === undefined) return undefined;
  const code = `sweep-too-long ${name}` as const;
  const share = isFound?.(code) ? overAt : 1;
  const needs = `a discovery scan needs about ${roundDuration(sweepMs)}`;
  const every = `fullSweepEvery is ${formatDuration(schedule.fullSweepEveryMs)}`;
  if (windows === undefined) {
    if (sweepMs <= share * schedule.fullSweepEveryMs) return undefined;
    return { code, message: `The site "${name}" is too large for its rate: ${needs}, and ${every}` };
  }
  const longest = longestOf(windows);
  if (sweepMs <= share * longest.lengthMs) return undefined;
  const { count, spanMs } = windowsFor(sweepMs, windows);
  const late = spanMs > schedule.fullSweepEveryMs ? `, and ${every}` : "";
  return {
    code,
    message: `The allowed hours are too short for the site "${name}": ${needs}, the longest window has ` +
      `${roundDuration(longest.hoursMs)}; it continues in the next one and is complete after ${count} windows in ` +
      `${roundDuration(spanMs)}${late}`,
  };
}

function maybeReadFinding(
  { name, schedule, devices, readsPerMinute }: SiteLoad,
  windows: Window[] | undefined,
  { isFound }: CapacityOptions,
): CapacityFinding | undefined {
  const code = `reads-too-slow ${name}` as const;
  const share = isFound?.(code) ? overAt : 1;
  const takesMs = devices / readsPerMinute * 60_000;
  const longestMs = windows === undefined ? Infinity : longestOf(windows).hoursMs;
  if (takesMs <= share * Math.min(schedule.statusEveryMs, longestMs)) return undefined;
  const reads = `${numberText(devices)} devices at ${numberText(readsPerMinute)} reads a minute take ${
    minutesText(takesMs)
  }`;
  const limit = longestMs < schedule.statusEveryMs
    ? `the longest window of the allowed hours has ${roundDuration(longestMs)}`
    : `statusEvery is ${formatDuration(schedule.statusEveryMs)}`;
  return { code, message: `The rate of the site "${name}" is too low for its intervals: ${reads}, ${limit}` };
}

function longestOf(windows: readonly Window[]): Window {
  return windows.reduce((longest, window) => window.lengthMs > longest.lengthMs ? window : longest);
}

/** Number of windows that a sweep takes, from the first one of the week, and the total time from start to end. */
function windowsFor(sweepMs: number, windows: readonly Window[]): { count: number; spanMs: number } {
  const begin = windows[0]!.fromMs;
  let left = sweepMs, count = 0, spanMs = 0;
  while (left > 0 && count < maxWindows) {
    const { fromMs, lengthMs } = windows[count % windows.length]!;
    const usedMs = Math.min(left, lengthMs);
    spanMs = fromMs + weekMs * Math.floor(count / windows.length) + usedMs - begin;
    left -= usedMs;
    count++;
  }
  return { count, spanMs };
}

/** The rule of thumb counts in minutes. */
function minutesText(ms: number): string {
  return ms < 600 * 60_000 ? `${numberText(Math.round(ms / 60_000))} min` : roundDuration(ms);
}

function numberText(count: number): string {
  return count.toLocaleString("en-US", { maximumFractionDigits: 0 });
}

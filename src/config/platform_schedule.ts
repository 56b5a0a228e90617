/** Merges intervals and hours of the platform into those of the machine. */
import type { ScheduleConfig } from "./agent_config.ts";
import { type AllowedHours, byTime, formatWindows, windowsOf } from "./allowed_hours.ts";
import { formatDuration, parseDuration } from "../../common/core/duration.ts";
import type { PlatformNotes } from "./platform_document.ts";
import type { PlatformSchedule } from "./platform_document.ts";
import { statusBounds, sweepBounds } from "./read_schedule.ts";

/** The platform's interval in milliseconds if it is valid, otherwise `base`. */
export function applyInterval(
  seconds: number | undefined,
  { path, base, bounds, notes }: {
    path: string;
    base: number;
    bounds: { min: string; max: string };
    notes: PlatformNotes;
  },
): number {
  if (seconds === undefined) return base;
  const ms = seconds * 1000;
  if (!(Number.isInteger(seconds) && ms >= parseDuration(bounds.min) && ms <= parseDuration(bounds.max))) {
    notes.refuse(`Cannot use ${path} as it is not from ${bounds.min} to ${bounds.max}: current value is ${seconds}s`);
    return base;
  }
  notes.set(path, formatDuration(ms));
  return ms;
}

/** Intervals of the platform replace those of the machine; allowed hours can only become fewer. */
export function applySchedule(
  base: ScheduleConfig,
  schedule: PlatformSchedule | undefined,
  { path, notes }: { path: string; notes: PlatformNotes },
): ScheduleConfig {
  if (schedule === undefined) return base;
  const hours = platformHours(schedule, { path, notes });
  return {
    fullSweepEveryMs: applyInterval(schedule.sweepIntervalSeconds, {
      path: `${path}.fullSweepEvery`,
      base: base.fullSweepEveryMs,
      bounds: sweepBounds,
      notes,
    }),
    statusEveryMs: applyInterval(schedule.statusIntervalSeconds, {
      path: `${path}.statusEvery`,
      base: base.statusEveryMs,
      bounds: statusBounds,
      notes,
    }),
    metersEveryMs: applyInterval(schedule.meterIntervalSeconds, {
      path: `${path}.metersEvery`,
      base: base.metersEveryMs,
      bounds: sweepBounds,
      notes,
    }),
    // All entries must allow a moment, so a further entry can only restrict.
    allowedHours: hours === undefined ? base.allowedHours : [...base.allowedHours, hours],
    jitter: base.jitter,
  };
}

/** The hours of the platform, beside those of `path` in the file; undefined if it has none. */
export function platformHours(
  { allowedHours }: Pick<PlatformSchedule, "allowedHours">,
  { path, notes }: { path: string; notes: PlatformNotes },
): AllowedHours | undefined {
  if (allowedHours.length === 0) return undefined;
  const windows = allowedHours.flatMap(({ days, startMinute, endMinute }) => {
    const isTime = [...days, startMinute, endMinute].every(Number.isInteger) && startMinute >= 0 &&
      startMinute < 1440 && endMinute >= 0 && endMinute <= 1440 && startMinute !== endMinute &&
      days.every((day) => day >= 1 && day <= 7);
    if (!isTime) notes.refuse(`Cannot use a window of ${path}.allowedHours as it is not a time of the week`);
    const all = days.length === 0 ? [1, 2, 3, 4, 5, 6, 7] : [...new Set(days)];
    return isTime ? all.flatMap((day) => windowsOf(day, startMinute, endMinute)) : [];
  }).sort(byTime);
  notes.set(`${path}.platformHours`, formatWindows(windows));
  return { timeZone: null, windows };
}

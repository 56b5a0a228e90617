/** The scheduler's events: each function applies one event to the state. */
import { answeredPresence, missedPresence, type Presence, type PresenceState, searchedPresence } from "./presence.ts";
import {
  type Moment,
  orderOf,
  quietFactor,
  type ScheduledSite,
  type ScheduleState,
  setDevice,
} from "./schedule_state.ts";

/** Milliseconds between two status reads of a device in this state. */
export function statusIntervalMs(site: ScheduledSite, state: PresenceState): number {
  return site.schedule.statusEveryMs * (state === "awake" ? 1 : quietFactor);
}

/**
 * A device of the inventory, at the start: reads that became due while the agent was down are spread over an interval.
 */
export function deviceKnown(
  state: ScheduleState,
  device: { deviceId: string; site: ScheduledSite; asleep: boolean; seenAt: Date },
  options: { now: Moment; random: () => number },
): void {
  const { now, random } = options;
  const { statusEveryMs, metersEveryMs } = device.site.schedule;
  // A time in the future means that the clock was wrong then or is wrong now.
  const agoMs = Math.max(0, now.wallMs - device.seenAt.getTime());
  setDevice(state, device.deviceId, {
    site: device.site.name,
    presence: answeredPresence(now.monotonicMs - agoMs, { asleep: device.asleep }),
    statusDueMs: now.monotonicMs + random() * statusEveryMs,
    metersDueMs: now.monotonicMs + Math.max(metersEveryMs - agoMs, random() * statusEveryMs),
    busyUntilMs: 0,
  });
}

/** A device answered any request, at any address. Adds the device if it is unknown. */
export function deviceAnswered(
  state: ScheduleState,
  answer: { deviceId: string; site: ScheduledSite; asleep: boolean; scope: "full" | "status" },
  options: { now: Moment; random: () => number },
): void {
  const { now, random } = options;
  const { site, asleep } = answer;
  const before = state.devices.get(answer.deviceId);
  const presence = answeredPresence(now.monotonicMs, { asleep });
  const jittered = (ms: number) => jitteredMs(ms, site.schedule.jitter, random);
  const nextMeters = now.monotonicMs + jittered(site.schedule.metersEveryMs);
  setDevice(state, answer.deviceId, {
    site: site.name,
    presence,
    statusDueMs: now.monotonicMs + jittered(statusIntervalMs(site, presence.state)),
    // A status read that found an unknown device did not ask for its meters.
    metersDueMs: answer.scope === "full" ? nextMeters : before?.metersDueMs ?? now.monotonicMs,
    busyUntilMs: 0,
  });
}

/** A read of a device at its address was not answered. Returns whether it became unreachable by that. */
export function deviceSilent(
  state: ScheduleState,
  silent: { deviceId: string; site: ScheduledSite },
  { now, random }: { now: Moment; random: () => number },
): boolean {
  const before = state.devices.get(silent.deviceId);
  if (before === undefined) return false;
  const nowMs = now.monotonicMs;
  const intervalMs = statusIntervalMs(silent.site, before.presence.state);
  const presence = missedPresence(before.presence, { nowMs, intervalMs });
  const nextMs = nowMs + jitteredMs(statusIntervalMs(silent.site, presence.state), silent.site.schedule.jitter, random);
  setDevice(state, silent.deviceId, {
    ...before,
    presence,
    statusDueMs: nextMs,
    // The meters stay due, but a silent device is asked for them no more often than for its status.
    metersDueMs: Math.max(before.metersDueMs, nextMs),
    busyUntilMs: 0,
  });
  return becameUnreachable(before.presence, presence);
}

/**
 * A sweep or search of a whole site ended: devices with misses that did not answer were not found. Returns the devices
 * that became unreachable. A device that answered after `begunMs` is left as it is: a sweep may take several days, and
 * the device's present address may have been asked before it moved there.
 */
export function siteSearched(state: ScheduleState, site: ScheduledSite, begunMs = Infinity): string[] {
  const unreachable: string[] = [];
  for (const deviceId of [...orderOf(state, site.name).silent]) {
    const device = state.devices.get(deviceId)!;
    if (device.presence.lastAnswerMs > begunMs) continue;
    const intervalMs = statusIntervalMs(site, device.presence.state);
    const presence = searchedPresence(device.presence, { intervalMs });
    setDevice(state, deviceId, { ...device, presence });
    if (becameUnreachable(device.presence, presence)) unreachable.push(deviceId);
  }
  const before = state.sites.get(site.name);
  if (before !== undefined) state.sites.set(site.name, { ...before, busyUntilMs: 0 });
  return unreachable;
}

/**
 * Interrupted reads are due again at their former times, so that the longest waiting comes first; answers since then
 * count.
 */
export function readsInterrupted(state: ScheduleState, deviceIds: readonly string[]): void {
  for (const deviceId of deviceIds) {
    const device = state.devices.get(deviceId);
    if (device?.wasDueMs === undefined || device.busyUntilMs === 0) continue;
    setDevice(state, deviceId, { ...device, statusDueMs: device.wasDueMs, busyUntilMs: 0 });
  }
}

/**
 * An interrupted sweep or search is due again at its former time, so that it starts as soon as the allowed hours begin.
 */
export function passInterrupted(state: ScheduleState, site: string, type: "sweep" | "search"): void {
  const before = state.sites.get(site);
  if (before?.wasDueMs === undefined) return;
  const due = type === "sweep" ? { sweepDueMs: before.wasDueMs } : { searchDueMs: before.wasDueMs };
  state.sites.set(site, { ...before, ...due, busyUntilMs: 0 });
}

/** A failed sweep or search is due again at `dueMs`: an immediate retry would fail again. */
export function passPostponed(
  state: ScheduleState,
  { site, type }: { site: string; type: "sweep" | "search" },
  dueMs: number,
): void {
  const before = state.sites.get(site);
  if (before === undefined) return;
  const due = type === "sweep" ? { sweepDueMs: dueMs } : { searchDueMs: dueMs };
  state.sites.set(site, { ...before, ...due, busyUntilMs: 0 });
}

/** Reads of devices that could not be asked are due again at `dueMs`. */
export function readsPostponed(state: ScheduleState, deviceIds: readonly string[], dueMs: number): void {
  for (const deviceId of deviceIds) {
    const device = state.devices.get(deviceId);
    if (device === undefined) continue;
    const metersDueMs = Math.max(device.metersDueMs, dueMs);
    setDevice(state, deviceId, { ...device, statusDueMs: dueMs, metersDueMs, busyUntilMs: 0 });
  }
}

/** The next sweep is due one interval after the start of the first part of a resumed one. */
export function sweptSince(state: ScheduleState, { name, schedule }: ScheduledSite, begunMs: number): void {
  const before = state.sites.get(name);
  if (before === undefined) return;
  const latestMs = begunMs + schedule.fullSweepEveryMs * (1 + schedule.jitter);
  state.sites.set(name, { ...before, sweepDueMs: Math.min(before.sweepDueMs, latestMs) });
}

/** Moves due times to at most one interval from now, so that a shorter interval takes effect at once. */
export function intervalsChanged(
  state: ScheduleState,
  sites: ReadonlyMap<string, ScheduledSite>,
  { monotonicMs }: Moment,
): void {
  const latest = (dueMs: number, everyMs: number) => Math.min(dueMs, monotonicMs + everyMs);
  for (const [name, site] of state.sites) {
    const schedule = sites.get(name)?.schedule;
    if (schedule === undefined) continue;
    state.sites.set(name, { ...site, sweepDueMs: latest(site.sweepDueMs, schedule.fullSweepEveryMs) });
  }
  for (const [id, device] of state.devices) {
    const schedule = sites.get(device.site)?.schedule;
    if (schedule === undefined) continue;
    setDevice(state, id, {
      ...device,
      metersDueMs: latest(device.metersDueMs, schedule.metersEveryMs),
      // The longer interval of sleeping devices; the next answer sets the correct one.
      statusDueMs: latest(device.statusDueMs, schedule.statusEveryMs * quietFactor),
    });
  }
}

function becameUnreachable(before: Presence, after: Presence): boolean {
  return before.state !== "unreachable" && after.state === "unreachable";
}

/** The interval plus or minus a random share of at most `jitter`. */
export function jitteredMs(ms: number, jitter: number, random: () => number): number {
  return ms * (1 + jitter * (2 * random() - 1));
}

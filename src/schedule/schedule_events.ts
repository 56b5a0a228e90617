/** What happened, as the scheduler learns it: each function puts one event into the state. */
import { answeredPresence, missedPresence, type Presence, type PresenceState, searchedPresence } from "./presence.ts";
import {
  type Moment,
  orderOf,
  quietFactor,
  type ScheduledSite,
  type ScheduleState,
  setDevice,
} from "./schedule_state.ts";

/** How long to the next status read of a device in this state. */
export function statusIntervalMs(site: ScheduledSite, state: PresenceState): number {
  return site.schedule.statusEveryMs * (state === "awake" ? 1 : quietFactor);
}

/** A device of the inventory, at the start: what was due while the agent was not there is spread over an interval. */
export function deviceKnown(
  state: ScheduleState,
  device: { deviceId: string; site: ScheduledSite; asleep: boolean; seenAt: Date },
  options: { now: Moment; random: () => number },
): void {
  const { now, random } = options;
  const { statusEveryMs, metersEveryMs } = device.site.schedule;
  // A time of the inventory that lies in the future is of a clock that was wrong then or is wrong now.
  const agoMs = Math.max(0, now.wallMs - device.seenAt.getTime());
  setDevice(state, device.deviceId, {
    site: device.site.name,
    presence: answeredPresence(now.monotonicMs - agoMs, { asleep: device.asleep }),
    statusDueMs: now.monotonicMs + random() * statusEveryMs,
    metersDueMs: now.monotonicMs + Math.max(metersEveryMs - agoMs, random() * statusEveryMs),
    busyUntilMs: 0,
  });
}

/** A device answered, at whatever address and to whatever request. Unknown devices become known by it. */
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
    // A status read that met an unknown device has not asked for its meters.
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
    // It stays due, but not at once: a silent device is asked no more often for its meters than for its status.
    metersDueMs: Math.max(before.metersDueMs, nextMs),
    busyUntilMs: 0,
  });
  return becameUnreachable(before.presence, presence);
}

/**
 * A sweep or search of a whole site ended: devices with misses that did not answer are not there. Returns the devices that
 * became unreachable by that. Of one that answered since the sweep began nothing is known: where it is now may have been
 * asked before, as a sweep may go over several days.
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

/** Reads that were cut off are due again as they were, so that who waits longest comes first; answers since then count. */
export function readsInterrupted(state: ScheduleState, deviceIds: readonly string[]): void {
  for (const deviceId of deviceIds) {
    const device = state.devices.get(deviceId);
    if (device?.wasDueMs === undefined || device.busyUntilMs === 0) continue;
    setDevice(state, deviceId, { ...device, statusDueMs: device.wasDueMs, busyUntilMs: 0 });
  }
}

/** A sweep or search that was cut off is due again as it was, and so at the first moment of the allowed hours. */
export function passInterrupted(state: ScheduleState, site: string, type: "sweep" | "search"): void {
  const before = state.sites.get(site);
  if (before?.wasDueMs === undefined) return;
  const due = type === "sweep" ? { sweepDueMs: before.wasDueMs } : { searchDueMs: before.wasDueMs };
  state.sites.set(site, { ...before, ...due, busyUntilMs: 0 });
}

/** What failed is due again at `dueMs`: at once it would fail again. */
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

/** Devices that could not be asked at all are due again at `dueMs`. */
export function readsPostponed(state: ScheduleState, deviceIds: readonly string[], dueMs: number): void {
  for (const deviceId of deviceIds) {
    const device = state.devices.get(deviceId);
    if (device === undefined) continue;
    const metersDueMs = Math.max(device.metersDueMs, dueMs);
    setDevice(state, deviceId, { ...device, statusDueMs: dueMs, metersDueMs, busyUntilMs: 0 });
  }
}

/** A sweep that was made in several parts counts from its first one. */
export function sweptSince(state: ScheduleState, { name, schedule }: ScheduledSite, begunMs: number): void {
  const before = state.sites.get(name);
  if (before === undefined) return;
  const latestMs = begunMs + schedule.fullSweepEveryMs * (1 + schedule.jitter);
  state.sites.set(name, { ...before, sweepDueMs: Math.min(before.sweepDueMs, latestMs) });
}

/** Nothing is due later than a whole interval from now: an interval that became shorter counts at once. */
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
      // A device that sleeps is asked less often, and the next answer puts that right.
      statusDueMs: latest(device.statusDueMs, schedule.statusEveryMs * quietFactor),
    });
  }
}

function becameUnreachable(before: Presence, after: Presence): boolean {
  return before.state !== "unreachable" && after.state === "unreachable";
}

/** An interval moved by at most `jitter` of itself to either side. */
export function jitteredMs(ms: number, jitter: number, random: () => number): number {
  return ms * (1 + jitter * (2 * random() - 1));
}

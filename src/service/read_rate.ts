/**
 * How fast the service reads the devices of a pass. Nobody waits for it, and hundreds of requests within one second are
 * what a network notices: they are spread, and only a large fleet is read faster, so that a pass ends in its time.
 */
import { assumedPacketsPerRead } from "../schedule/schedule_state.ts";

/** Requests per second, however few devices there are: a pass over 50 printers takes ten seconds. */
const quietRate = 40;
/** Burst that a pass may send before the rate applies. */
export const readBurst = 20;
/** Time in which all devices of a pass are read: known devices at most once a minute, a sweep once a day. */
const passSeconds = { read: 30, task: 60, sweep: 600 } as const;

/** Share of the remaining allowed hours, so that the last device is read before they end. */
const shareOfHours = 0.8;

/**
 * Requests per second at which `devices` are read; 0 is unlimited, as it is for a site without a rate. `leftMs` is what is
 * left of the allowed hours: what does not end within them would have to wait for the next ones.
 */
export function readRateFor(
  pass: { kind: keyof typeof passSeconds; devices: number; packetsPerSecond: number; leftMs?: number },
): number {
  const { kind, devices, packetsPerSecond, leftMs = Infinity } = pass;
  if (packetsPerSecond === 0) return 0;
  // The number of devices that a sweep finds is not known before, and a short window leaves no time for a low rate.
  if (kind === "sweep" && leftMs < passSeconds.sweep * 1000) return packetsPerSecond;
  const seconds = Math.max(1, Math.min(passSeconds[kind], shareOfHours * leftMs / 1000));
  const wanted = devices * assumedPacketsPerRead / seconds;
  return Math.min(packetsPerSecond, Math.max(quietRate, wanted));
}

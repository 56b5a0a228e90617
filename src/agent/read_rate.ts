/**
 * How fast the service reads the devices of a pass. Nobody waits for it, and hundreds of requests within one second are
 * what a network notices: they are spread, and only a large fleet is read faster, so that a pass ends in its time.
 */
import { assumedPacketsPerRead } from "../schedule/schedule_state.ts";

/** Requests per second, however few devices there are: a pass over 50 printers takes ten seconds. */
const quietRate = 40;
/** What a pass may send at once before that. */
export const readBurst = 20;
/** Within so long all devices of a pass are read; known ones are read once a minute at most, a sweep is made once a day. */
const passSeconds = { read: 30, task: 60, sweep: 600 } as const;

/** Requests per second at which `devices` are read; 0 is unlimited, as it is for a site without a rate. */
export function readRateFor(
  pass: { kind: keyof typeof passSeconds; devices: number; packetsPerSecond: number },
): number {
  const { kind, devices, packetsPerSecond } = pass;
  if (packetsPerSecond === 0) return 0;
  const wanted = devices * assumedPacketsPerRead / passSeconds[kind];
  return Math.min(packetsPerSecond, Math.max(quietRate, wanted));
}

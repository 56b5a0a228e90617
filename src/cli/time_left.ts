/** Estimates the remaining time of a scan: for addresses not yet asked, and devices not yet read. */
export interface ScanPace {
  elapsedMs: number;
  addresses: number;
  /** Addresses that were sent their first probe. */
  probed: number;
  /** Found devices without a result. */
  waiting: number;
  /** Devices that have a result. */
  finished: number;
}

export interface TimeLeft {
  /** Time of the estimate since the start of the scan. */
  elapsedMs: number;
  leftMs: number;
}

/** Time constant of the smoothing: after it a new estimate has two thirds of the weight. */
const settleMs = 3_000;

/**
 * The estimate, smoothed with the one before: it is at most doubled or halved at once. Undefined if nothing is left or
 * the pace is not known yet.
 */
export function estimateTimeLeft(pace: ScanPace, before: TimeLeft | undefined): TimeLeft | undefined {
  const { elapsedMs } = pace;
  const rawMs = maybeRawMs(pace);
  if (rawMs === undefined) return undefined;
  if (before === undefined) return { elapsedMs, leftMs: rawMs };
  const passedMs = Math.max(0, elapsedMs - before.elapsedMs);
  const expectedMs = Math.max(1_000, before.leftMs - passedMs);
  const smoothMs = expectedMs + (rawMs - expectedMs) * (1 - Math.exp(-passedMs / settleMs));
  return { elapsedMs, leftMs: Math.min(expectedMs * 2, Math.max(expectedMs / 2, smoothMs)) };
}

/** Sweep and reads run at the same time, so the longer one decides. Assumes the same density of devices in the rest. */
function maybeRawMs({ elapsedMs, addresses, probed, waiting, finished }: ScanPace): number | undefined {
  if (!(elapsedMs > 0) || !(probed > 0)) return undefined;
  const sweepMs = Math.max(0, addresses - probed) * elapsedMs / probed;
  const expected = (waiting + finished) * Math.max(1, addresses / probed);
  const unread = Math.max(0, expected - finished);
  // Before the first result the time for a device is unknown.
  const readMs = finished > 0 ? unread * elapsedMs / finished : 0;
  const leftMs = Math.max(sweepMs, readMs);
  return leftMs > 0 && Number.isFinite(leftMs) ? leftMs : undefined;
}

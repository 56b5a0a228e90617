/** How long a scan still takes: for the addresses that were not asked, and for the devices that were not read. */
export interface ScanPace {
  elapsedMs: number;
  addresses: number;
  /** Addresses that were sent their first probe. */
  probed: number;
  /** Devices that were found and have no result so far. */
  waiting: number;
  /** Devices that have a result. */
  finished: number;
}

export interface TimeLeft {
  /** When it was estimated. */
  elapsedMs: number;
  leftMs: number;
}

/** A new estimate has come through to two thirds after this time. */
const settleMs = 3_000;

/**
 * The estimate, led on from the one before it: it is at most doubled or halved at once. Undefined where nothing is left, or no
 * pace is known yet.
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

/** Sweep and reads go side by side, so the longer one decides. As many devices are expected in the rest as in the part so far. */
function maybeRawMs({ elapsedMs, addresses, probed, waiting, finished }: ScanPace): number | undefined {
  if (!(elapsedMs > 0) || !(probed > 0)) return undefined;
  const sweepMs = Math.max(0, addresses - probed) * elapsedMs / probed;
  const expected = (waiting + finished) * Math.max(1, addresses / probed);
  const unread = Math.max(0, expected - finished);
  // Before the first result nobody knows how long a device takes.
  const readMs = finished > 0 ? unread * elapsedMs / finished : 0;
  const leftMs = Math.max(sweepMs, readMs);
  return leftMs > 0 && Number.isFinite(leftMs) ? leftMs : undefined;
}

/**
 * How long to wait for an answer, learned from the answers: RFC 6298 with its smoothed round trip and variation. A slow
 * link or a peer that we ourselves keep busy gets more time instead of the same question again.
 */
export interface RoundTrip {
  /** Records an answer, `ms` milliseconds after the request was first sent. */
  observe(ms: number): void;
  /** Milliseconds after which an answer is late; between the limits of the estimate. */
  timeoutMs(): number;
  /** Smoothed round trip in milliseconds; 0 before the first answer. */
  smoothedMs(): number;
  /** As `timeoutMs`, but from observations only; undefined before the first answer. */
  learnedMs(): number | undefined;
}

/** An estimate whose timeout stays between `minMs` and `maxMs`. */
export function createRoundTrip(limits: { minMs: number; maxMs: number }): RoundTrip {
  let smoothed: number | undefined;
  let variation = 0;
  const learnedMs = () => smoothed === undefined ? undefined : smoothed + 4 * variation;
  return {
    observe(ms) {
      if (smoothed === undefined) {
        smoothed = ms;
        variation = ms / 2;
        return;
      }
      variation += (Math.abs(smoothed - ms) - variation) / 4;
      smoothed += (ms - smoothed) / 8;
    },
    timeoutMs: () => Math.min(limits.maxMs, Math.max(limits.minMs, learnedMs() ?? 0)),
    smoothedMs: () => smoothed ?? 0,
    learnedMs,
  };
}

/** How long to wait for the answers of one device: RFC 6298 with its backoff. */
export interface AnswerWait {
  /** Records an answer after `ms` milliseconds. */
  observe(ms: number): void;
  /** Milliseconds to wait for the next answer, after `unanswered` datagrams without one. */
  waitMs(unanswered: number): number;
}

export interface AnswerWaitLimits {
  /** Shortest wait: devices do not answer all questions equally fast. */
  floorMs: number;
  /** Wait before the first answer. */
  firstMs: number;
  /**
   * Upper limit for doubling, unless the device's own answers take longer; before the first answer waits double only
   * once.
   */
  patientMs: number;
  maxMs: number;
}

/** An estimate for one device. Waits double while nothing is answered, and begin again with each answer. */
export function createAnswerWait(limits: AnswerWaitLimits): AnswerWait {
  const { floorMs, firstMs, patientMs, maxMs } = limits;
  const measured = createRoundTrip({ minMs: floorMs, maxMs });
  let isKnown = false;
  return {
    observe(ms) {
      isKnown = true;
      measured.observe(ms);
    },
    waitMs(unanswered) {
      const first = isKnown ? measured.timeoutMs() : Math.min(maxMs, firstMs);
      // Loss is not congestion here: beyond this limit, doubling would only slow the reading down.
      const most = isKnown ? Math.max(first, patientMs) : 2 * first;
      return Math.min(maxMs, most, first * 2 ** Math.min(unanswered, 16));
    },
  };
}

/**
 * How long to wait for an answer, learned from the answers: RFC 6298 with its smoothed round trip and variation. A slow link
 * or a peer that we ourselves keep busy gets more time instead of the same question again.
 */
export interface RoundTrip {
  /** Takes note of an answer after so many milliseconds since the question was first sent. */
  observe(ms: number): void;
  /** Milliseconds after which an answer is late; between the limits of the estimate. */
  timeoutMs(): number;
  /** Smoothed round trip in milliseconds; 0 before the first answer. */
  smoothedMs(): number;
  /** Milliseconds after which an answer is late by what was observed alone; undefined before the first answer. */
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

/** How long the datagrams of one device wait for their answers: RFC 6298 with its backoff. */
export interface AnswerWait {
  /** Takes note of an answer after so many milliseconds. */
  observe(ms: number): void;
  /** Milliseconds to wait for the answer to a datagram, after so many that had none. */
  waitMs(unanswered: number): number;
}

export interface AnswerWaitLimits {
  /** Shortest wait: devices do not answer all questions equally fast. */
  floorMs: number;
  /** Wait before the first answer. */
  firstMs: number;
  /** Waits do not double beyond this, or beyond what the device's own answers take; before the first they do once. */
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
      // A lossy network is not a congested one: beyond some waiting, doubling only makes the reading slow.
      const most = isKnown ? Math.max(first, patientMs) : 2 * first;
      return Math.min(maxMs, most, first * 2 ** Math.min(unanswered, 16));
    },
  };
}

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
}

/** An estimate whose timeout stays between `minMs` and `maxMs`. */
export function createRoundTrip(limits: { minMs: number; maxMs: number }): RoundTrip {
  let smoothed: number | undefined;
  let variation = 0;
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
    timeoutMs() {
      const wanted = smoothed === undefined ? 0 : smoothed + 4 * variation;
      return Math.min(limits.maxMs, Math.max(limits.minMs, wanted));
    },
    smoothedMs: () => smoothed ?? 0,
  };
}

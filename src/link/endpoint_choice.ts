/** Selects the endpoint to try first: the working one, and after a while the first of the list again. */
export interface EndpointChoice {
  /** Indices of the endpoints in the order in which a call tries them. */
  order(nowMs: number): number[];
  succeeded(index: number): void;
  failed(index: number, nowMs: number): void;
}

/** `returnAfterMs`: how long a working endpoint is preferred to the first one. */
export function chooseEndpoints(count: number, returnAfterMs: number): EndpointChoice {
  let current = 0;
  let leftFirstAtMs = 0;
  return {
    order(nowMs) {
      if (current !== 0 && nowMs - leftFirstAtMs >= returnAfterMs) {
        // If the first one still fails, the next try of it is after the same time.
        current = 0;
      }
      return Array.from({ length: count }, (_, step) => (current + step) % count);
    },
    succeeded(index) {
      current = index;
    },
    failed(index, nowMs) {
      if (index !== current) return;
      if (index === 0) leftFirstAtMs = nowMs;
      current = (current + 1) % count;
    },
  };
}

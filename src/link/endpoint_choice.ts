/** Which of several endpoints is asked first: the one that works, and the first of the list again after a while. */
export interface EndpointChoice {
  /** Indices of the endpoints in the order in which a call tries them. */
  order(nowMs: number): number[];
  succeeded(index: number): void;
  failed(index: number, nowMs: number): void;
}

/** `returnAfterMs`: how long another endpoint than the first is kept while it works. */
export function chooseEndpoints(count: number, returnAfterMs: number): EndpointChoice {
  let current = 0;
  let leftFirstAtMs = 0;
  return {
    order(nowMs) {
      if (current !== 0 && nowMs - leftFirstAtMs >= returnAfterMs) {
        // A first one that still fails is left again at once, and asked again only after the same while.
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

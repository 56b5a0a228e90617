export interface RateLimit {
  /** 0 if the call may proceed, otherwise milliseconds to wait. */
  waitMs(key: string): number;
}

export interface RateLimitOptions {
  /** Calls of one key that are allowed at once. */
  burst: number;
  perMinute: number;
  monotonicMs(): number;
}

const mostKeys = 10_000;

/** A token bucket for each key. Full buckets are dropped, and beyond 10,000 the longest unused ones. */
export function rateLimit({ burst, perMinute, monotonicMs }: RateLimitOptions): RateLimit {
  const buckets = new Map<string, { tokens: number; atMs: number }>();
  const perMs = perMinute / 60_000;
  const fullAfterMs = burst / perMs;

  return {
    waitMs(key) {
      const nowMs = monotonicMs();
      const bucket = buckets.get(key) ?? { tokens: burst, atMs: nowMs };
      const tokens = Math.min(burst, bucket.tokens + (nowMs - bucket.atMs) * perMs);
      buckets.delete(key);
      const isAllowed = tokens >= 1;
      // Insertion order is the order of use: the first ones have been unused longest.
      buckets.set(key, { tokens: isAllowed ? tokens - 1 : tokens, atMs: nowMs });
      for (const [oldKey, { atMs }] of buckets) {
        if (buckets.size <= mostKeys && nowMs - atMs < fullAfterMs) break;
        buckets.delete(oldKey);
      }
      return isAllowed ? 0 : Math.ceil((1 - tokens) / perMs);
    },
  };
}

/** Wrappers around a send: each does one thing, and `uplink.ts` stacks them. */
import type { Clock } from "../../common/core/clock.ts";
import { messageOf, UnavailableError } from "../../common/core/errors.ts";

export type Send<Q, A> = (request: Q, signal: AbortSignal) => Promise<A>;

export interface RetryOptions {
  clock: Pick<Clock, "sleep">;
  /** Wait before the try after the `attempt`th, from 1. */
  backoffMs(attempt: number): number;
  onFailure?(error: UnavailableError, waitMs: number): void;
}

/** Tries again, for as long as it takes, what is worth it; anything else is thrown at once, as a bug must not loop. */
export function withRetry<Q, A>(next: Send<Q, A>, { clock, backoffMs, onFailure }: RetryOptions): Send<Q, A> {
  return async (request, signal) => {
    for (let attempt = 1;; attempt++) {
      try {
        return await next(request, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof UnavailableError)) throw error;
        const waitMs = Math.max(backoffMs(attempt), error.retryAfterMs);
        onFailure?.(error, waitMs);
        await clock.sleep(waitMs, signal);
      }
    }
  };
}

/** Ends a send that takes longer, by its signal, with `UnavailableError`. */
export function withTimeout<Q, A>(
  next: Send<Q, A>,
  { clock, timeoutMs }: { clock: Pick<Clock, "sleep">; timeoutMs: number },
): Send<Q, A> {
  return async (request, signal) => {
    const end = new AbortController();
    const late = new UnavailableError(
      `Cannot finish the call within ${timeoutMs} ms`,
      "the agent retries",
    );
    const timer = clock.sleep(timeoutMs, AbortSignal.any([end.signal, signal])).then(
      () => {
        throw late;
      },
      // Over before its time, or stopped from outside: the send itself says which.
      () => new Promise<never>(() => {}),
    );
    const stop = new AbortController();
    try {
      return await Promise.race([next(request, AbortSignal.any([stop.signal, signal])), timer]);
    } finally {
      stop.abort(late);
      end.abort(new Error(messageOf(late)));
    }
  };
}

/** Doubles from `firstMs` to `maxMs`, with "equal jitter": between half of it and all of it. `random` gives 0 to 1. */
export function jitteredBackoff(
  { firstMs, maxMs, random }: { firstMs: number; maxMs: number; random: () => number },
): (attempt: number) => number {
  return (attempt) => {
    const ceiling = Math.min(maxMs, firstMs * 2 ** Math.min(attempt - 1, 30));
    return Math.round(ceiling * (0.5 + random() / 2));
  };
}

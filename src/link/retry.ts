/** Wrappers around a send function, each for one purpose; `uplink.ts` combines them. */
import type { Clock } from "../../common/core/clock.ts";
import { messageOf, UnavailableError } from "../../common/core/errors.ts";

export type Send<Q, A> = (request: Q, signal: AbortSignal) => Promise<A>;

export interface RetryOptions {
  clock: Pick<Clock, "sleep">;
  /** Wait after attempt number `attempt`, counted from 1. */
  backoffMs(attempt: number): number;
  onFailure?(error: UnavailableError, waitMs: number): void;
}

/** Retries temporary failures without limit; other errors are thrown at once, as a bug must not loop. */
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

/** Aborts a send that takes too long by its signal; throws `UnavailableError`. */
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
      // The sleep was aborted: the send itself has ended or was stopped from outside.
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

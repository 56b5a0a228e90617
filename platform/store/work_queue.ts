/** Loops over what is in the store: look at it again and again, or work off a queue: look, take, work, look again. */
import { messageOf } from "../../common/core/errors.ts";
import type { Store } from "./store.ts";

export interface WorkQueue<T> {
  /** Things that are worked on at a time. */
  most: number;
  /** Looks are made after each thing that is done, when the channel is told, and after this time. */
  channel: string;
  lookMs: number;
  /** One that is due, and is nobody else's from now on. */
  take(): Promise<T | undefined>;
  /** Ends early when the signal is aborted. */
  work(taken: T, signal: AbortSignal): Promise<void>;
  /** After a look; what needs no hurry. */
  afterLook?(): Promise<void>;
}

type Log = (event: string, fields: Record<string, string>) => void;

export interface Looks {
  /** One at a time. Ends early when the signal is aborted. */
  look(signal: AbortSignal): Promise<unknown>;
  /** From the end of a look to the next one; Infinity: only when it is asked for. */
  lookMs: number;
  /** Until the first look. */
  firstMs?: number;
  /** A look is made when it is told as well, which is so long after it: what comes in bursts is looked at together. */
  channel?: string;
  gatherMs?: number;
}

/**
 * Looks until disposed of, which aborts the signal and waits for the look under way. What a look throws is logged, and the
 * next look finds the same. What is asked for while it looks is looked for again, as it may not have seen it.
 */
export function startLooking(
  { store, log }: { store: Pick<Store, "listen">; log: Log },
  { look, lookMs, firstMs = 0, channel, gatherMs = 0 }: Looks,
): AsyncDisposable & { ask(): void } {
  const stop = new AbortController();
  let looking: Promise<void> | undefined, isAsked = false;
  let timer: ReturnType<typeof setTimeout> | undefined, soon: ReturnType<typeof setTimeout> | undefined;

  async function lookWhileAsked(): Promise<void> {
    do {
      isAsked = false;
      await look(stop.signal);
    } while (isAsked && !stop.signal.aborted);
  }

  function ask(): void {
    if (stop.signal.aborted) return;
    isAsked = true;
    clearTimeout(timer);
    looking ??= lookWhileAsked().catch((error) => {
      if (!stop.signal.aborted) log("storeBusy", { message: messageOf(error) });
    }).finally(() => {
      looking = undefined;
      lookAfter(lookMs);
    });
  }

  function lookAfter(ms: number): void {
    if (!stop.signal.aborted && ms !== Infinity) timer = setTimeout(ask, ms);
  }

  const stopListening = channel === undefined ? undefined : store.listen(channel, () => {
    if (gatherMs === 0) return ask();
    soon ??= setTimeout(() => {
      soon = undefined;
      ask();
    }, gatherMs);
  });
  if (firstMs === 0) ask();
  else lookAfter(firstMs);
  return {
    ask,
    async [Symbol.asyncDispose]() {
      stop.abort();
      clearTimeout(timer);
      clearTimeout(soon);
      stopListening?.();
      await looking;
    },
  };
}

/** Until disposed of, which aborts the signal and waits for what is under way. */
export function startQueue<T>(
  platform: { store: Pick<Store, "listen">; log: Log },
  { most, channel, lookMs, take, work, afterLook }: WorkQueue<T>,
): AsyncDisposable {
  const working = new Set<Promise<void>>();

  function start(taken: T, signal: AbortSignal): void {
    const done = work(taken, signal).catch((error) => platform.log("storeBusy", { message: messageOf(error) }))
      .finally(() => {
        working.delete(done);
        looks.ask();
      });
    working.add(done);
  }

  const looks = startLooking(platform, {
    async look(signal) {
      while (!signal.aborted && working.size < most) {
        const taken = await take();
        if (taken === undefined) break;
        start(taken, signal);
      }
      if (!signal.aborted) await afterLook?.();
    },
    lookMs,
    channel,
  });
  return {
    async [Symbol.asyncDispose]() {
      await looks[Symbol.asyncDispose]();
      await Promise.all(working);
    },
  };
}

/** The loop that works off a queue in the store: look, take, work, look again. */
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

/**
 * Until disposed of, which aborts the signal and waits for what is under way. What the store throws is logged, and the
 * next look goes on.
 */
export function startQueue<T>(
  { store, log }: { store: Pick<Store, "listen">; log(event: string, fields: Record<string, string>): void },
  { most, channel, lookMs, take, work, afterLook }: WorkQueue<T>,
): AsyncDisposable {
  const stop = new AbortController(), working = new Set<Promise<void>>();
  const failed = (error: unknown) => log("storeBusy", { message: messageOf(error) });
  let looking: Promise<void> | undefined, isAsked = false;

  function start(taken: T): void {
    const done = work(taken, stop.signal).catch(failed).finally(() => {
      working.delete(done);
      look();
    });
    working.add(done);
  }

  async function takeAll(): Promise<void> {
    do {
      isAsked = false;
      while (!stop.signal.aborted && working.size < most) {
        const taken = await take();
        if (taken === undefined) break;
        start(taken);
      }
      // What was asked for while it looked may be something that it did not see.
    } while (isAsked && !stop.signal.aborted && working.size < most);
    if (!stop.signal.aborted) await afterLook?.();
  }

  function look(): void {
    if (stop.signal.aborted) return;
    isAsked = true;
    looking ??= takeAll().catch(failed).finally(() => {
      looking = undefined;
    });
  }

  const stopListening = store.listen(channel, look);
  const timer = setInterval(look, lookMs);
  look();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      clearInterval(timer);
      stopListening();
      await looking;
      await Promise.all(working);
    },
  };
}

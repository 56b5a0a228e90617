import type { Clock } from "../core/clock.ts";

export interface RetransmitOptions {
  /** Sends the datagram; called with 0 for the first time. Rejects when the system refuses to send it. */
  send: (sentBefore: number) => Promise<void>;
  /** Datagrams in all. */
  tries: number;
  /** How long the datagram that has just been sent may wait for its answer. */
  waitMs: () => number;
  /** Waited for before each datagram. */
  pace: () => Promise<void> | undefined;
  /** Aborted when nobody waits for an answer any more. */
  done: AbortSignal;
  clock: Clock;
}

/**
 * Sends a datagram, and again each time that its answer is late. Resolves with false when the last wait was in vain, and
 * with true once `done` is aborted. Rejects when the system refuses to send.
 */
export async function sendUntilDone(options: RetransmitOptions): Promise<boolean> {
  const { send, tries, waitMs, pace, done, clock } = options;
  for (let sent = 0; sent < tries; sent++) {
    await pace();
    if (done.aborted) return true;
    await send(sent);
    if (await isDoneWithin(waitMs(), done, clock)) return true;
  }
  return false;
}

async function isDoneWithin(ms: number, done: AbortSignal, clock: Clock): Promise<boolean> {
  try {
    await clock.sleep(ms, done);
    return done.aborted;
  } catch (error) {
    if (done.aborted) return true;
    throw error;
  }
}

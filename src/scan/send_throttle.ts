/**
 * Pauses in which answers are received. Sends complete at once, so a sweep without a rate would never let the event loop
 * poll its socket, and a receive buffer holds only about 250 answers: more of them wait unseen and are lost. A pause
 * after every probe would slow a sparse network down, so a burst is as long as the answers that it will cause allow, and
 * those that are still to be expected: to receive many of them may take long.
 */
import type { Clock } from "../../common/core/clock.ts";

/** Answers that a burst may cause, and that may be on their way: a quarter and half of what the smallest buffer holds. */
const answersPerBurst = 64, mostExpected = 128;
/** Answers arrive later than their probes, so the density is that of probes sent at least this long ago. */
const ageMs = 20;
/** Everybody is expected to answer until more silent ones than these say otherwise. */
const doubt = 16;

export interface SendThrottle {
  /** To be called before each probe; the pause to wait for, or undefined when there is none. */
  pause(): Promise<void> | undefined;
}

/** `answered` tells how many devices have answered so far. */
export function createSendThrottle(clock: Clock, answered: () => number): SendThrottle {
  let sent = 0, room = answersPerBurst;
  let resting: Promise<void> | undefined;
  let agedSent = 0;
  let sample = { sent, atMs: clock.monotonicMs() };

  /** Probes that may be sent before the next pause. */
  function measureRoom(): number {
    const now = clock.monotonicMs();
    if (now - sample.atMs >= ageMs) {
      agedSent = sample.sent;
      sample = { sent, atMs: now };
    }
    const density = Math.min(1, (answered() + doubt) / (agedSent + doubt));
    return Math.min(Math.floor(answersPerBurst / density), Math.floor((mostExpected + answered()) / density) - sent);
  }

  async function untilThereIsRoom(): Promise<void> {
    do {
      await clock.sleep(1);
      room = measureRoom();
    } while (room < 1);
    resting = undefined;
  }

  return {
    pause() {
      // Everybody who sends waits for the same pause.
      if (resting === undefined && room < 1) resting = untilThereIsRoom();
      if (resting !== undefined) return resting;
      room--;
      sent++;
      return undefined;
    },
  };
}

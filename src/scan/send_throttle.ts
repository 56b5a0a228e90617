/**
 * Pauses in which answers are received. Sends complete at once, so a sweep without a rate would never let the event
 * loop poll its socket, and a receive buffer holds only about 250 answers: more of them wait unseen and are lost. A
 * pause after every probe would slow a sparse network down, so a burst is as long as the answers that it will cause
 * allow.
 *
 * While sockets of devices that are being read always have a further answer, the runtime does not look at others, for
 * half a second and more. So they are held during a pause.
 */
import type { Clock } from "../../common/core/clock.ts";

/** Answers that may wait in the receive buffer; a quarter of what the smallest default holds. */
const answersPerBurst = 64;
/** Answers within a millisecond, above which more of them are waiting. */
const trickle = 4;
/** Answers arrive later than their probes, so the density is that of probes sent at least this long ago. */
const ageMs = 50;

export interface SendThrottle {
  /** Call it before each probe; returns the pause to wait for, or undefined if there is none. */
  pause(): Promise<void> | undefined;
  /** A pause now: resolves when the answers that have arrived have been received. */
  receive(): Promise<void>;
}

/**
 * `answered`: number of devices that answered so far. Only probes count: requests to devices that are being read would
 * make a dense network look like a sparse one. `hold` stops receiving from devices that are being read, until the
 * returned function is called.
 */
export function createSendThrottle(clock: Clock, answered: () => number, hold: () => () => void): SendThrottle {
  let sent = 0, burst = 0;
  let pause: Promise<void> | undefined;
  let aged = 0;
  let sample = { sent: 0, atMs: clock.monotonicMs() };

  function burstLimit(): number {
    const now = clock.monotonicMs();
    if (now - sample.atMs >= ageMs) {
      aged = sample.sent;
      sample = { sent, atMs: now };
    }
    return answersPerBurst * (aged + answersPerBurst) / (answered() + answersPerBurst);
  }

  async function untilReceived(): Promise<void> {
    const release = hold();
    let before: number;
    do {
      before = answered();
      await clock.sleep(1);
    } while (answered() - before > trickle);
    release();
  }

  /** All senders wait for the same pause. */
  function receive(): Promise<void> {
    burst = 0;
    return pause ??= untilReceived().then(() => {
      pause = undefined;
      limit = burstLimit();
    });
  }

  let limit = answersPerBurst;
  return {
    pause() {
      sent++;
      if (pause !== undefined) return pause;
      if (++burst < limit) return undefined;
      return receive();
    },
    receive,
  };
}

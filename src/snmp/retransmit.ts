import { type Clock, startTimer } from "../../common/core/clock.ts";

export interface RetransmitOptions {
  /** Sends the datagram; called with 0 for the first time. Rejects when the system refuses to send it. */
  send: (sentBefore: number) => Promise<void>;
  /** Total number of datagrams. */
  tries: number;
  /** How long to wait for the answer to the last datagram. */
  waitMs: () => number;
  /** Awaited before each datagram. */
  pace: () => Promise<void> | undefined;
  /** The last wait ended without an answer. */
  onSilence: () => void;
  /** The system refuses to send. */
  onRefused: (error: unknown) => void;
  clock: Clock;
}

/**
 * Sends a datagram, and again each time the answer is late, until the returned function is called: then nothing more is
 * sent, and no callback is called.
 */
export function startSending(options: RetransmitOptions): () => void {
  const { send, tries, waitMs, pace, onSilence, onRefused, clock } = options;
  let ended = false;
  let sent = 0;
  let stopTimer: (() => void) | undefined;

  function end(): void {
    ended = true;
    stopTimer?.();
  }

  function refuse(error: unknown): void {
    if (ended) return;
    end();
    onRefused(error);
  }

  function next(): void {
    if (ended) return;
    if (sent === tries) {
      end();
      return onSilence();
    }
    const paced = pace();
    if (paced === undefined) sendNow();
    else void paced.then(sendNow).catch(refuse);
  }

  function sendNow(): void {
    if (ended) return;
    void send(sent++).then(wait, refuse);
  }

  function wait(): void {
    if (!ended) stopTimer = startTimer(clock, waitMs(), next);
  }

  next();
  return end;
}

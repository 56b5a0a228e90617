/**
 * The sockets of a sweep, of one address family. The system holds what is sent to an address of its own link until it
 * knows who has it, for three seconds where nobody answers, and charges it to the socket meanwhile: after some 270 such
 * datagrams a socket takes no further one. So there is a further socket whenever all those that are open are full.
 */
import type { Datagram, DatagramPort } from "./datagram_hub.ts";

export interface ProbeLanes {
  /**
   * Resolves when the system has taken the datagrams, and with whether their octets may be used again: where a full socket
   * keeps a copy for later, they may not. Those that the system or the sandbox refuses are told one by one.
   */
  send(
    datagrams: readonly Datagram[],
    onRefused: (datagram: Datagram, error: unknown) => void,
  ): Promise<{ mayReuse: boolean }>;
}

export interface ProbeLanesOptions {
  first: DatagramPort;
  /** Opens a further socket, which receives as the first one does; undefined when there can be none. */
  open: () => DatagramPort | undefined;
  /** Long enough for the event loop to turn, which a socket with room needs at most. */
  pause?: () => Promise<void>;
}

/** Sockets for a sweep, the first included: enough for twice 1,022 silent addresses in each of two workers. */
export const maxLanes = 16;
/**
 * Datagrams that are sent one at a time after a socket was full: each of a burst that it has not taken is sent again
 * through another one, and is a repetition later.
 */
const singlesAfterFull = 1024;
/** Microtasks after which a send has ended that could be made at once. */
const promptTurns = 4;

export function createProbeLanes({ first, open, pause = fewMilliseconds }: ProbeLanesOptions): ProbeLanes {
  // Those that are full come back when they have room.
  const idle: DatagramPort[] = [first];
  let lanes = 1;
  let mayOpen = true;
  let someIdle = Promise.withResolvers<void>();
  let last: Promise<unknown> = Promise.resolve();
  /** Datagrams that are sent one at a time: the first, as a new socket is not ready at once. */
  let singles = 1;
  let isUsed = false;

  function release(lane: DatagramPort): void {
    idle.push(lane);
    someIdle.resolve();
    someIdle = Promise.withResolvers();
  }

  function maybeOpen(): DatagramPort | undefined {
    if (!mayOpen) return undefined;
    const lane = open();
    if (lane !== undefined) lanes++;
    mayOpen = lane !== undefined && lanes < maxLanes;
    return lane;
  }

  /** Starts a send; the returned state says later whether it has ended. */
  function start(lane: DatagramPort, { bytes, address, port }: Datagram): Sending {
    const sending: Sending = { ended: false, failure: undefined, end: undefined };
    sending.end = lane.send(bytes, address, port).then(() => {
      sending.ended = true;
    }, (error: unknown) => {
      sending.ended = true;
      sending.failure = { error };
    });
    return sending;
  }

  async function turnsUntil(isDone: () => boolean): Promise<boolean> {
    for (let turns = 0; !isDone() && turns < promptTurns; turns++) await undefined;
    return isDone();
  }

  async function sendNext(datagram: Datagram, onRefused: OnRefused): Promise<boolean> {
    for (let tries = 1;; tries++) {
      const lane = idle.pop() ?? maybeOpen();
      if (lane === undefined) {
        await someIdle.promise;
        continue;
      }
      const sending = start(lane, datagram);
      const end = sending.end!.then(() => release(lane));
      if (!await turnsUntil(() => sending.ended)) await Promise.race([end, pause()]);
      if (!sending.ended && isUsed) singles = singlesAfterFull;
      isUsed = true;
      // A full socket keeps its copy until it has room, and then it is a repetition that does no harm.
      if (!sending.ended && !mayOpen && idle.length === 0) await Promise.race([end, someIdle.promise]);
      if (sending.failure !== undefined) onRefused(datagram, sending.failure.error);
      if (sending.ended) return tries === 1;
    }
  }

  /** All at once through one socket, unless one was full lately; returns those that it has not taken at once. */
  async function sendTogether(datagrams: readonly Datagram[], onRefused: OnRefused): Promise<readonly Datagram[]> {
    const lane = singles > 0 || datagrams.length === 1 ? undefined : idle.pop();
    if (lane === undefined) return datagrams;
    const all = datagrams.map((datagram) => start(lane, datagram));
    const end = Promise.all(all.map(({ end }) => end)).then(() => release(lane));
    if (!await turnsUntil(() => all.at(-1)!.ended)) await Promise.race([end, pause()]);
    for (const [i, { failure }] of all.entries()) if (failure !== undefined) onRefused(datagrams[i]!, failure.error);
    const left = datagrams.filter((_, i) => !all[i]!.ended);
    if (left.length > 0) singles = singlesAfterFull;
    return left;
  }

  async function sendAll(datagrams: readonly Datagram[], onRefused: OnRefused): Promise<{ mayReuse: boolean }> {
    const left = await sendTogether(datagrams, onRefused);
    let mayReuse = left.length === 0 || left === datagrams;
    for (const datagram of left) {
      if (singles > 0) singles--;
      if (!await sendNext(datagram, onRefused)) mayReuse = false;
    }
    return { mayReuse };
  }

  return {
    // One after the other, so that no socket is idle only when all are full.
    send(datagrams, onRefused) {
      const sent = last.then(() => sendAll(datagrams, onRefused));
      last = sent;
      return sent;
    },
  };
}

type OnRefused = (datagram: Datagram, error: unknown) => void;

interface Sending {
  ended: boolean;
  failure: { error: unknown } | undefined;
  end: Promise<void> | undefined;
}

function fewMilliseconds(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 3));
}

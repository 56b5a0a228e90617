/**
 * The sockets of a sweep, of one address family. The system holds what is sent to an address of its own link until it
 * knows who has it, for three seconds where nobody answers, and charges it to the socket meanwhile: after some 270 such
 * datagrams a socket takes no further one. So there is a further socket whenever all those that are open are full.
 */
import type { DatagramPort } from "./datagram_hub.ts";

export interface ProbeLanes {
  /** Resolves when the system has taken the datagram. Rejects when it or the sandbox refuses the destination. */
  send(bytes: Uint8Array, address: string, port: number): Promise<void>;
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
/** Microtasks after which a send has ended that could be made at once. */
const promptTurns = 4;

export function createProbeLanes({ first, open, pause = fewMilliseconds }: ProbeLanesOptions): ProbeLanes {
  // Those that are full come back when they have room.
  const idle: DatagramPort[] = [first];
  let lanes = 1;
  let mayOpen = true;
  let someIdle = Promise.withResolvers<void>();
  let last: Promise<void> = Promise.resolve();

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

  async function sendNext(bytes: Uint8Array, address: string, port: number): Promise<void> {
    for (;;) {
      const lane = idle.pop() ?? maybeOpen();
      if (lane === undefined) {
        await someIdle.promise;
        continue;
      }
      let ended = false;
      let failure: { error: unknown } | undefined;
      const end = lane.send(bytes, address, port)
        .catch((error: unknown) => failure = { error })
        .then(() => {
          ended = true;
          release(lane);
        });
      for (let turns = 0; !ended && turns < promptTurns; turns++) await undefined;
      if (!ended) await Promise.race([end, pause()]);
      // A full socket keeps its copy until it has room, and then it is a repetition that does no harm.
      if (!ended && !mayOpen && idle.length === 0) await Promise.race([end, someIdle.promise]);
      if (failure !== undefined) throw failure.error;
      if (ended) return;
    }
  }

  return {
    // One after the other, so that no socket is idle only when all are full.
    send(bytes, address, port) {
      const sent = last.then(() => sendNext(bytes, address, port));
      last = sent.catch(() => {});
      return sent;
    },
  };
}

function fewMilliseconds(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 3));
}

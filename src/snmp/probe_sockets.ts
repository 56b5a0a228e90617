/**
 * The sockets of a sweep, of one address family. The system queues a datagram to an unresolved address of its own link
 * until ARP succeeds or fails, up to three seconds, and charges it to the socket: after some 270 of them a socket is full.
 * When all sockets are full, a further one is opened.
 */
import type { Datagram, DatagramPort } from "./datagram_hub.ts";

export interface ProbeSockets {
  /**
   * Resolves when the system has accepted the datagrams, and with whether their buffers may be reused: not while a full
   * socket still refers to them. Each datagram that the system or the sandbox refuses is reported by `onRefused`.
   */
  send(
    datagrams: readonly Datagram[],
    onRefused: (datagram: Datagram, error: unknown) => void,
  ): Promise<{ mayReuse: boolean }>;
}

export interface ProbeSocketsOptions {
  first: DatagramPort;
  /** Opens a further socket, which receives like the first; undefined when none is available. */
  open: () => DatagramPort | undefined;
  /** Long enough for one turn of the event loop, which a socket with space needs at most. */
  pause?: () => Promise<void>;
}

/** Sockets for a sweep, the first included: enough for twice 1,022 silent addresses in each of two workers. */
export const maxProbeSockets = 16;
/**
 * Datagrams that are sent one at a time after a socket was full: each rejected one of a burst is sent through another
 * socket, and may arrive twice.
 */
const singlesAfterFull = 1024;
/** Microtasks after which a send that did not block has ended. */
const promptTurns = 4;

export function createProbeSockets({ first, open, pause = fewMilliseconds }: ProbeSocketsOptions): ProbeSockets {
  const pool = createSocketPool(first, open);
  let last: Promise<unknown> = Promise.resolve();
  /** Datagrams that are sent one at a time: the first, as a new socket is not ready at once. */
  let singles = 1;
  let isUsed = false;

  async function sendNext(datagram: Datagram, onRefused: OnRefused): Promise<boolean> {
    for (let tries = 1;; tries++) {
      const socket = pool.maybeTake();
      if (socket === undefined) {
        await pool.someIdle();
        continue;
      }
      const sending = watch(socket.send(datagram.bytes, datagram.address, datagram.port));
      const end = sending.end!.then(() => pool.release(socket));
      if (!await turnsUntil(() => sending.ended)) await Promise.race([end, pause()]);
      if (!sending.ended && isUsed) singles = singlesAfterFull;
      isUsed = true;
      // A full socket keeps its copy until it has room, and then it is a repetition that does no harm.
      if (!sending.ended && pool.isExhausted()) await Promise.race([end, pool.someIdle()]);
      if (sending.failure !== undefined) onRefused(datagram, sending.failure.error);
      if (sending.ended) return tries === 1;
    }
  }

  /** All at once through one socket, unless one was full lately; returns those that it has not taken at once. */
  async function sendTogether(datagrams: readonly Datagram[], onRefused: OnRefused): Promise<readonly Datagram[]> {
    const socket = singles > 0 || datagrams.length === 1 ? undefined : pool.maybeIdle();
    if (socket === undefined) return datagrams;
    let taken = 0;
    const take = () => void taken++;
    const sends = datagrams.map(({ bytes, address, port }) => {
      const sending = socket.send(bytes, address, port);
      sending.then(take, ignore);
      return sending;
    });
    const areTaken = () => taken === sends.length;
    if (await turnsUntil(areTaken)) {
      pool.release(socket);
      return [];
    }
    // Not as usual: what has become of each is worth its cost.
    const all = sends.map(watch);
    const end = Promise.all(all.map(({ end }) => end)).then(() => pool.release(socket));
    if (!await turnsUntil(() => all.every(({ ended }) => ended))) await Promise.race([end, pause()]);
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

/** Sockets that have room; full ones return when they have it again. */
function createSocketPool(first: DatagramPort, open: () => DatagramPort | undefined) {
  const idle: DatagramPort[] = [first];
  let count = 1;
  let mayOpen = true;
  let someIdle = Promise.withResolvers<void>();

  function maybeOpen(): DatagramPort | undefined {
    if (!mayOpen) return undefined;
    const socket = open();
    if (socket !== undefined) count++;
    mayOpen = socket !== undefined && count < maxProbeSockets;
    return socket;
  }

  return {
    maybeIdle: () => idle.pop(),
    maybeTake: () => idle.pop() ?? maybeOpen(),
    release(socket: DatagramPort): void {
      idle.push(socket);
      someIdle.resolve();
      someIdle = Promise.withResolvers();
    },
    isExhausted: () => !mayOpen && idle.length === 0,
    /** Resolves when the next socket is released. */
    someIdle: () => someIdle.promise,
  };
}

function ignore(): void {}

/** Says later whether a send has ended. */
function watch(send: Promise<unknown>): Sending {
  const sending: Sending = { ended: false, failure: undefined, end: undefined };
  sending.end = send.then(() => {
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

type OnRefused = (datagram: Datagram, error: unknown) => void;

interface Sending {
  ended: boolean;
  failure: { error: unknown } | undefined;
  end: Promise<void> | undefined;
}

function fewMilliseconds(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 3));
}

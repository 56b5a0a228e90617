/**
 * Streams that tell open pages when to look again (server-sent events, HTML Living Standard, 9.2). A stream carries no
 * data: the page is asked for again, so that there is one place that decides who sees what.
 */
import { shownChannel, type ShownPart, shownPayload } from "../../store/channels.ts";
import type { Store } from "../../store/store.ts";

export interface StreamWish {
  part: ShownPart;
  customerId: string;
  userId: string;
  /** Of the sign-in. */
  sessionId: string;
  /** Whether the stream may go on: still signed in, and still permitted. Throws while the database is away. */
  mayStay(): Promise<boolean>;
}

export interface LiveStreams extends Disposable {
  open(wish: StreamWish): Response;
  /** How many are open. */
  count(): number;
}

export interface LiveTimes {
  /** Between checks of who may stay, after the one before has ended. */
  watchMs: number;
  heartbeatMs: number;
  /** Between two events of a stream. */
  leastMs: number;
  /** After a lost connection to the database every page looks again, not all in the same moment. */
  spreadMs: number;
  /** Less than what a connection may last: the browser opens the next one. */
  longestMs: number;
}

export const liveTimes: LiveTimes = {
  watchMs: 4000,
  heartbeatMs: 15_000,
  leastMs: 1000,
  spreadMs: 4000,
  longestMs: 540_000,
};

/*
 * A browser has six connections to a host (HTTP/1.1) and needs some of them for pages. The oldest stream makes room: it
 * is of a window that was opened before, which takes one again when somebody comes back to it. A stream that was told
 * "later" asks again in half a minute.
 */
export const mostStreams = { ofSession: 4, ofUser: 12, all: 1000 };

const changed = "event: changed\ndata: 1\n\n", heartbeat = ":\n\n";
const full = "event: later\ndata: 1\n\n", replaced = "event: replaced\ndata: 1\n\n";
/** Parts that wait for a reader that takes none. */
const mostWaiting = 16;

interface Stream extends StreamWish {
  payload: string;
  send(text: string): void;
  end(last?: string): void;
  sentMs: number;
  due: ReturnType<typeof setTimeout> | undefined;
  longest: ReturnType<typeof setTimeout> | undefined;
}

export function startLiveStreams(store: Pick<Store, "listen">, times: LiveTimes = liveTimes): LiveStreams {
  // In order of their start.
  const streams = new Set<Stream>();
  let isOver = false, isWatching = false;

  function tell(stream: Stream, atMostMs: number): void {
    if (stream.due !== undefined) return;
    const waitMs = Math.max(0, stream.sentMs + times.leastMs - performance.now()) + Math.random() * atMostMs;
    stream.due = setTimeout(() => {
      stream.due = undefined;
      stream.sentMs = performance.now();
      stream.send(changed);
    }, waitMs);
  }

  const stopListening = store.listen(shownChannel, (payload) => {
    for (const stream of streams) {
      if (payload === undefined) tell(stream, times.spreadMs);
      else if (payload === stream.payload) tell(stream, 0);
    }
  });
  const beat = setInterval(() => {
    for (const stream of [...streams]) stream.send(heartbeat);
  }, times.heartbeatMs);
  const watch = setInterval(async () => {
    if (isWatching) return;
    isWatching = true;
    for (const stream of [...streams]) {
      if (isOver || !streams.has(stream)) continue;
      // While the database is away, nobody can be signed out either.
      const mayStay = await stream.mayStay().catch(() => true);
      // The page asks again, and is told why there is nothing more.
      if (!mayStay) stream.end(changed);
    }
    isWatching = false;
  }, times.watchMs);

  function makeRoom({ userId, sessionId }: StreamWish): void {
    const ofUser = [...streams].filter((stream) => stream.userId === userId);
    const ofSession = ofUser.filter((stream) => stream.sessionId === sessionId);
    if (ofSession.length >= mostStreams.ofSession) ofSession[0]!.end(replaced);
    else if (ofUser.length >= mostStreams.ofUser) ofUser[0]!.end(replaced);
  }

  function leave(stream: Stream): boolean {
    clearTimeout(stream.due);
    clearTimeout(stream.longest);
    return streams.delete(stream);
  }

  return {
    count: () => streams.size,
    open(wish) {
      makeRoom(wish);
      if (isOver || streams.size >= mostStreams.all) return eventStream(full);
      let stream: Stream;
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          stream = streamTo(controller, wish, leave);
          streams.add(stream);
          stream.longest = setTimeout(() => stream.end(), times.longestMs);
          // Something may have changed since the page was made.
          tell(stream, 0);
        },
        cancel: () => void leave(stream),
      }, new CountQueuingStrategy({ highWaterMark: mostWaiting }));
      return eventStream(body);
    },
    [Symbol.dispose]() {
      isOver = true;
      stopListening();
      clearInterval(beat);
      clearInterval(watch);
      for (const stream of [...streams]) stream.end();
    },
  };
}

function streamTo(
  controller: ReadableStreamDefaultController<Uint8Array>,
  wish: StreamWish,
  leave: (stream: Stream) => boolean,
): Stream {
  const encoder = new TextEncoder();
  const stream: Stream = {
    ...wish,
    payload: shownPayload(wish.part, wish.customerId),
    sentMs: -Infinity,
    due: undefined,
    longest: undefined,
    send(text) {
      if ((controller.desiredSize ?? 0) > 0) controller.enqueue(encoder.encode(text));
      // Anyone who does not read for minutes is not there.
      else if (leave(stream)) controller.error(new Error("Cannot send to a reader that takes nothing"));
    },
    end(last) {
      if (last !== undefined) stream.send(last);
      if (leave(stream)) controller.close();
    },
  };
  return stream;
}

/** What a stream begins with, for a request that wants no body. */
export function noStream(): Response {
  return eventStream("");
}

/** For a page whose viewer is no longer signed in: it asks again, and is led to the sign-in. */
export function onceChanged(): Response {
  return eventStream(changed);
}

function eventStream(body: string | ReadableStream<Uint8Array>): Response {
  return new Response(body, { headers: { "content-type": "text/event-stream", "x-accel-buffering": "no" } });
}

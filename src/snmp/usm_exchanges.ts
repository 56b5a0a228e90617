/** The datagrams of a v3 session that wait for answers: one is repeated, those of given-up requests may still be answered. */
import type { Clock } from "../../common/core/clock.ts";
import type { DatagramHub } from "./datagram_hub.ts";
import { startSending } from "./retransmit.ts";
import type { SessionOptions } from "./session.ts";

/** A datagram and its repetitions. */
export interface Exchange {
  msgId: number;
  /** Asks for the engine: the request proper is sent after its answer. */
  isDiscovery: boolean;
  stop: () => void;
  sentAt: number;
  repeated: boolean;
}

export interface UsmExchanges {
  /** Sends a datagram, and again when its answer is late, in the place of the one before. */
  start(bytes: Uint8Array, datagram: { msgId: number; isDiscovery: boolean; tries: number }): void;
  /** The datagram that has this msgID, while no answer to it has come. */
  maybeFind(msgId: number): Exchange | undefined;
  /** Whether it is the one that is repeated. */
  isCurrent(exchange: Exchange): boolean;
  /** An answer is being read, which may start the next exchange; the returned function takes that back. */
  listen(): () => void;
  /** A datagram has its answer. */
  end(exchange: Exchange): void;
  /** Gives up the one that is repeated; a late answer to it is still found. */
  giveUp(): void;
  /** Gives up all. */
  forget(): void;
}

/** Exchanges with one device; `events` tell when the current one ends without an answer. */
export function createUsmExchanges(
  hub: DatagramHub,
  target: { address: string; port: number },
  // Not copied: `retries` may be a getter that looks at the session which is being opened.
  { options, clock }: { options: SessionOptions; clock: Clock },
  events: { onSilence: () => void; onRefused: (error: unknown) => void },
): UsmExchanges {
  const sent = new Map<number, Exchange>();
  let current: Exchange | undefined;
  /** Datagrams since the last answer: the waits double with them (RFC 6298 section 5.5). */
  let unanswered = 0;

  function giveUp(): void {
    current?.stop();
    current = undefined;
  }

  return {
    start(bytes, { msgId, isDiscovery, tries }) {
      giveUp();
      const mine: Exchange = { msgId, isDiscovery, stop: () => {}, sentAt: 0, repeated: false };
      current = mine;
      sent.set(msgId, mine);
      mine.stop = startSending({
        send: (sentBefore) => {
          if (sentBefore > 0) {
            mine.repeated = true;
            options.onRetransmit?.();
          }
          mine.sentAt = clock.monotonicMs();
          unanswered++;
          return hub.send(bytes, target.address, target.port);
        },
        tries,
        waitMs: () => options.timeoutMs(unanswered - 1),
        pace: options.pace,
        ...events,
        clock,
      });
    },
    maybeFind: (msgId) => sent.get(msgId),
    isCurrent: (exchange) => exchange === current,
    listen() {
      const before = unanswered;
      unanswered = 0;
      return () => unanswered = before;
    },
    end(exchange) {
      sent.delete(exchange.msgId);
      exchange.stop();
      if (current === exchange) current = undefined;
      // One that was sent twice does not tell how long the answer took.
      options.onAnswer?.(exchange.repeated ? undefined : clock.monotonicMs() - exchange.sentAt);
    },
    giveUp,
    forget() {
      giveUp();
      sent.clear();
    },
  };
}

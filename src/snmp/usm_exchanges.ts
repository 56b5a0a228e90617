/**
 * Unanswered datagrams of a v3 session: the current one is repeated; those of abandoned requests may still be answered.
 */
import type { Clock } from "../../common/core/clock.ts";
import type { DatagramHub } from "./datagram_hub.ts";
import { startSending } from "./retransmit.ts";
import type { SessionOptions } from "./session.ts";

/** A datagram and its repetitions. */
export interface Exchange {
  msgId: number;
  /** Engine discovery: the actual request is sent after its answer. */
  isDiscovery: boolean;
  stop: () => void;
  sentAt: number;
  repeated: boolean;
}

export interface UsmExchanges {
  /** Sends a datagram, and again if its answer is late; replaces the current one. */
  start(bytes: Uint8Array, datagram: { msgId: number; isDiscovery: boolean; tries: number }): void;
  /** The unanswered datagram with this msgID. */
  maybeFind(msgId: number): Exchange | undefined;
  /** Whether it is the current one, which is repeated. */
  isCurrent(exchange: Exchange): boolean;
  /** Called while an answer is processed, which may start the next exchange; the returned function ends this. */
  listen(): () => void;
  /** A datagram was answered. */
  end(exchange: Exchange): void;
  /** Stops repeating the current one; a late answer to it is still found. */
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
      // If it was sent twice, the round trip is unknown.
      options.onAnswer?.(exchange.repeated ? undefined : clock.monotonicMs() - exchange.sentAt);
    },
    giveUp,
    forget() {
      giveUp();
      sent.clear();
    },
  };
}

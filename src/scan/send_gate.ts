import type { Clock } from "../../common/core/clock.ts";
import type { DatagramPort } from "../snmp/datagram_hub.ts";
import type { SendWindow } from "./worker_messages.ts";

/** The last check of every datagram that a worker sends. */
export interface SendGate {
  /** The same socket, which sends nothing once the gate is closed, but still receives. */
  guard(port: DatagramPort): DatagramPort;
  /** Nothing is sent from now on, including delayed datagrams and retransmissions. */
  close(): void;
  readonly closed: AbortSignal;
}

/**
 * A gate that is open only within the window. The wall clock is read for each datagram at the socket itself, as the
 * clock may have been set or the machine may have slept while the datagram waited; the first late one closes the gate
 * for good.
 */
export function createSendGate(window: SendWindow | undefined, clock: Pick<Clock, "now">): SendGate {
  const closing = new AbortController();
  // Asked for each datagram, which `signal.aborted` is too slow for.
  let isClosed = false;
  const close = () => {
    isClosed = true;
    closing.abort(new DOMException("Nothing more may be sent", "AbortError"));
  };

  function isOpen(): boolean {
    if (isClosed || window === undefined) return !isClosed;
    const now = clock.now().getTime();
    return window.fromMs <= now && now < window.untilMs;
  }

  return {
    close,
    closed: closing.signal,
    guard: (port) => ({
      receive: () => port.receive(),
      close: () => port.close(),
      send(bytes, address, portNumber) {
        if (isOpen()) return port.send(bytes, address, portNumber);
        close();
        // Not a failure: neither the device nor the network is the cause.
        return Promise.resolve();
      },
    }),
  };
}

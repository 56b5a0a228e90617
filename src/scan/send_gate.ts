import type { Clock } from "../../common/core/clock.ts";
import type { DatagramPort } from "../snmp/datagram_hub.ts";
import type { SendWindow } from "./worker_messages.ts";

/** What every datagram of a worker passes as it leaves. */
export interface SendGate {
  /** The same socket, of which nothing leaves while the gate is closed; what comes in is received. */
  guard(port: DatagramPort): DatagramPort;
  /** Nothing leaves from now on, whatever waits for its pace or is about to be repeated. */
  close(): void;
  readonly closed: AbortSignal;
}

/**
 * A gate that is open within the window alone. The wall clock is asked for each datagram at the socket itself, as it may
 * have been set and the machine may have slept since the datagram began to wait; the first late one closes it for good.
 */
export function createSendGate(window: SendWindow | undefined, clock: Pick<Clock, "now">): SendGate {
  const closing = new AbortController();
  const close = () => closing.abort(new DOMException("Nothing may be sent any more", "AbortError"));

  function isOpen(): boolean {
    if (closing.signal.aborted || window === undefined) return !closing.signal.aborted;
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
        // Not a failure: neither device nor network is to blame for it.
        return Promise.resolve();
      },
    }),
  };
}

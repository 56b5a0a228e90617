import type { Clock } from "../core/clock.ts";
import type { DatagramHub } from "../snmp/datagram_hub.ts";
import type { SendWindow } from "./worker_messages.ts";

/** A hub that can be closed for sending; answers to what was sent are still received. */
export interface ClosableHub {
  readonly hub: DatagramHub;
  /** Nothing leaves from now on, whatever waits for its pace or is about to be repeated. */
  closeSending(): void;
  isClosed(): boolean;
}

/**
 * Lets datagrams leave within the window alone. The wall clock is asked for each of them, as it may have been set and the
 * machine may have slept since the datagram began to wait; the first one that is late closes the hub for good.
 */
export function withinWindow(
  hub: DatagramHub,
  options: { window: SendWindow | undefined; clock: Pick<Clock, "now">; onClosed: () => void },
): ClosableHub {
  const { window, clock, onClosed } = options;
  let closed = false;

  function closeSending(): void {
    if (closed) return;
    closed = true;
    onClosed();
  }

  function isOpen(): boolean {
    if (closed || window === undefined) return !closed;
    const now = clock.now().getTime();
    return window.fromMs <= now && now < window.untilMs;
  }

  return {
    closeSending,
    isClosed: () => closed,
    hub: {
      ...hub,
      send(bytes, address, port) {
        if (isOpen()) return hub.send(bytes, address, port);
        closeSending();
        // Not a failure: nobody is to blame the device or the network for it.
        return Promise.resolve();
      },
    },
  };
}

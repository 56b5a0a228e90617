/** Sessions that an agent is connected for: the SSH gateway makes them, the pages and `forward` use them. */
import type { Duplex } from "node:stream";

export interface Tunnel {
  readonly sessionId: string;
  /** A connection to the device's port. Rejects when the agent cannot reach it, or the session has ended. */
  open(): Promise<Duplex>;
  close(why: string): void;
  /** Why it ended. */
  readonly closed: Promise<string>;
}

/** Those of this process. */
export interface Tunnels {
  of(sessionId: string): Tunnel | undefined;
}

export interface OwnTunnels extends Tunnels {
  /** Until it is closed. */
  add(tunnel: Tunnel): void;
  all(): Tunnel[];
}

export function createTunnels(): OwnTunnels {
  const tunnels = new Map<string, Tunnel>();
  return {
    of: (sessionId) => tunnels.get(sessionId),
    all: () => [...tunnels.values()],
    add(tunnel) {
      tunnels.set(tunnel.sessionId, tunnel);
      void tunnel.closed.then(() => void tunnels.delete(tunnel.sessionId));
    },
  };
}

/** Sessions with a connected agent: created by the SSH gateway, used by the pages and `forward`. */
import type { Duplex } from "node:stream";

/** Why a tunnel has ended that this side did not close; the agent says more in the result of its task. */
export const agentClosed = "the agent closed the connection";

export interface Tunnel {
  readonly sessionId: string;
  /** Opens a connection to the device's port. Rejects if the agent cannot reach it, or the session has ended. */
  open(): Promise<Duplex>;
  close(why: string): void;
  /** Resolves with the reason when it has ended. */
  readonly closed: Promise<string>;
}

/** Tunnels of this process. */
export interface Tunnels {
  of(sessionId: string): Tunnel | undefined;
}

export interface OwnTunnels extends Tunnels {
  /** Adds a tunnel until it is closed. */
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

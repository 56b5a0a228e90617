/**
 * Which connections may stay. Until a call has come with the certificate of a known agent, a connection is anonymous:
 * there are only so many of one source and of all, it has seconds for its first call, and it ends in any case after a
 * minute. The rest of the room is for agents. When there are too many, the oldest anonymous one goes rather than the
 * new one: behind one address may be an attacker who keeps connections and an agent that has just begun one.
 */
import { sourceOf } from "./source.ts";

export interface GateLimits {
  mostConnections: number;
  /** Of all sources; the others are reserved for agents. */
  mostAnonymous: number;
  anonymousOfSource: number;
  ofAgent: number;
  /** For the TLS handshake and the first call together; an anonymous connection without a call has it after each call. */
  withoutCallMs: number;
  anonymousMs: number;
  /** So long a new connection is not closed for another one: an agent's handshake and first call fit into it. */
  sureMs: number;
}

export const defaultGateLimits: GateLimits = {
  mostConnections: 10_000,
  mostAnonymous: 5000,
  anonymousOfSource: 64,
  ofAgent: 8,
  withoutCallMs: 10_000,
  anonymousMs: 60_000,
  sureMs: 1000,
};

/** The limits for a process that may hold so many descriptors: the runtime stops accepting when it has none left. */
export function gateLimitsFor(descriptors: number, wanted: Partial<GateLimits> = {}): GateLimits {
  const limits = { ...defaultGateLimits, ...wanted };
  const most = Math.max(4, descriptors - Math.max(64, Math.ceil(descriptors / 4)));
  const mostConnections = Math.min(limits.mostConnections, most);
  const mostAnonymous = Math.min(limits.mostAnonymous, Math.ceil(mostConnections / 2));
  return { ...limits, mostConnections, mostAnonymous };
}

export interface ConnectionGate {
  /** Whether the connection may stay. `close` is called when it has to go; `leave` is still to be called then. */
  enter(peer: string, close: () => void): boolean;
  leave(peer: string): void;
  /** A call of an agent, or of nobody that is known; returns what is to be called when it has ended. */
  callBegan(peer: string, agentId: string | undefined): () => void;
  /** Closes what is over its time; to be called every second or so. */
  expire(): void;
  /** What was turned away since the last time. */
  takeCounts(): GateCounts;
}

export interface GateCounts {
  refused: number;
  replaced: number;
  expired: number;
  /** The latest source that any of it happened to. */
  source: string;
}

interface Connection {
  source: string;
  beganMs: number;
  /** When the last call ended; the beginning where there was none. */
  quietSinceMs: number;
  calls: number;
  agentId: string | undefined;
  isClosing: boolean;
  close(): void;
}

export function connectionGate(limits: GateLimits, monotonicMs: () => number): ConnectionGate {
  // In order of their beginning.
  const connections = new Map<string, Connection>();
  const bySource = new Map<string, Set<Connection>>();
  const byAgent = new Map<string, Set<Connection>>();
  const anonymous = new Set<Connection>();
  let counts: GateCounts = { refused: 0, replaced: 0, expired: 0, source: "" };

  function close(connection: Connection): void {
    if (connection.isClosing) return;
    connection.isClosing = true;
    forget(connection);
    connection.close();
  }

  function identify(connection: Connection, agentId: string | undefined): void {
    connection.agentId = agentId;
    if (agentId !== undefined) return void add(byAgent, agentId, connection);
    anonymous.add(connection);
    add(bySource, connection.source, connection);
  }

  function forget(connection: Connection): void {
    anonymous.delete(connection);
    remove(bySource, connection.source, connection);
    if (connection.agentId !== undefined) remove(byAgent, connection.agentId, connection);
  }

  /* Makes room among them; false when all are so new that each may be an agent's. */
  function replaceOne(among: Iterable<Connection>): boolean {
    const nowMs = monotonicMs();
    let oldest: Connection | undefined;
    for (const connection of among) {
      if (nowMs - connection.beganMs < limits.sureMs) break;
      oldest ??= connection;
      if (connection.calls > 0) continue;
      oldest = connection;
      break;
    }
    if (oldest === undefined) return false;
    counts = { ...counts, replaced: counts.replaced + 1, source: oldest.source };
    close(oldest);
    return true;
  }

  return {
    enter(peer, closeIt) {
      const source = sourceOf(peer);
      const own = bySource.get(source);
      const hasRoom = (own === undefined || own.size < limits.anonymousOfSource || replaceOne(own)) &&
        (anonymous.size < limits.mostAnonymous || replaceOne(anonymous)) &&
        // What is being closed counts until it is gone: it holds a descriptor.
        (connections.size < limits.mostConnections || replaceOne(anonymous));
      if (!hasRoom) {
        counts = { ...counts, refused: counts.refused + 1, source };
        return false;
      }
      const nowMs = monotonicMs();
      const connection: Connection = {
        source,
        beganMs: nowMs,
        quietSinceMs: nowMs,
        calls: 0,
        agentId: undefined,
        isClosing: false,
        close: closeIt,
      };
      connections.set(peer, connection);
      identify(connection, undefined);
      return true;
    },

    leave(peer) {
      const connection = connections.get(peer);
      if (connection === undefined) return;
      connection.isClosing = true;
      forget(connection);
      connections.delete(peer);
    },

    callBegan(peer, agentId) {
      const connection = connections.get(peer);
      if (connection === undefined || connection.isClosing) return () => {};
      if (connection.agentId !== agentId) {
        forget(connection);
        identify(connection, agentId);
      }
      connection.calls += 1;
      const own = agentId === undefined ? undefined : byAgent.get(agentId);
      if (own !== undefined && own.size > limits.ofAgent) {
        // Of a machine that lost its network, connections are left over that nobody uses.
        const others = [...own].filter((other) => other !== connection);
        close(others.find(({ calls }) => calls === 0) ?? others[0]!);
      }
      let isOver = false;
      return () => {
        if (isOver) return;
        isOver = true;
        connection.calls -= 1;
        connection.quietSinceMs = monotonicMs();
      };
    },

    expire() {
      const nowMs = monotonicMs();
      for (const connection of [...anonymous]) {
        const isQuiet = connection.calls === 0 && nowMs - connection.quietSinceMs >= limits.withoutCallMs;
        if (!isQuiet && nowMs - connection.beganMs < limits.anonymousMs) continue;
        counts = { ...counts, expired: counts.expired + 1, source: connection.source };
        close(connection);
      }
    },

    takeCounts() {
      const taken = counts;
      counts = { refused: 0, replaced: 0, expired: 0, source: "" };
      return taken;
    },
  };
}

function add(sets: Map<string, Set<Connection>>, key: string, connection: Connection): void {
  const set = sets.get(key);
  if (set === undefined) sets.set(key, new Set([connection]));
  else set.add(connection);
}

function remove(sets: Map<string, Set<Connection>>, key: string, connection: Connection): void {
  const set = sets.get(key);
  if (set?.delete(connection) && set.size === 0) sets.delete(key);
}

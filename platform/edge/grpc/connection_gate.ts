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

export interface GateCounts {
  refused: number;
  replaced: number;
  expired: number;
  /** The latest source that any of it happened to. */
  source: string;
}

interface Connection {
  source: string;
  /** Whether the source is whose it is: of one behind a proxy it is not known at first. */
  isNamed: boolean;
  beganMs: number;
  /** When the last call ended; the beginning where there was none. */
  quietSinceMs: number;
  calls: number;
  agentId: string | undefined;
  isClosing: boolean;
  close(): void;
}

export class ConnectionGate {
  readonly #limits: GateLimits;
  readonly #monotonicMs: () => number;
  // In order of their beginning.
  readonly #connections = new Map<string, Connection>();
  readonly #bySource = new Map<string, Set<Connection>>();
  readonly #byAgent = new Map<string, Set<Connection>>();
  readonly #anonymous = new Set<Connection>();
  #counts: GateCounts = { refused: 0, replaced: 0, expired: 0, source: "" };

  constructor(limits: GateLimits, monotonicMs: () => number) {
    this.#limits = limits;
    this.#monotonicMs = monotonicMs;
  }

  /**
   * Whether the connection may stay. `close` is called when it has to go; `leave` is still to be called then. Of one
   * behind a proxy, nameSource() says later whose it is.
   */
  enter(peer: string, close: () => void, { isProxied = false } = {}): boolean {
    const source = sourceOf(peer), limits = this.#limits;
    const hasRoom = (isProxied || this.#hasRoomOf(source)) &&
      (this.#anonymous.size < limits.mostAnonymous || this.#replaceOne(this.#anonymous)) &&
      // What is being closed counts until it is gone: it holds a descriptor.
      (this.#connections.size < limits.mostConnections || this.#replaceOne(this.#anonymous));
    if (!hasRoom) {
      this.#counts = { ...this.#counts, refused: this.#counts.refused + 1, source };
      return false;
    }
    const nowMs = this.#monotonicMs();
    const connection: Connection = {
      source,
      isNamed: !isProxied,
      beganMs: nowMs,
      quietSinceMs: nowMs,
      calls: 0,
      agentId: undefined,
      isClosing: false,
      close,
    };
    this.#connections.set(peer, connection);
    this.#identify(connection, undefined);
    return true;
  }

  /** Whether the connection may stay as one of this source. */
  nameSource(peer: string, source: string): boolean {
    const connection = this.#connections.get(peer);
    if (connection === undefined || connection.isClosing) return false;
    if (!this.#hasRoomOf(source)) {
      this.#counts = { ...this.#counts, refused: this.#counts.refused + 1, source };
      return false;
    }
    this.#forget(connection);
    connection.source = source;
    connection.isNamed = true;
    this.#identify(connection, undefined);
    return true;
  }

  /** Whose the connection is. */
  sourceOf(peer: string): string {
    return this.#connections.get(peer)?.source ?? sourceOf(peer);
  }

  leave(peer: string): void {
    const connection = this.#connections.get(peer);
    if (connection === undefined) return;
    connection.isClosing = true;
    this.#forget(connection);
    this.#connections.delete(peer);
  }

  /** A call of an agent, or of nobody that is known; returns what is to be called when it has ended. */
  callBegan(peer: string, agentId: string | undefined): () => void {
    const connection = this.#connections.get(peer);
    if (connection === undefined || connection.isClosing) return () => {};
    if (connection.agentId !== agentId) {
      this.#forget(connection);
      this.#identify(connection, agentId);
    }
    connection.calls += 1;
    const own = agentId === undefined ? undefined : this.#byAgent.get(agentId);
    if (own !== undefined && own.size > this.#limits.ofAgent) {
      // Of a machine that lost its network, connections are left over that nobody uses.
      const others = [...own].filter((other) => other !== connection);
      this.#close(others.find(({ calls }) => calls === 0) ?? others[0]!);
    }
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      connection.calls -= 1;
      connection.quietSinceMs = this.#monotonicMs();
    };
  }

  /** Closes what is over its time; to be called every second or so. */
  expire(): void {
    const nowMs = this.#monotonicMs();
    for (const connection of [...this.#anonymous]) {
      const isQuiet = connection.calls === 0 && nowMs - connection.quietSinceMs >= this.#limits.withoutCallMs;
      if (!isQuiet && nowMs - connection.beganMs < this.#limits.anonymousMs) continue;
      this.#counts = { ...this.#counts, expired: this.#counts.expired + 1, source: connection.source };
      this.#close(connection);
    }
  }

  /** What was turned away since the last time. */
  takeCounts(): GateCounts {
    const taken = this.#counts;
    this.#counts = { refused: 0, replaced: 0, expired: 0, source: "" };
    return taken;
  }

  #hasRoomOf(source: string): boolean {
    const own = this.#bySource.get(source);
    return own === undefined || own.size < this.#limits.anonymousOfSource || this.#replaceOne(own);
  }

  #close(connection: Connection): void {
    if (connection.isClosing) return;
    connection.isClosing = true;
    this.#forget(connection);
    connection.close();
  }

  #identify(connection: Connection, agentId: string | undefined): void {
    connection.agentId = agentId;
    if (agentId !== undefined) return void add(this.#byAgent, agentId, connection);
    this.#anonymous.add(connection);
    if (connection.isNamed) add(this.#bySource, connection.source, connection);
  }

  #forget(connection: Connection): void {
    this.#anonymous.delete(connection);
    remove(this.#bySource, connection.source, connection);
    if (connection.agentId !== undefined) remove(this.#byAgent, connection.agentId, connection);
  }

  /* Makes room among them; false when all are so new that each may be an agent's. */
  #replaceOne(among: Iterable<Connection>): boolean {
    const nowMs = this.#monotonicMs();
    let oldest: Connection | undefined;
    for (const connection of among) {
      if (nowMs - connection.beganMs < this.#limits.sureMs) break;
      oldest ??= connection;
      if (connection.calls > 0) continue;
      oldest = connection;
      break;
    }
    if (oldest === undefined) return false;
    this.#counts = { ...this.#counts, replaced: this.#counts.replaced + 1, source: oldest.source };
    this.#close(oldest);
    return true;
  }
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

/**
 * Decides which connections may stay. Until a call with the certificate of a known agent, a connection is anonymous:
 * their number per source and in total is limited, it has seconds for its first call, and it ends after a minute in any
 * case. The remaining connections are reserved for agents. If there are too many, the oldest anonymous one is closed,
 * not the new one: behind one address there may be an attacker who keeps connections open and an agent that has just
 * connected.
 */
import { sourceOf } from "./source.ts";

export interface GateLimits {
  mostConnections: number;
  /** Anonymous connections of all sources; the others are reserved for agents. */
  mostAnonymous: number;
  anonymousOfSource: number;
  ofAgent: number;
  /**
   * Time for the TLS handshake and the first call together; also the idle time of an anonymous connection after each
   * call.
   */
  withoutCallMs: number;
  anonymousMs: number;
  /**
   * How long a new connection is protected from being closed for another one: enough for an agent's handshake and first
   * call.
   */
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

/** The limits for a number of descriptors: the runtime stops accepting if none is left. */
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
  /** The source of the latest refusal. */
  source: string;
}

interface Connection {
  source: string;
  /** Whether the source is known: behind a proxy it is not known at first. */
  isNamed: boolean;
  beganMs: number;
  /** When the last call ended, or the start of the connection. */
  quietSinceMs: number;
  calls: number;
  agentId: string | undefined;
  isClosing: boolean;
  close(): void;
  bytesRead(): number;
  /** What had come when the latest call began or ended. */
  bytesAtCall: number;
}

export class ConnectionGate {
  readonly #limits: GateLimits;
  readonly #monotonicMs: () => number;
  // In order of their start.
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
   * Whether the connection may stay. `close` is called if it must end; `leave` must still be called then. Behind a
   * proxy, nameSource() sets the source later.
   */
  enter(
    peer: string,
    close: () => void,
    { isProxied = false, bytesRead = () => 0 }: { isProxied?: boolean; bytesRead?: () => number } = {},
  ): boolean {
    const source = sourceOf(peer), limits = this.#limits;
    const hasRoom = (isProxied || this.#hasRoomOf(source)) &&
      (this.#anonymous.size < limits.mostAnonymous || this.#replaceOne(this.#anonymous)) &&
      // A closing connection counts until it is closed: it still has a descriptor.
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
      bytesRead,
      bytesAtCall: 0,
    };
    this.#connections.set(peer, connection);
    this.#identify(connection, undefined);
    return true;
  }

  /** Sets the source; returns whether the connection may stay. */
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

  /** The source of the connection. */
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

  /** Records a call of an agent, or of an unknown caller; returns a function to call when it has ended. */
  callBegan(peer: string, agentId: string | undefined): () => void {
    const connection = this.#connections.get(peer);
    if (connection === undefined || connection.isClosing) return () => {};
    if (connection.agentId !== agentId) {
      this.#forget(connection);
      this.#identify(connection, agentId);
    }
    connection.calls += 1;
    connection.bytesAtCall = connection.bytesRead();
    const own = agentId === undefined ? undefined : this.#byAgent.get(agentId);
    if (own !== undefined && own.size > this.#limits.ofAgent) {
      // A machine that lost its network leaves unused connections behind.
      const others = [...own].filter((other) => other !== connection);
      this.#close(others.find(({ calls }) => calls === 0) ?? others[0]!);
    }
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      connection.calls -= 1;
      connection.bytesAtCall = connection.bytesRead();
      connection.quietSinceMs = this.#monotonicMs();
    };
  }

  /** Closes connections that have exceeded their time; call it about every second. */
  expire(): void {
    const nowMs = this.#monotonicMs();
    for (const connection of [...this.#anonymous]) {
      const isQuiet = connection.calls === 0 && nowMs - connection.quietSinceMs >= this.#limits.withoutCallMs;
      if (!isQuiet && nowMs - connection.beganMs < this.#limits.anonymousMs) continue;
      this.#counts = { ...this.#counts, expired: this.#counts.expired + 1, source: connection.source };
      this.#close(connection);
    }
  }

  /** Closes connections by which more came than this since a call of them began or ended. */
  cutFloods(mostBytes: number): void {
    if (mostBytes === Infinity) return;
    for (const connection of [...this.#connections.values()]) {
      if (connection.bytesRead() - connection.bytesAtCall <= mostBytes || connection.isClosing) continue;
      this.#counts = { ...this.#counts, refused: this.#counts.refused + 1, source: connection.source };
      this.#close(connection);
    }
  }

  /** Returns and resets the counts of refused connections. */
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

  /* Closes one of them to make room; false if all are so new that each may belong to an agent. */
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

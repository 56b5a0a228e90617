/**
 * The UDP sockets of a worker: sessions and the sweep use different sockets, so that datagrams of the sweep that the
 * system holds back do not delay sessions. Each answer is passed only to the listener of exactly its address and port.
 * Other datagrams are dropped and counted.
 */
import { withoutZone } from "../../common/core/ip.ts";
import { createProbeSockets, type ProbeSockets } from "./probe_sockets.ts";

/** A bound UDP socket of one address family. */
export interface DatagramPort {
  /** Rejects when the operating system or the sandbox refuses the destination. */
  send(bytes: Uint8Array, address: string, port: number): Promise<unknown>;
  /** Waits for the next datagram; its bytes are valid until the next call. Undefined after the socket was closed. */
  receive(): Promise<{ bytes: Uint8Array; address: string; port: number } | undefined>;
  close(): void;
}

export interface Datagram {
  bytes: Uint8Array;
  address: string;
  port: number;
}

/** Returns true if the datagram was an answer to a request of this listener. The bytes are valid until it returns. */
export type DatagramListener = (bytes: Uint8Array, address: string, port: number) => boolean;

export interface HubCounters {
  sent: number;
  received: number;
  /** Datagrams from addresses that were not asked, or that answer no open request. */
  stray: number;
}

export interface DatagramHub {
  send(bytes: Uint8Array, address: string, port: number): Promise<void>;
  /** Sends probes of a sweep, all of one address family: see `ProbeSockets.send`. */
  probe: ProbeSockets["send"];
  /** Listens to one address and port until the returned function is called. */
  listenTo(address: string, port: number, listener: DatagramListener): () => void;
  /** Receives from the sockets of the sweep only, if it has its own, until the returned function is called. */
  holdSessions(): () => void;
  /** Sets the listener for datagrams that no listener of their address accepted. */
  setSweep(listener: DatagramListener): void;
  readonly counters: HubCounters;
  close(): Promise<void>;
}

export interface HubPorts {
  ipv4: DatagramPort | undefined;
  /** Serves addresses with a colon. */
  ipv6: DatagramPort | undefined;
  /**
   * Further sockets for the sessions, used in turn: the buffer of one has room for the answers of about fifty devices.
   */
  moreSessions?: { 4: readonly DatagramPort[]; 6: readonly DatagramPort[] };
  /** Opens a further socket for probes; without it, or if it returns none, they share the one of the sessions. */
  openMore?: (family: 4 | 6) => DatagramPort | undefined;
}

/** Starts receiving on the given ports. */
export function startDatagramHub(ports: HubPorts): DatagramHub {
  const counters: HubCounters = { sent: 0, received: 0, stray: 0 };
  let sweep: DatagramListener = () => false;
  let closed = false;

  function dispatch(bytes: Uint8Array, address: string, port: number): void {
    counters.received++;
    if (!listeners.isTaken(bytes, address, port) && !sweep(bytes, address, port)) counters.stray++;
  }

  const open: DatagramPort[] = [];
  const loops: Promise<void>[] = [];

  function receiving(port: DatagramPort, held: () => Promise<void> | undefined = () => undefined): DatagramPort {
    open.push(port);
    loops.push(receiveAll(port, dispatch, held));
    return port;
  }

  function openMore(family: 4 | 6): DatagramPort | undefined {
    const port = closed ? undefined : ports.openMore?.(family);
    return port === undefined ? undefined : receiving(port);
  }

  const sockets: Partial<Record<4 | 6, ProbeSockets>> = {};

  function socketsOf(family: 4 | 6): ProbeSockets {
    return sockets[family] ??= createProbeSockets({
      first: openMore(family) ?? sharedPort(family),
      open: () => openMore(family),
    });
  }

  function portOf(family: 4 | 6): DatagramPort {
    const port = family === 6 ? ports.ipv6 : ports.ipv4;
    if (port === undefined) throw new RangeError(`Cannot send as no socket for IPv${family} is open`);
    return port;
  }

  /** Holding it would hold the sweep as well. */
  function sharedPort(family: 4 | 6): DatagramPort {
    hold.end();
    return portOf(family);
  }

  const sessionPorts = {
    4: sessionsOf(ports.ipv4, ports.moreSessions?.[4]),
    6: sessionsOf(ports.ipv6, ports.moreSessions?.[6]),
  };
  const hold = createHold();
  for (const { port } of [...sessionPorts[4], ...sessionPorts[6]]) receiving(port, () => hold.held());
  const listeners = createListeners((address) => leastUsed(sessionPorts[familyOf(address)]));

  return {
    counters,
    async send(bytes, address, port) {
      const socket = listeners.portOf(address, port) ?? portOf(familyOf(address));
      counters.sent++;
      await socket.send(bytes, address, port);
    },
    probe(datagrams, onRefused) {
      counters.sent += datagrams.length;
      return socketsOf(familyOf(datagrams[0]!.address)).send(datagrams, onRefused);
    },
    listenTo: listeners.listenTo,
    holdSessions: hold.take,
    setSweep(listener) {
      sweep = listener;
    },
    async close() {
      closed = true;
      hold.end();
      for (const port of open) port.close();
      await Promise.all(loops);
    },
  };
}

async function receiveAll(
  port: DatagramPort,
  dispatch: (bytes: Uint8Array, address: string, port: number) => void,
  held: () => Promise<void> | undefined,
): Promise<void> {
  for (;;) {
    const datagram = await port.receive();
    if (datagram === undefined) return;
    dispatch(datagram.bytes, datagram.address, datagram.port);
    for (let until = held(); until !== undefined; until = held()) await until;
  }
}

/** What holds the receiving of the sessions. */
function createHold() {
  let holders = 0;
  let isEnded = false;
  let over = Promise.withResolvers<void>();
  return {
    /** Resolves when this should be called again; undefined if nothing holds. */
    held: () => holders > 0 && !isEnded ? over.promise : undefined,
    take(): () => void {
      if (holders++ === 0) over = Promise.withResolvers();
      return () => {
        if (--holders === 0) over.resolve();
      };
    },
    /** Nothing is held from now on. */
    end(): void {
      isEnded = true;
      over.resolve();
    },
  };
}

/** A socket of the sessions, and the number of devices that it serves. */
interface SessionPort {
  port: DatagramPort;
  peers: number;
}

/** Listeners by address and port, with the socket of each. */
function createListeners(choose: (address: string) => SessionPort | undefined) {
  const byPeer = new Map<string, { listeners: Set<DatagramListener>; through: SessionPort | undefined }>();
  return {
    listenTo(address: string, port: number, listener: DatagramListener): () => void {
      const key = peerKey(address, port);
      let peer = byPeer.get(key);
      if (peer === undefined) {
        const through = choose(address);
        if (through !== undefined) through.peers++;
        byPeer.set(key, peer = { listeners: new Set(), through });
      }
      const { listeners, through } = peer;
      listeners.add(listener);
      return () => {
        if (!listeners.delete(listener) || listeners.size > 0) return;
        byPeer.delete(key);
        if (through !== undefined) through.peers--;
      };
    },
    portOf: (address: string, port: number) => byPeer.get(peerKey(address, port))?.through?.port,
    isTaken(bytes: Uint8Array, address: string, port: number): boolean {
      for (const listener of byPeer.get(peerKey(address, port))?.listeners ?? []) {
        if (listener(bytes, address, port)) return true;
      }
      return false;
    },
  };
}

function sessionsOf(first: DatagramPort | undefined, more: readonly DatagramPort[] = []): SessionPort[] {
  return first === undefined ? [] : [first, ...more].map((port) => ({ port, peers: 0 }));
}

function leastUsed(ports: readonly SessionPort[]): SessionPort | undefined {
  let least = ports[0];
  for (const one of ports) if (one.peers < least!.peers) least = one;
  return least;
}

function familyOf(address: string): 4 | 6 {
  return address.includes(":") ? 6 : 4;
}

/** Key of a peer, without zone: the system reports senders without it. */
function peerKey(address: string, port: number): string {
  return `${withoutZone(address)} ${port}`;
}

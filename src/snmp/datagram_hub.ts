/**
 * One UDP socket for a whole worker: the sweep and every session send through it, and each answer goes only to who asked
 * that very address and port. What nobody asked for is dropped and counted.
 */

/** A bound UDP socket of one address family. */
export interface DatagramPort {
  /** Rejects when the operating system or the sandbox refuses the destination. */
  send(bytes: Uint8Array, address: string, port: number): Promise<void>;
  /** Waits for the next datagram; the bytes are the caller's to keep. Undefined once closed. */
  receive(): Promise<{ bytes: Uint8Array; address: string; port: number } | undefined>;
  close(): void;
}

/** Returns true when the datagram was an answer to something that this listener asked. */
export type DatagramListener = (bytes: Uint8Array, address: string, port: number) => boolean;

export interface HubCounters {
  sent: number;
  received: number;
  /** From addresses that were not asked, or answering no open request. */
  stray: number;
}

export interface DatagramHub {
  send(bytes: Uint8Array, address: string, port: number): Promise<void>;
  /** Listens to one address and port until the returned function is called. */
  listenTo(address: string, port: number, listener: DatagramListener): () => void;
  /** Sees every datagram that no listener of its address took. */
  setSweep(listener: DatagramListener): void;
  readonly counters: HubCounters;
  close(): Promise<void>;
}

/** Starts receiving on the given ports; the IPv6 port serves addresses with a colon. */
export function startDatagramHub(
  ports: { ipv4: DatagramPort | undefined; ipv6: DatagramPort | undefined },
): DatagramHub {
  const listeners = new Map<string, Set<DatagramListener>>();
  const counters: HubCounters = { sent: 0, received: 0, stray: 0 };
  let sweep: DatagramListener = () => false;

  function dispatch(bytes: Uint8Array, address: string, port: number): void {
    counters.received++;
    for (const listener of listeners.get(key(address, port)) ?? []) {
      if (listener(bytes, address, port)) return;
    }
    if (sweep(bytes, address, port)) return;
    counters.stray++;
  }

  async function receiveAll(port: DatagramPort): Promise<void> {
    for (;;) {
      const datagram = await port.receive();
      if (datagram === undefined) return;
      dispatch(datagram.bytes, datagram.address, datagram.port);
    }
  }

  const loops = [ports.ipv4, ports.ipv6].filter((port) => port !== undefined).map(receiveAll);

  return {
    counters,
    async send(bytes, address, port) {
      const socket = address.includes(":") ? ports.ipv6 : ports.ipv4;
      if (socket === undefined) throw new RangeError(`Cannot send to ${address} as no socket of its family is open`);
      counters.sent++;
      await socket.send(bytes, address, port);
    },
    listenTo(address, port, listener) {
      const at = key(address, port);
      const set = listeners.get(at) ?? new Set();
      set.add(listener);
      listeners.set(at, set);
      return () => {
        set.delete(listener);
        if (set.size === 0 && listeners.get(at) === set) listeners.delete(at);
      };
    },
    setSweep(listener) {
      sweep = listener;
    },
    async close() {
      ports.ipv4?.close();
      ports.ipv6?.close();
      await Promise.all(loops);
    },
  };
}

function key(address: string, port: number): string {
  return `${address} ${port}`;
}

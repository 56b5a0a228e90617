/** Faults of a network, one per connection, at random bytes and in random order. */
import { Buffer } from "node:buffer";
import net from "node:net";
import type { ProxiedConnection } from "../fixtures/tcp_proxy.ts";

export type NetworkFault =
  /** The connection ends at some byte of a request or an answer. */
  | "cut"
  /** The platform handles the request, and its answer is lost. */
  | "mute"
  /** The request arrives long after the client's timeout, after later requests. */
  | "late"
  /** Chunks are split, and arrive after later ones of other connections. */
  | "slow"
  /** Everything that the client sends arrives a second time, on another connection. */
  | "twice";

export const networkFaults: readonly NetworkFault[] = ["cut", "mute", "late", "slow", "twice"];

export interface FaultyNetworkOptions {
  /** 0 to 1. */
  random: () => number;
  target: number;
  /** A fault has happened completely. */
  onFault(fault: NetworkFault): void;
}

/** Approximate bytes of a TLS handshake in each direction: some faults apply to what follows. */
const handshakeBytes = 2000;
/** Approximate bytes of a poll or a small batch and its answer. */
const callBytes = 1000;
const longestDelayMs = 20;

/** What a fault needs of its network. */
interface Faults {
  target: number;
  between(least: number, most: number): number;
  /** Keeps what is delivered later. */
  hold(deliver: () => void): void;
  onFault(fault: NetworkFault): void;
}

function cut({ client, server }: ProxiedConnection, { between, onFault }: Faults): void {
  let left = between(0, 2 * handshakeBytes + 4 * callBytes);
  const through = (to: net.Socket) => (chunk: Buffer) => {
    to.write(chunk.subarray(0, left));
    left -= chunk.length;
    if (left > 0) return;
    client.destroy();
    onFault("cut");
  };
  client.on("data", through(server));
  server.on("data", through(client));
}

function mute({ client, server }: ProxiedConnection, { between, onFault }: Faults): void {
  let passes = between(handshakeBytes, handshakeBytes + callBytes), asked = false;
  client.on("data", (chunk: Buffer) => {
    server.write(chunk);
    asked ||= passes <= 0;
  });
  server.on("data", (chunk: Buffer) => {
    if (passes > 0) client.write(chunk);
    passes -= chunk.length;
    if (!asked) return;
    client.destroy();
    onFault("mute");
  });
}

function late(connection: ProxiedConnection, { between, hold, onFault }: Faults): void {
  const { client, server } = connection;
  let passes = between(handshakeBytes, handshakeBytes + 3 * callBytes);
  const kept: Buffer[] = [];
  client.on("data", (chunk: Buffer) => {
    if (passes > 0) return void ((passes -= chunk.length), server.write(chunk));
    kept.push(chunk);
    if (kept.length > 1) return;
    connection.linked = false;
    setTimeout(() => client.destroy(), longestDelayMs);
    hold(() => {
      server.write(Buffer.concat(kept));
      server.once("data", () => onFault("late"));
      setTimeout(() => server.destroy(), 10 * longestDelayMs);
    });
  });
  server.on("data", (chunk: Buffer) => void client.write(chunk));
}

function slow({ client, server }: ProxiedConnection, { between, onFault }: Faults): void {
  let left = 2 * handshakeBytes + between(0, 6 * callBytes);
  const through = (to: net.Socket) => {
    let before = Promise.resolve();
    return (chunk: Buffer) => {
      const at = between(0, chunk.length);
      for (const part of [chunk.subarray(0, at), chunk.subarray(at)]) {
        before = before.then(() => new Promise((resolve) => setTimeout(resolve, between(0, longestDelayMs))))
          .then(() => void to.write(part));
      }
      left -= chunk.length;
      if (left < 0) before.then(() => client.destroy()).then(() => onFault("slow"));
    };
  };
  client.on("data", through(server));
  server.on("data", through(client));
}

function twice({ client, server }: ProxiedConnection, { between, onFault, target }: Faults): void {
  let left = handshakeBytes + between(0, 4 * callBytes);
  const again = net.connect(target, "127.0.0.1");
  again.on("error", () => {}); // TLS rejects the copy.
  again.resume();
  client.on("data", (chunk: Buffer) => {
    server.write(chunk);
    again.write(chunk);
    left -= chunk.length;
    if (left > 0) return;
    client.destroy();
    again.destroy();
    onFault("twice");
  });
  client.on("close", () => again.destroy());
  server.on("data", (chunk: Buffer) => void client.write(chunk));
}

const handlers: Record<NetworkFault, (connection: ProxiedConnection, faults: Faults) => void> = {
  cut,
  mute,
  late,
  slow,
  twice,
};

/** Returns the handler for the proxy, and `release`, which delivers everything still delayed. */
export function createFaultyNetwork({ random, target, onFault }: FaultyNetworkOptions): {
  handle(connection: ProxiedConnection): void;
  release(): void;
} {
  let held: (() => void)[] = [];
  const remaining: NetworkFault[] = [];
  const faults: Faults = {
    target,
    between: (least, most) => Math.floor(least + random() * (most - least)),
    hold: (deliver) => void held.push(deliver),
    onFault,
  };

  function nextFault(): NetworkFault {
    if (remaining.length === 0) remaining.push(...networkFaults.toSorted(() => random() - 0.5));
    return remaining.pop()!;
  }
  function release(): void {
    for (const give of held) give();
    held = [];
  }
  return {
    handle(connection) {
      // Delayed requests arrive after later ones.
      if (held.length > 1) release();
      handlers[nextFault()](connection, faults);
    },
    release,
  };
}

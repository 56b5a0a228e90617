/**
 * Accepts TCP connections before TLS costs anything, and hands those that may stay to the gRPC server.
 *
 * The runtime ends accepting for good, and tells nobody, when accept() fails for want of a descriptor. Therefore whoever
 * listens here dials itself when nothing came for a while, and listens again when that does not arrive.
 */
import { closeSync, openSync, readFileSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { once } from "node:events";
import type { ConnectionGate } from "./connection_gate.ts";

export interface AcceptOptions {
  host: string;
  port: number;
  gate: ConnectionGate;
  take(socket: Socket): void;
  log(event: string, fields: Record<string, string | number | boolean>): void;
  /** How long nothing may come until the listener is tried; default: 10,000. */
  tryAfterMs?: number;
}

export interface Acceptor {
  port: number;
  /** Stops listening; what was taken goes on. */
  stop(): void;
  /** Ends every connection. */
  cutOff(): void;
}

const expireMs = 500;
const countsMs = 60_000;

/** Rejects with what listen() says. */
export async function acceptConnections(options: AcceptOptions): Promise<Acceptor> {
  const { gate, log, tryAfterMs = 10_000 } = options;
  const host = options.host.replace(/^\[|\]$/g, "");
  const sockets = new Set<Socket>();
  let arrivedMs = performance.now();
  let isStopped = false;
  let isTrying = false;

  function arrive(socket: Socket): void {
    arrivedMs = performance.now();
    const { remoteAddress, remotePort = 0 } = socket;
    // Without it, an error ends the process.
    socket.on("error", () => {});
    const peer = `${remoteAddress}:${remotePort}`;
    if (remoteAddress === undefined || !gate.enter(peer, () => socket.destroy())) return void socket.destroy();
    sockets.add(socket);
    socket.once("close", () => {
      sockets.delete(socket);
      gate.leave(peer);
    });
    socket.setNoDelay(true);
    options.take(socket);
  }

  async function listen(port: number): Promise<Server> {
    const server = createServer(arrive);
    server.listen({ host, port });
    await once(server, "listening");
    server.on("error", (error) => log("acceptFailed", { message: error.message }));
    return server;
  }

  let server = await listen(options.port);
  const { port } = server.address() as { port: number };

  async function tryListener(): Promise<void> {
    // The runtime may end the process where a socket cannot be made.
    if (isTrying || performance.now() - arrivedMs < tryAfterMs || !hasDescriptors()) return;
    isTrying = true;
    try {
      const beganMs = performance.now();
      if (await dialed({ host, port, hasArrived: () => arrivedMs > beganMs }) || isStopped) return;
      log("listeningAnew", { port });
      server.close();
      server = await listen(port);
      if (isStopped) server.close();
    } catch (error) {
      // Tried again with the next round.
      log("acceptFailed", { message: error instanceof Error ? error.message : String(error) });
    } finally {
      isTrying = false;
    }
  }

  const timers = [
    setInterval(() => gate.expire(), expireMs),
    setInterval(() => void tryListener(), Math.max(100, tryAfterMs / 2)),
    setInterval(() => {
      const { refused, replaced, expired, source } = gate.takeCounts();
      if (refused + replaced + expired > 0) log("connectionsTurnedAway", { refused, replaced, expired, source });
    }, countsMs),
  ];

  return {
    port,
    stop() {
      isStopped = true;
      for (const timer of timers) clearInterval(timer);
      server.close();
    },
    cutOff() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

const spareDescriptors = 32;

function hasDescriptors(): boolean {
  const opened: number[] = [];
  try {
    while (opened.length < spareDescriptors) opened.push(openSync("/dev/null", "r"));
    return true;
  } catch {
    return false;
  } finally {
    for (const descriptor of opened) closeSync(descriptor);
  }
}

interface DialOptions {
  host: string;
  port: number;
  hasArrived(): boolean;
}

const dialMs = 3000;

/* Whether a connection of our own, or any, comes through. One that cannot even be made says nothing of the listener. */
async function dialed({ host, port, hasArrived }: DialOptions): Promise<boolean> {
  const own = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  const outcome = Promise.withResolvers<boolean>();
  const socket = connect({ host: own, port });
  let isConnected = false;
  socket.on("connect", () => isConnected = true);
  socket.on("error", () => outcome.resolve(true));
  const looking = setInterval(() => hasArrived() && outcome.resolve(true), 50);
  const timer = setTimeout(() => outcome.resolve(!isConnected), dialMs);
  try {
    return await outcome.promise;
  } finally {
    clearInterval(looking);
    clearTimeout(timer);
    socket.destroy();
  }
}

/** How many descriptors the process may hold; undefined where the system does not say. */
export function maybeDescriptorLimit(): number | undefined {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
    return limit === undefined ? undefined : Number(limit);
  } catch {
    return undefined;
  }
}

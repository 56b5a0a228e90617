/**
 * Accepts TCP connections, and passes those that may stay to a server (gRPC, MQTT, SSH, web access), before TLS or SSH uses
 * resources.
 *
 * If accept() fails because there is no free descriptor, the runtime stops accepting permanently, without an error. So
 * the listener connects to itself after some time without connections, and listens again if that connection does not
 * arrive.
 */
import { Buffer } from "node:buffer";
import { closeSync, openSync, readFileSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { once } from "node:events";
import { messageOf, UnavailableError } from "../../../common/core/errors.ts";
import { tryParseIp, withoutZone } from "../../../common/core/ip.ts";
import { type IpRange, rangeContains } from "../../../common/core/ip_range.ts";
import type { ConnectionGate } from "./connection_gate.ts";
import { parseProxyHeader, type ProxyHeader } from "./proxy_header.ts";
import { sourceOf } from "./source.ts";

export interface AcceptOptions {
  /** The option of `serve` that names the address, for the message if the port is in use. */
  option: string;
  host: string;
  port: number;
  gate: ConnectionGate;
  /** Balancers that start each connection with a PROXY header; undefined if there are none. */
  proxies?: readonly IpRange[] | undefined;
  take(socket: Socket): void;
  log(event: string, fields: Record<string, string | number | boolean>): void;
  /** How long a PROXY header may take. */
  headerMs?: number;
  /** Milliseconds without connections before the listener is tested; default: 10,000. */
  tryAfterMs?: number;
  /** Bytes that may come by a connection without a call that begins or ends; default: no limit. */
  mostBytesBetweenCalls?: number;
}

export interface Acceptor {
  port: number;
  /** Stops listening; accepted connections continue. */
  stop(): void;
  /** Ends every connection. */
  cutOff(): void;
}

const expireMs = 500;
const floodLookMs = 100;
const countsMs = 60_000;

/** Throws UnavailableError if the port is in use. */
export async function acceptConnections(options: AcceptOptions): Promise<Acceptor> {
  const { gate, log, tryAfterMs = 10_000 } = options;
  const host = options.host.replace(/^\[|\]$/g, "");
  const sockets = new Set<Socket>();
  let arrivedMs = performance.now();
  let isStopped = false;
  let isTrying = false;
  const takeWithHeader = headerReader(options);

  function arrive(socket: Socket): void {
    arrivedMs = performance.now();
    const { remoteAddress, remotePort = 0 } = socket;
    // Without a listener, an error ends the process.
    socket.on("error", () => {});
    const peer = `${remoteAddress}:${remotePort}`;
    const isProxied = isAmong(options.proxies ?? [], remoteAddress);
    if (
      remoteAddress === undefined ||
      !gate.enter(peer, () => socket.destroy(), { isProxied, bytesRead: () => socket.bytesRead })
    ) {
      return void socket.destroy();
    }
    sockets.add(socket);
    socket.once("close", () => {
      sockets.delete(socket);
      gate.leave(peer);
    });
    socket.setNoDelay(true);
    if (options.proxies === undefined) options.take(socket);
    else void takeWithHeader(socket, { peer, isProxied });
  }

  async function listen(port: number): Promise<Server> {
    const server = createServer(arrive);
    server.listen({ host, port });
    await once(server, "listening");
    server.on("error", (error) => log("acceptFailed", { message: error.message }));
    return server;
  }

  let server = await listen(options.port).catch((error) => Promise.reject(inUse(options, error)));
  const { port } = server.address() as { port: number };

  async function tryListener(): Promise<void> {
    // The runtime may end the process if a socket cannot be created.
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
      // Tried again in the next round.
      log("acceptFailed", { message: messageOf(error) });
    } finally {
      isTrying = false;
    }
  }

  const timers = [...gateTimers(options), setInterval(() => void tryListener(), Math.max(100, tryAfterMs / 2))];

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

function gateTimers({ gate, log, mostBytesBetweenCalls = Infinity }: AcceptOptions) {
  return [
    setInterval(() => gate.expire(), expireMs),
    setInterval(() => gate.cutFloods(mostBytesBetweenCalls), floodLookMs),
    setInterval(() => {
      const { refused, replaced, expired, source } = gate.takeCounts();
      if (refused + replaced + expired > 0) log("connectionsTurnedAway", { refused, replaced, expired, source });
    }, countsMs),
  ];
}

/**
 * For `take`: passes connections to an HTTP server that does not listen by itself, which would close each one after its
 * first answer.
 */
export function passTo(server: Server): (socket: Socket) => void {
  Object.defineProperty(server, "listening", { value: true });
  return (socket) => void server.emit("connection", socket);
}

function inUse({ host, port, option }: AcceptOptions, cause: unknown): UnavailableError {
  const hint = `see whether another program listens there, or choose another ${option}`;
  return new UnavailableError(`Cannot listen on ${host}:${port}: ${messageOf(cause)}`, hint, 0, { cause });
}

/* Takes connections once their header is read, or known to be missing: those from elsewhere are agents' own. */
function headerReader({ gate, take, log, headerMs = 5000 }: AcceptOptions) {
  const refusals = refusalLog(log);
  return async (socket: Socket, { peer, isProxied }: { peer: string; isProxied: boolean }): Promise<void> => {
    const header = await proxyHeaderOf(socket, isProxied ? headerMs : undefined);
    if (header === undefined) return;
    const why = refusalOf(header, isProxied);
    if (why !== undefined) refusals.note({ from: sourceOf(peer), why });
    else if (!isProxied || gate.nameSource(peer, sourceOf(peerOf(header) ?? peer))) return take(socket);
    socket.destroy();
  };
}

function isAmong(ranges: readonly IpRange[], text: string | undefined): boolean {
  const address = tryParseIp(withoutZone(text ?? ""));
  return address !== undefined && ranges.some((range) => rangeContains(range, address));
}

/* Reads no further than the header goes, as TLS follows; undefined when the connection ended before anything came. */
function proxyHeaderOf(socket: Socket, waitMs: number | undefined): Promise<ProxyHeader | undefined> {
  const { promise, resolve } = Promise.withResolvers<ProxyHeader | undefined>();
  let held = Buffer.alloc(0);
  function end(header: ProxyHeader | undefined): void {
    clearTimeout(timer);
    socket.off("data", take).off("close", onClose);
    // TLS reads it later.
    socket.pause();
    const rest = typeof header === "object" && "bytes" in header ? held.subarray(header.bytes) : held;
    if (rest.length > 0 && !socket.destroyed) socket.unshift(rest);
    resolve(header);
  }
  function take(chunk: Buffer): void {
    held = Buffer.concat([held, chunk]);
    const header = parseProxyHeader(held);
    if (header !== "incomplete") end(header);
  }
  const onClose = () => end(held.length === 0 ? undefined : "incomplete");
  const timer = waitMs === undefined ? undefined : setTimeout(() => end("incomplete"), waitMs);
  socket.on("data", take).on("close", onClose);
  return promise;
}

/* Why the connection may not go on; undefined where it may. */
function refusalOf(header: ProxyHeader, isProxied: boolean): string | undefined {
  if (header === "incomplete") return isProxied ? "its PROXY header does not end" : "it ended within its first bytes";
  const isHeader = "bytes" in header;
  if (isProxied) return isHeader ? undefined : header.invalid;
  return isHeader ? "it has a PROXY header, and its address is not one of --proxy-protocol" : undefined;
}

function peerOf(header: ProxyHeader): string | undefined {
  return typeof header === "object" && "peer" in header ? header.peer : undefined;
}

const refusalMs = 60_000;

/* The first at once, and then one line a minute at most, so that nobody fills the log. */
function refusalLog(log: AcceptOptions["log"]): { note(refusal: { from: string; why: string }): void } {
  let lastMs = -Infinity, untold = 0;
  return {
    note(refusal) {
      if (performance.now() - lastMs < refusalMs) return void untold++;
      log("proxyHeaderRefused", { ...refusal, ...(untold > 0 ? { othersBefore: untold } : {}) });
      lastMs = performance.now();
      untold = 0;
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

/** Assumed where the system does not say it. */
const usualDescriptors = 16_384;

/** Maximum number of descriptors of the process. */
export function descriptorLimit(): number {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
    return limit === undefined ? usualDescriptors : Number(limit);
  } catch {
    return usualDescriptors;
  }
}

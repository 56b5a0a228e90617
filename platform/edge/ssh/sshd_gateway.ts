/**
 * OpenSSH's sshd as the gateway: it asks here which port of its loopback a key may listen at, and the platform connects
 * to that port: a TCP connection for each connection to the device. `docs/gateway-openssh.md` has its configuration.
 */
import { Buffer } from "node:buffer";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf, UnavailableError } from "../../../common/core/errors.ts";
import { admitSession, type AllowedForward, forwardOfKey, noteOpen } from "../../access/gateway_sessions.ts";
import type { GatewayHost, SshdForwards } from "../../access/gateways.ts";
import { keyDigest } from "../../access/one_time_key.ts";
import type { Platform } from "../../agents/platform.ts";
import { acceptConnections, passTo } from "../connections/accept_connections.ts";
import { ConnectionGate } from "../connections/connection_gate.ts";
import {
  type CarriedBytes,
  type KeptSessions,
  keptSessions,
  noteEnded,
  runGateway,
  type SshGateway,
} from "./kept_sessions.ts";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { dial } from "../../../common/host/dial.ts";
import { answerBytes, createHello, type ForwardKind, isAnswer } from "../../../common/protocol/forward_hello.ts";
import { agentClosed, type Tunnel } from "../../access/tunnels.ts";

export interface SshdGatewayOptions extends SshdForwards {
  /** Where sshd asks for keys; port 0: any free port. */
  host: string;
  port: number;
  /** Addresses of sshd that agents connect to. */
  hosts: GatewayHost[];
  /** Public host key in SSH encoding. */
  hostKey: Uint8Array;
  /** Domain and port where this process shows pages of printers. */
  web?: string | undefined;
  /** How often to check whether sessions were closed. */
  lookMs?: number;
  openTimeoutMs?: number;
  /** Maximum time between the question for a key and the forward. */
  forwardWithinMs?: number;
  /** See `ForwardedTunnelParts`. */
  sayEveryMs?: number;
}

/** Options of `serve`; without them, sshd is not asked. */
export interface SshdServeOptions {
  sshd?: Omit<SshdGatewayOptions, "web"> | undefined;
}

interface Running extends KeptSessions {
  options: SshdGatewayOptions;
  /** By session, while its port is being tried. */
  awaited: Map<string, Promise<void>>;
  over: AbortController;
}

/** Questions come from one machine, each on a connection of its own. */
const gateLimits = { mostConnections: 200, anonymousOfSource: 200, withoutCallMs: 10_000, anonymousMs: 10_000 };
const mostAnonymous = 200, ofAgent = 8, sureMs = 1000;
const mostChannels = 32;
const tryEveryMs = 50;

/** Throws UnavailableError if the port is in use. Disposal ends all sessions. */
export async function startSshdGateway(platform: Platform, options: SshdGatewayOptions): Promise<SshGateway> {
  const gatewayId = crypto.randomUUID();
  const running: Running = {
    ...keptSessions(platform, gatewayId),
    options,
    awaited: new Map(),
    over: new AbortController(),
  };
  const server = createServer((request, response) => void answerKeys(request, response, running));
  server.on("clientError", (_, socket) => socket.destroy());
  const acceptor = await acceptConnections({
    option: "--sshd-keys",
    host: options.host,
    port: options.port,
    gate: new ConnectionGate({ ...gateLimits, mostAnonymous, ofAgent, sureMs }, () => performance.now()),
    log: platform.log,
    take: passTo(server),
  });
  const { hosts, hostKey, web, user, firstPort, lastPort } = options;
  const gateway = { gatewayId, hosts, hostKey, web, sshd: { user, firstPort, lastPort } };
  return await runGateway(running, {
    acceptor,
    gateway,
    lookMs: options.lookMs,
    async stopping() {
      running.over.abort();
      await Promise.all(running.awaited.values());
    },
  });
}

/** The line of `authorized_keys` for this key, or nothing. sshd asks once or twice for each sign-in. */
async function answerKeys(request: IncomingMessage, response: ServerResponse, running: Running): Promise<void> {
  const { platform, gatewayId } = running;
  const url = URL.parse(request.url ?? "/", "http://localhost");
  const key = url?.searchParams.get("key") ?? "";
  const answer = (status: number, text: string) =>
    void response.writeHead(status, { "content-type": "text/plain", connection: "close" }).end(text);
  if (request.method !== "GET" || url?.pathname !== "/authorized-keys" || !isKey(key)) return answer(404, "");
  try {
    const digest = keyDigest(Buffer.from(key, "base64"));
    const forward = await forwardOfKey(platform, { gatewayId, keyDigest: digest });
    if ("refused" in forward) {
      platform.log("accessRefused", { session: forward.sessionId, source: "sshd", reason: forward.refused });
      return answer(404, "");
    }
    const { awaited } = running, { sessionId } = forward;
    if (!awaited.has(sessionId)) {
      awaited.set(sessionId, awaitForward(forward, digest, running).finally(() => awaited.delete(sessionId)));
    }
    answer(200, `${authorizedKey(key, forward)}\n`);
  } catch (error) {
    platform.log("storeBusy", { message: messageOf(error) });
    answer(503, "");
  }
}

/** A public Ed25519 key in SSH encoding, Base64. */
function isKey(text: string): boolean {
  return /^AAAAC3NzaC1lZDI1NTE5AAAAI[A-Za-z0-9+/]{43}$/.test(text);
}

/** With what it may be used for: see sshd(8), "AUTHORIZED_KEYS FILE FORMAT". */
export function authorizedKey(key: string, { port, endsAt }: Pick<AllowedForward, "port" | "endsAt">): string {
  const expiry = `${endsAt.toISOString().replace(/\..*|\D/g, "").slice(0, 14)}Z`;
  return `restrict,port-forwarding,permitlisten="127.0.0.1:${port}",expiry-time="${expiry}" ssh-ed25519 ${key}`;
}

/** Connects to the port once the agent has it; then the key is used. */
async function awaitForward(forward: AllowedForward, digest: Uint8Array, running: Running): Promise<void> {
  const { over, options } = running, late = new AbortController();
  const timer = setTimeout(() => late.abort(), options.forwardWithinMs ?? 30_000);
  const signal = AbortSignal.any([over.signal, late.signal]);
  try {
    while (!signal.aborted && !await beginTunnel(forward, { digest, signal }, running)) {
      await sleep(tryEveryMs, undefined, { signal }).catch(() => {});
    }
  } catch (error) {
    running.platform.log("storeBusy", { message: messageOf(error) });
  } finally {
    clearTimeout(timer);
  }
}

/** False if the agent does not listen yet. */
async function beginTunnel(
  { sessionId, port, forwardKey: key }: AllowedForward,
  { digest, signal }: { digest: Uint8Array; signal: AbortSignal },
  running: Running,
): Promise<boolean> {
  const { platform, gatewayId, tunnels, sessions, options } = running;
  const session = await connectForwarded({ port, key }, { kind: "session", timeoutMs: 5_000, signal }).catch(() => {});
  if (session === undefined) return false;
  const admitted = await admitSession(platform, { sessionId, keyDigest: digest, gatewayId }).catch((error) => {
    session.destroy();
    throw error;
  });
  if ("refused" in admitted || !await noteOpen(platform, admitted)) {
    session.destroy();
    return true;
  }
  const tunnel = createForwardedTunnel({
    sessionId,
    port,
    key,
    session,
    mostChannels,
    openTimeoutMs: options.openTimeoutMs ?? 15_000,
    ...(options.sayEveryMs === undefined ? {} : { sayEveryMs: options.sayEveryMs }),
  });
  sessions.set(sessionId, admitted);
  tunnels.add(tunnel);
  platform.log("accessOpened", { session: sessionId, agent: admitted.agentId });
  void tunnel.closed.then((reason) => {
    sessions.delete(sessionId);
    noteEnded(admitted, { bytes: tunnel.bytes(), reason }, running);
  });
  return true;
}

interface ForwardedPort {
  port: number;
  key: Uint8Array;
}

interface ForwardedTunnelParts extends ForwardedPort {
  sessionId: string;
  /** The connection of kind `session`. */
  session: Socket;
  /** Maximum number of connections; a browser opens six. */
  mostChannels: number;
  /** How long the agent may take to reach the device. */
  openTimeoutMs: number;
  /** How often to send an octet, which the agent ignores, by the connection of kind `session`. */
  sayEveryMs?: number;
}

/** sshd closes a connection by which nothing was sent for some minutes (`ChannelTimeout`). */
const sayEveryMs = 60_000;

interface ForwardedTunnel extends Tunnel {
  bytes(): CarriedBytes;
}

function createForwardedTunnel(parts: ForwardedTunnelParts): ForwardedTunnel {
  const { sessionId, session, mostChannels, openTimeoutMs } = parts;
  const closed = Promise.withResolvers<string>(), over = new AbortController();
  const sockets = new Set<Socket>(), ended: CarriedBytes = { toDevice: 0, fromDevice: 0 };
  let end: string | undefined, pending = 0;
  // What is not read would hide that the connection has ended.
  session.resume();
  const timer = setInterval(
    () => session.writableLength === 0 && session.write("."),
    parts.sayEveryMs ?? sayEveryMs,
  );
  session.once("close", () => {
    clearInterval(timer);
    close(agentClosed);
    closed.resolve(end!);
  });
  if (session.destroyed) session.emit("close");

  /* sshd ends a connection of SSH by which nothing is open. */
  function close(why: string): void {
    end ??= why;
    over.abort();
    for (const socket of sockets) socket.destroy();
    session.destroy();
  }

  function add(socket: Socket): Duplex {
    sockets.add(socket);
    socket.once("close", () => {
      sockets.delete(socket);
      ended.toDevice += socket.bytesWritten;
      ended.fromDevice += socket.bytesRead;
    });
    return socket;
  }

  return {
    sessionId,
    close,
    closed: closed.promise,
    bytes() {
      const now = { ...ended };
      for (const { bytesWritten, bytesRead } of sockets) {
        now.toDevice += bytesWritten;
        now.fromDevice += bytesRead;
      }
      return now;
    },
    async open() {
      if (end !== undefined) throw new UnavailableError(`The session has ended: ${end}`);
      const channels = sockets.size + pending;
      if (channels >= mostChannels) throw new UnavailableError(`The session has ${channels} connections already`);
      pending++;
      try {
        return add(await connectForwarded(parts, { kind: "device", timeoutMs: openTimeoutMs, signal: over.signal }));
      } catch (error) {
        throw end === undefined ? error : new UnavailableError("The session has ended", undefined, 0, { cause: error });
      } finally {
        pending--;
      }
    },
  };
}

/** A connection whose other end has proven that it is the agent of the session. */
async function connectForwarded(
  { port, key }: ForwardedPort,
  { kind, timeoutMs, signal }: { kind: ForwardKind; timeoutMs: number; signal: AbortSignal },
): Promise<Socket> {
  const socket = await dial({ host: "127.0.0.1", port }, {
    proxy: undefined,
    tls: null,
    stepTimeoutMs: timeoutMs,
    signal,
  });
  // Without a listener, an error ends the process.
  socket.on("error", () => {});
  const answer = Promise.withResolvers<Uint8Array>();
  const fail = (message: string) => answer.reject(new UnavailableError(message));
  const timer = setTimeout(() => fail("The agent did not reach the device in time"), timeoutMs);
  const onClose = () => fail("The agent cannot reach the device"), onAbort = () => fail("The session has ended");
  const onReadable = () => {
    const octets: Uint8Array | null = socket.read(answerBytes);
    if (octets !== null) answer.resolve(octets);
  };
  socket.on("readable", onReadable).once("close", onClose).once("end", onClose);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    signal.throwIfAborted();
    const hello = createHello(kind, key);
    socket.write(hello);
    if (isAnswer(await answer.promise, { hello, key })) return socket;
    throw new UnavailableError("What listens at the port of the session is not its agent");
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
    socket.off("readable", onReadable).off("close", onClose).off("end", onClose);
  }
}

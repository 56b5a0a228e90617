/**
 * The SSH gateway: agents connect to it for one session each, with the key of that session, and request one remote
 * forward. No port is opened for the forward: connections to the device start in this process (`Tunnel.open`). No other
 * SSH feature is available: no shell, no command, no subsystem, no forward into the platform's network, no agent and no
 * X11.
 */
import type { Socket } from "node:net";
import { messageOf, UnavailableError } from "../../../common/core/errors.ts";
import {
  algorithms,
  type AuthContext,
  keepAlive,
  Server,
  type ServerConnection,
  utils,
} from "../../../common/host/ssh2.ts";
import { admitSession, type AdmittedSession, noteOpen } from "../../access/gateway_sessions.ts";
import type { Gateway, GatewayHost } from "../../access/gateways.ts";
import { keyDigest } from "../../access/one_time_key.ts";
import { agentClosed, type Tunnel, type Tunnels } from "../../access/tunnels.ts";
import type { IpRange } from "../../../common/core/ip_range.ts";
import type { Platform } from "../../agents/platform.ts";
import { acceptConnections } from "../connections/accept_connections.ts";
import { ConnectionGate, type GateLimits } from "../connections/connection_gate.ts";
import type { HostKey } from "./host_key.ts";
import {
  type CarriedBytes,
  type KeptSessions,
  keptSessions,
  noteEnded,
  runGateway,
  type SshGateway,
} from "./kept_sessions.ts";
import type { Duplex } from "node:stream";

export interface SshGatewayOptions {
  host: string;
  /** 0: any free port. */
  port: number;
  hostKey: HostKey;
  /** Addresses that agents connect to; port 0: the listening port. */
  hosts: GatewayHost[];
  /** Domain and port where this process shows pages of printers. */
  web?: string | undefined;
  connections?: Partial<GateLimits>;
  /** See `AcceptOptions`. */
  proxies?: readonly IpRange[] | undefined;
  /** Maximum time between login and forward. */
  forwardWithinMs?: number;
  openTimeoutMs?: number;
  /** How often to check whether sessions were closed. */
  lookMs?: number;
}

/** Options of `serve`; without them, there is no gateway. */
export interface SshServeOptions {
  ssh?: { host: string; port: number; hosts: GatewayHost[] } | undefined;
}

/** Result of `serve`. */
export interface SshServer {
  sshPort: number;
  /** Where OpenSSH's sshd asks for keys. */
  sshdKeysPort: number;
  tunnels: Tunnels;
}

/** Shared by all connections. */
interface Running extends KeptSessions {
  options: SshGatewayOptions;
  gate: ConnectionGate;
  /** Sockets by peer. */
  sockets: Map<string, Socket>;
}

const gateLimits: GateLimits = {
  mostConnections: 1000,
  mostAnonymous: 200,
  anonymousOfSource: 16,
  ofAgent: 8,
  withoutCallMs: 15_000,
  anonymousMs: 15_000,
  sureMs: 1000,
};
const mostChannels = 32;

/** Throws UnavailableError if the port is in use. Disposal ends all sessions. */
export async function startSshGateway(platform: Platform, options: SshGatewayOptions): Promise<SshGateway> {
  const gate = new ConnectionGate({ ...gateLimits, ...options.connections }, () => performance.now());
  const gatewayId = crypto.randomUUID();
  const running: Running = { ...keptSessions(platform, gatewayId), options, gate, sockets: new Map() };
  const server = new Server(
    { hostKeys: [options.hostKey.privateKey], ident: "OpenDCA", algorithms, ...keepAlive },
    (connection, info) => serveConnection(connection, `${info.ip}:${info.port}`, running),
  );
  const acceptor = await acceptConnections({
    option: "--ssh-listen",
    ...options,
    gate,
    log: platform.log,
    take(socket) {
      const peer = peerOf(socket);
      running.sockets.set(peer, socket);
      socket.once("close", () => running.sockets.delete(peer));
      server.injectSocket(socket);
    },
  });
  const hosts = options.hosts.map(({ host, port }) => ({ host, port: port === 0 ? acceptor.port : port }));
  const gateway: Gateway = { gatewayId, hosts, hostKey: options.hostKey.publicKey, web: options.web };
  return await runGateway(running, { acceptor, gateway, lookMs: options.lookMs });
}

function serveConnection(connection: ServerConnection, peer: string, running: Running): void {
  const { platform, sockets, gate, options } = running;
  const socket = sockets.get(peer);
  if (socket === undefined) return connection.end();
  /** The session; only set after its key was proven. */
  let admitted: AdmittedSession | undefined;
  let isJudged = false, isAsked = false;
  // Other protocols and lost connections: the connection ends anyway.
  connection.on("error", () => {});
  connection.on("authentication", (context: AuthContext) => {
    const signed = maybeSigned(context);
    if (signed === "asked") return context.accept();
    if (signed === undefined) return context.reject(["publickey"]);
    // One signature per connection: each guess needs a new connection.
    if (isJudged) return connection.end();
    isJudged = true;
    judge(context, signed, running).then((verdict) => {
      if (!("refused" in verdict)) {
        admitted = verdict;
        gate.callBegan(peer, verdict.agentId);
        return context.accept();
      }
      platform.log("accessRefused", {
        session: context.username,
        source: gate.sourceOf(peer),
        reason: verdict.refused,
      });
      context.reject([]);
      connection.end();
    }).catch((error) => {
      platform.log("storeBusy", { message: messageOf(error) });
      connection.end();
    });
  });
  connection.once("ready", () => {
    const timer = setTimeout(() => !isAsked && socket.destroy(), options.forwardWithinMs ?? 15_000);
    socket.once("close", () => clearTimeout(timer));
  });
  socket.once("close", () => {
    if (admitted !== undefined && !isAsked) {
      noteEnded(admitted, { bytes: bytesOf(socket), reason: "the agent asked for no forward" }, running);
    }
  });
  connection.on(
    "request",
    (accept?: (port?: number) => void, reject?: () => void, name?: string, info?: ForwardInfo) => {
      if (name === "cancel-tcpip-forward" && isAsked) {
        accept?.();
        return connection.end();
      }
      if (name !== "tcpip-forward" || isAsked || admitted === undefined || info === undefined) return reject?.();
      isAsked = true;
      const answer = { accept: () => accept?.(portOf(info)), reject: () => reject?.() };
      beginTunnel(admitted, { connection, socket, info, answer }, running).catch((error) => {
        platform.log("storeBusy", { message: messageOf(error) });
        connection.end();
      });
    },
  );
}

interface ForwardInfo {
  bindAddr: string;
  bindPort: number;
}

/* There is no port; the agent's library takes a channel by it. */
function portOf({ bindPort }: ForwardInfo): number {
  return bindPort === 0 ? 1 : bindPort;
}

/** The proven key; `asked` if the client first asks whether the key is acceptable. */
function maybeSigned(
  { method, username, key, blob, signature, hashAlgo }: AuthContext,
): "asked" | Uint8Array | undefined {
  if (method !== "publickey" || key?.algo !== "ssh-ed25519" || !/^ses-[\da-z]{12}$/.test(username)) return undefined;
  if (signature === undefined || blob === undefined) return "asked";
  const parsed = utils.parseKey(key.data);
  if (parsed instanceof Error || parsed.verify(blob, signature, hashAlgo) !== true) return undefined;
  return parsed.getPublicSSH();
}

function judge(
  { username }: AuthContext,
  publicKey: Uint8Array,
  { platform, gatewayId }: Running,
): Promise<AdmittedSession | { refused: string }> {
  return admitSession(platform, { sessionId: username, keyDigest: keyDigest(publicKey), gatewayId });
}

async function beginTunnel(
  session: AdmittedSession,
  { connection, socket, info, answer }: {
    connection: ServerConnection;
    socket: Socket;
    info: ForwardInfo;
    answer: { accept(): void; reject(): void };
  },
  running: Running,
): Promise<void> {
  const { platform, tunnels, sessions, options } = running;
  const { sessionId, agentId } = session;
  const tunnel: Tunnel = createTunnel({
    sessionId,
    connection,
    socket,
    forward: { address: info.bindAddr, port: portOf(info) },
    mostChannels,
    openTimeoutMs: options.openTimeoutMs ?? 15_000,
  });
  if (!await noteOpen(platform, session)) {
    answer.reject();
    return connection.end();
  }
  answer.accept();
  sessions.set(sessionId, session);
  tunnels.add(tunnel);
  platform.log("accessOpened", { session: sessionId, agent: agentId });
  void tunnel.closed.then((reason) => {
    sessions.delete(sessionId);
    noteEnded(session, { bytes: bytesOf(socket), reason }, running);
  });
}

function bytesOf({ bytesWritten, bytesRead }: Socket): CarriedBytes {
  return { toDevice: bytesWritten, fromDevice: bytesRead };
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress}:${remotePort}`;
}

interface TunnelParts {
  sessionId: string;
  connection: ServerConnection;
  /** The TCP socket of the connection. */
  socket: Socket;
  /** The forward that the agent requested. */
  forward: { address: string; port: number };
  /** Maximum number of channels; a browser opens six. */
  mostChannels: number;
  /** How long the agent may take to reach the device. */
  openTimeoutMs: number;
}

/* How long the peer may take to take notice. */
const lingerMs = 2_000;

function createTunnel(parts: TunnelParts): Tunnel {
  const { sessionId, connection, socket, forward } = parts;
  const closed = Promise.withResolvers<string>();
  let channels = 0;
  let end: string | undefined;

  function close(why: string): void {
    if (end !== undefined) return;
    end = why;
    connection.end();
    // A peer that has gone does not close its side.
    const timer = setTimeout(() => socket.destroy(), lingerMs);
    socket.once("close", () => clearTimeout(timer));
  }

  connection.on("error", (error: Error & { level?: string }) => {
    if (end !== undefined || error.level !== "client-timeout") return;
    end = "the agent stopped answering";
    socket.destroy();
  });
  socket.once("close", () => closed.resolve(end ?? agentClosed));
  return {
    sessionId,
    close,
    closed: closed.promise,
    open() {
      if (end !== undefined) return Promise.reject(new UnavailableError(`The session has ended: ${end}`));
      if (socket.destroyed) return Promise.reject(new UnavailableError("The session has ended"));
      if (channels >= parts.mostChannels) {
        return Promise.reject(new UnavailableError(`The session has ${channels} connections already`));
      }
      channels++;
      return openChannel(parts).then((channel) => {
        channel.once("close", () => channels--);
        return channel;
      }, (error) => {
        channels--;
        throw error;
      });
    },
  };

  function openChannel({ openTimeoutMs }: TunnelParts): Promise<Duplex> {
    const opened = Promise.withResolvers<Duplex>();
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      opened.reject(new UnavailableError("The agent did not reach the device in time"));
    }, openTimeoutMs);
    socket.once("close", onLost);
    function onLost(): void {
      opened.reject(new UnavailableError("The session has ended"));
    }
    connection.forwardOut(forward.address, forward.port, "127.0.0.1", 0, (error, channel) => {
      if (error !== undefined) {
        return opened.reject(new UnavailableError("The agent cannot reach the device", undefined, 0, { cause: error }));
      }
      // Without a listener, an error ends the process.
      channel.on("error", () => {});
      if (isLate) return void channel.destroy();
      opened.resolve(channel);
    });
    return opened.promise.finally(() => {
      clearTimeout(timer);
      socket.off("close", onLost);
    });
  }
}

/**
 * Listeners for agents: MQTT over TLS, and MQTT in WebSockets over TLS. A connection is passed to the broker only after
 * its certificate was identified as that of a known agent, by the same check as for gRPC.
 */
import https from "node:https";
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import tls, { type TLSSocket } from "node:tls";
import { createWebSocketStream, type WebSocket, WebSocketServer } from "ws";
import { messageOf } from "../../../common/core/errors.ts";
import type { IpRange } from "../../../common/core/ip_range.ts";
import {
  answerPings,
  maxPacketFromAgent,
  mqttFrameWatch,
  mqttPath,
  mqttSubprotocol,
} from "../../../common/protocol/mqtt.ts";
import { CallError } from "../../agents/call_error.ts";
import { type Caller, callerOf } from "../../agents/caller.ts";
import type { Platform } from "../../agents/platform.ts";
import type { CertificateFiles } from "../../keys/server_certificate.ts";
import { acceptConnections, descriptorLimit } from "../connections/accept_connections.ts";
import { ConnectionGate, type GateLimits, gateLimitsFor } from "../connections/connection_gate.ts";

export interface AgentConnection extends Caller {
  /** HOST:PORT of the agent's side. */
  peer: string;
  /** DER. */
  certificate: Uint8Array;
  /** Bytes of MQTT; ends with an error if a packet is too large. */
  stream: Duplex;
}

export interface ListenAt {
  host: string;
  /** 0: any free port. */
  port: number;
}

export interface AgentListenerOptions extends ListenAt {
  kind: "tls" | "wss";
  certificate: CertificateFiles;
  connections?: Partial<GateLimits> | undefined;
  /** As for gRPC. */
  proxies?: readonly IpRange[] | undefined;
  take(connection: AgentConnection): void;
}

export interface AgentListener extends AsyncDisposable {
  port: number;
}

/** Throws UnavailableError if the port is in use. */
export async function listenForAgents(platform: Platform, options: AgentListenerOptions): Promise<AgentListener> {
  const limits = gateLimitsFor(descriptorLimit(), {
    // Every agent keeps one connection open.
    mostConnections: 20_000,
    ofAgent: 2,
    ...options.connections,
  });
  const gate = new ConnectionGate(limits, () => performance.now());
  const refusals = refusalLog(platform);

  /** Identifies the agent of a socket, or closes the socket. */
  async function identify(socket: TLSSocket, open: () => Duplex | Promise<Duplex>): Promise<void> {
    const peer = `${socket.remoteAddress}:${socket.remotePort}`;
    const release = limitHeld(socket);
    try {
      const certificate = socket.getPeerCertificate()?.raw as Uint8Array | undefined;
      const caller = await callerOf(platform, certificate);
      if (socket.destroyed) return;
      const stream = await open();
      socket.once("close", gate.callBegan(peer, caller.agentId));
      options.take({ ...caller, peer, certificate: certificate!, stream: drained(stream) });
    } catch (error) {
      gate.callBegan(peer, undefined)();
      socket.destroy();
      if (error instanceof CallError) refusals.note(gate.sourceOf(peer), `${error.reason}: ${error.message}`);
      else platform.log("mqttFailed", { message: messageOf(error) });
    } finally {
      release();
    }
  }

  const server = options.kind === "tls"
    ? tlsServer(platform, options, identify)
    : wssServer(platform, options, identify);
  const acceptor = await acceptConnections({
    option: "--mqtt-listen or --mqtt-wss-listen",
    host: options.host,
    port: options.port,
    gate,
    proxies: options.proxies,
    take: (socket) => void server.emit("connection", socket),
    log: platform.log,
  });
  return {
    port: acceptor.port,
    [Symbol.asyncDispose]() {
      acceptor.stop();
      acceptor.cutOff();
      server.removeAllListeners();
      refusals.stop();
      return Promise.resolve();
    },
  };
}

type Identify = (socket: TLSSocket, open: () => Duplex | Promise<Duplex>) => Promise<void>;

function tlsServer(platform: Platform, { certificate }: AgentListenerOptions, identify: Identify): tls.Server {
  const server = tls.createServer(handshakeOf(certificate));
  server.on("secureConnection", (socket) => {
    socket.on("error", () => {});
    void identify(socket, () => socket);
  });
  server.on("tlsClientError", () => {});
  server.on("error", (error) => platform.log("mqttFailed", { message: error.message }));
  return server;
}

function wssServer(platform: Platform, { certificate }: AgentListenerOptions, identify: Identify): https.Server {
  const server = https.createServer({ ...handshakeOf(certificate), headersTimeout: 10_000, requestTimeout: 10_000 });
  const webSockets = new WebSocketServer({
    noServer: true,
    path: mqttPath,
    perMessageDeflate: false,
    autoPong: false,
    maxPayload: 4 * maxPacketFromAgent,
    handleProtocols: (offered) => offered.has(mqttSubprotocol) ? mqttSubprotocol : false,
  });
  server.on("request", (_, answer) => {
    answer.writeHead(426, { upgrade: "websocket", connection: "close", "content-type": "text/plain" });
    answer.end("MQTT in WebSockets is served here\n");
  });
  server.on("upgrade", (request, socket: Duplex, head) => {
    socket.on("error", () => {});
    void identify(request.socket as TLSSocket, async () => {
      const opened = Promise.withResolvers<WebSocket>();
      socket.once("close", () => opened.reject(new Error("The connection was closed")));
      webSockets.handleUpgrade(request, socket as Socket, head, opened.resolve);
      const webSocket = await opened.promise;
      webSocket.on("error", () => {});
      answerPings(webSocket);
      return createWebSocketStream(webSocket);
    });
  });
  server.on("tlsClientError", () => {});
  server.on("error", (error) => platform.log("mqttFailed", { message: error.message }));
  return server;
}

/** As for gRPC: the certificate is checked in the store. */
function handshakeOf({ certificatePem, privateKeyPem }: CertificateFiles): tls.TlsOptions {
  return {
    cert: certificatePem,
    key: privateKeyPem,
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: "TLSv1.2",
    handshakeTimeout: 10_000,
  };
}

/** What may come before an agent is identified: it waits for an answer to its first packet. */
const mostHeldBytes = 64 * 1024;
const heldLookMs = 20;

/**
 * Closes a socket by which too much comes, until the returned function is called: this runtime reads on from a socket of
 * TLS that nobody reads, into memory without limit.
 */
function limitHeld(socket: TLSSocket): () => void {
  const before = socket.bytesRead;
  const timer = setInterval(() => {
    if (socket.bytesRead - before > mostHeldBytes || socket.readableLength > mostHeldBytes) socket.destroy();
  }, heldLookMs);
  return () => clearInterval(timer);
}

/**
 * The broker's library reads one chunk at each `readable` event, but this runtime emits one for several chunks: so a
 * read returns all of them. Too large packets are also detected here, before the library buffers them.
 */
function drained(stream: Duplex): Duplex {
  const watch = mqttFrameWatch(maxPacketFromAgent);
  const readOne = stream.read.bind(stream);
  stream.read = (size?: number) => {
    if (size === 0) return readOne(0);
    const chunks: Uint8Array[] = [];
    for (let chunk = readOne(); chunk !== null; chunk = readOne()) chunks.push(chunk);
    if (chunks.length === 0) return null;
    try {
      for (const chunk of chunks) watch(chunk);
    } catch (error) {
      stream.destroy(error as Error);
      return null;
    }
    return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
  };
  return stream;
}

/** Logs at most one line a minute. */
function refusalLog({ log }: Pick<Platform, "log">) {
  let times = 0, source = "", reason = "";
  const tell = () => {
    if (times > 0) log("mqttConnectionsRefused", { times, source, reason });
    times = 0;
  };
  const timer = setInterval(tell, 60_000);
  return {
    note(peer: string, why: string): void {
      times += 1;
      [source, reason] = [peer, why];
      if (times === 1) tell();
    },
    stop(): void {
      clearInterval(timer);
      tell();
    },
  };
}

/**
 * The HTTPS server, where each session has its own origin. HTTP/1.1 with the strict parser: ambiguous requests are
 * refused before anything of them reaches a printer.
 */
import type { IncomingMessage } from "node:http";
import { createServer } from "node:https";
import type { Duplex } from "node:stream";
import type { IpRange } from "../../../common/core/ip_range.ts";
import type { CertificateFiles } from "../../keys/server_certificate.ts";
import { acceptConnections, descriptorLimit, passTo } from "../connections/accept_connections.ts";
import { ConnectionGate, type GateLimits, gateLimitsFor } from "../connections/connection_gate.ts";
import { keptSockets, peerOf } from "../connections/kept_sockets.ts";
import { handleRequest } from "./handle_request.ts";
import { handleUpgrade } from "./handle_upgrade.ts";
import { createWebGateway, type GatewayOptions } from "./web_gateway.ts";

export interface WebAccessOptions extends GatewayOptions {
  host: string;
  /** 0: any free port. */
  port: number;
  /** Certificate for `*.<domain>`. */
  certificate: CertificateFiles;
  /** See `AcceptOptions`. */
  proxies?: readonly IpRange[] | undefined;
  connections?: Partial<GateLimits>;
  /** Milliseconds without connections before the listener is tested; default: 10,000. */
  tryListenerAfterMs?: number;
  /** Milliseconds for the headers of a request; default: 20,000. */
  headersTimeoutMs?: number;
}

/** Options of `serve`; without them, no pages are shown. */
export interface WebServeOptions {
  web?: {
    host: string;
    port: number;
    domain: string;
    certificate?: CertificateFiles | undefined;
    /** The program for printers whose TLS is too old for the runtime. */
    legacyTlsHelper?: string | undefined;
  } | undefined;
}

export interface WebAccess extends AsyncDisposable {
  port: number;
}

/** A connection is anonymous until a request has shown the cookie of a session, of which it then is one. */
const gateLimits: Partial<GateLimits> = {
  mostConnections: 1000,
  mostAnonymous: 500,
  ofAgent: 64,
  withoutCallMs: 20_000,
};
const maxHeaderBytes = 32 * 1024;
/** Time from the end of an answer until the headers of the next request are complete. */
const keepAliveMs = 60_000;

/** Listens until disposed of, which cuts off all connections. Throws UnavailableError if the port is in use. */
export async function startWebAccess(options: WebAccessOptions): Promise<WebAccess> {
  const gateway = createWebGateway(options);
  const { certificatePem, privateKeyPem } = options.certificate;
  const server = createServer({
    cert: certificatePem,
    key: privateKeyPem,
    maxHeaderSize: maxHeaderBytes,
    insecureHTTPParser: false,
    requireHostHeader: true,
  });
  const gate = new ConnectionGate(
    gateLimitsFor(descriptorLimit(), { ...gateLimits, ...options.connections }),
    () => performance.now(),
  );
  const { sockets, deadlines, wait } = keptSockets(server, options.headersTimeoutMs ?? 20_000);
  server.on("tlsClientError", () => {});
  server.on("clientError", (_: Error, socket: Duplex) => {
    if (!socket.writable) return void socket.destroy();
    socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  });
  server.on("request", (request, response) => {
    // It is no longer available when the answer has ended.
    const { socket } = request;
    deadlines.get(socket)?.stop();
    response.once("close", () => wait(socket, keepAliveMs));
    void handleRequest(gateway, request, response, (session) => {
      response.once("close", gate.callBegan(peerOf(socket), session.id));
    });
  });
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, first: Uint8Array) => {
    deadlines.get(socket)?.stop();
    void handleUpgrade(gateway, request, { socket, first }, (session) => {
      socket.once("close", gate.callBegan(peerOf(request.socket), session.id));
    });
  });
  // Close CONNECT requests without an answer, like Node.
  server.on("connect", (_: IncomingMessage, socket: Duplex) => socket.destroy());
  const acceptor = await acceptConnections({
    option: "--access-listen",
    host: options.host,
    port: options.port,
    gate,
    proxies: options.proxies,
    take: passTo(server),
    log: options.log,
    ...(options.tryListenerAfterMs === undefined ? {} : { tryAfterMs: options.tryListenerAfterMs }),
  });
  return {
    port: acceptor.port,
    [Symbol.asyncDispose]() {
      acceptor.stop();
      gateway[Symbol.dispose]();
      for (const socket of sockets) socket.destroy();
      acceptor.cutOff();
      return Promise.resolve();
    },
  };
}

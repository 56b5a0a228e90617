/** The portal's HTTPS server. */
import { createServer } from "node:https";
import type { Duplex } from "node:stream";
import { getRequestListener, type HttpBindings } from "@hono/node-server";
import type { Context } from "hono";
import type { IpRange } from "../../common/core/ip_range.ts";
import { acceptConnections, descriptorLimit, passTo } from "../edge/connections/accept_connections.ts";
import { ConnectionGate, type GateLimits, gateLimitsFor } from "../edge/connections/connection_gate.ts";
import { keptSockets, peerOf } from "../edge/connections/kept_sockets.ts";
import type { CertificateFiles } from "../keys/server_certificate.ts";
import type { MailOptions } from "../mail/start_mailer.ts";
import { portalApp } from "./portal_app.tsx";
import { type LiveTimes, liveTimes, mostStreams, startLiveStreams } from "./page/live_streams.ts";
import type { PortalPlatform } from "./page/route.ts";

export interface PortalServeOptions {
  portal?: {
    host: string;
    /** 0: any free port. */
    port: number;
    /** Where people reach it; default: https, the name of the certificate, and the port. */
    origin?: string | undefined;
    certificate?: CertificateFiles | undefined;
    /** The server that mails are sent by; undefined: links are only shown. */
    mail?: MailOptions | undefined;
    /** For tests. */
    liveTimes?: LiveTimes | undefined;
  } | undefined;
}

interface StartOptions {
  host: string;
  port: number;
  origin(port: number): string;
  certificate: CertificateFiles;
  proxies: readonly IpRange[] | undefined;
  liveTimes?: LiveTimes | undefined;
}

export interface Portal extends AsyncDisposable {
  port: number;
  origin: string;
}

/** Nobody has a certificate here; behind one address there may be an office of people. */
const gateLimits: Partial<GateLimits> = {
  // As many of them as there may be streams, and as many for pages.
  mostConnections: 4 * mostStreams.all,
  mostAnonymous: 2 * mostStreams.all,
  anonymousOfSource: 300,
  withoutCallMs: 60_000,
  anonymousMs: 600_000,
};
const headersMs = 20_000, keepAliveMs = 60_000;
/** For one request and its answer, so that a slow client holds no connection for ever. */
const requestMs = 60_000, streamMs = liveTimes.longestMs + 60_000;

/** Listens until disposed of, which cuts off all connections. Throws UnavailableError if the port is in use. */
export async function startPortal(platform: PortalPlatform, options: StartOptions): Promise<Portal> {
  const { certificatePem, privateKeyPem } = options.certificate;
  const server = createServer({ cert: certificatePem, key: privateKeyPem, maxHeaderSize: 16 * 1024 });
  const gate = new ConnectionGate(gateLimitsFor(descriptorLimit(), gateLimits), () => performance.now());
  const { sockets, deadlines, wait } = keptSockets(server, headersMs);
  server.on("tlsClientError", () => {});
  server.on("clientError", (_: Error, socket: Duplex) => {
    if (!socket.writable) return void socket.destroy();
    socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  });
  server.on("upgrade", (_: unknown, socket: Duplex) => socket.destroy());
  server.on("connect", (_: unknown, socket: Duplex) => socket.destroy());
  const acceptor = await acceptConnections({
    option: "--portal-listen",
    host: options.host,
    port: options.port,
    gate,
    proxies: options.proxies,
    take: passTo(server),
    log: platform.log,
  });
  const origin = options.origin(acceptor.port);
  const sourceOf = (c: Context) => gate.sourceOf(peerOf((c.env as HttpBindings).incoming.socket));
  const live = startLiveStreams(platform.store, options.liveTimes);
  const holdOpen = (c: Context) => wait((c.env as HttpBindings).incoming.socket, streamMs);
  const app = portalApp(platform, { origin, sourceOf, live, holdOpen });
  const listener = getRequestListener(app.fetch, {
    overrideGlobalObjects: false,
  });
  server.on("request", (request, response) => {
    const { socket } = request;
    deadlines.get(socket)?.stop();
    wait(socket, requestMs);
    const ended = gate.callBegan(peerOf(socket), undefined);
    response.once("close", () => {
      ended();
      wait(socket, keepAliveMs);
    });
    void listener(request, response);
  });
  return {
    port: acceptor.port,
    origin,
    [Symbol.asyncDispose]() {
      acceptor.stop();
      // Browsers open the next ones at another process.
      live[Symbol.dispose]();
      for (const socket of sockets) socket.destroy();
      acceptor.cutOff();
      return Promise.resolve();
    },
  };
}

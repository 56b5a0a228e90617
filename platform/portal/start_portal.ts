/** The portal's HTTPS server. */
import { X509Certificate } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { createServer, type ServerOptions } from "node:https";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { getRequestListener, type HttpBindings } from "@hono/node-server";
import type { Context, Hono } from "hono";
import { messageOf, UsageError } from "../../common/core/errors.ts";
import { tryParseIp } from "../../common/core/ip.ts";
import type { IpRange } from "../../common/core/ip_range.ts";
import { acceptConnections, descriptorLimit, passTo } from "../edge/connections/accept_connections.ts";
import { ConnectionGate, type GateLimits, gateLimitsFor } from "../edge/connections/connection_gate.ts";
import { keptSockets, peerOf } from "../edge/connections/kept_sockets.ts";
import { sourceOf as sourceOfPeer } from "../edge/connections/source.ts";
import type { CertificateFiles } from "../keys/server_certificate.ts";
import type { MailOptions } from "../mail/start_mailer.ts";
import { headerValues } from "../sso/remote_user.ts";
import { portalApp } from "./portal_app.tsx";
import { type LiveStreams, type LiveTimes, liveTimes, mostStreams, startLiveStreams } from "./page/live_streams.ts";
import type { PasswordHasher } from "../users/password_hasher.ts";
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
    passwords?: PasswordHasher | undefined;
    /** Where a proxy connects that signs people in by Windows authentication; undefined: nowhere. */
    front?: FrontOptions | undefined;
  } | undefined;
}

export interface FrontOptions {
  host: string;
  port: number;
  /** The proxy's certificate, or an authority of its own for it, PEM. Nobody without it gets a connection. */
  certificatePem: string;
  /** Name of the header with the person whom the proxy has signed in. */
  header: string;
}

interface StartOptions {
  host: string;
  port: number;
  origin(port: number): string;
  certificate: CertificateFiles;
  proxies: readonly IpRange[] | undefined;
  liveTimes?: LiveTimes | undefined;
  front?: FrontOptions | undefined;
  /** What programs call beside the pages: everything below /api/ and /odata/. */
  programs(sourceOf: (c: Context) => string): App;
}

interface App {
  fetch(request: Request, env?: object): Response | Promise<Response>;
}

export interface Portal extends AsyncDisposable {
  port: number;
  origin: string;
  /** Where the proxy in front connects. */
  frontPort: number | undefined;
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
/** For one request and its answer, so that a slow client holds no connection for ever; a program may export years of data. */
const requestMs = 60_000, programMs = 600_000, streamMs = liveTimes.longestMs + 60_000;

/** Listens until disposed of, which cuts off all connections. Throws UnavailableError if a port is in use. */
export async function startPortal(platform: PortalPlatform, options: StartOptions): Promise<Portal> {
  const { host, port, proxies, front, certificate: { certificatePem: cert, privateKeyPem: key } } = options;
  await using built = new AsyncDisposableStack();
  const tls = { cert, key };
  const open = built.use(await listenForPages(platform, { option: "--portal-listen", host, port, proxies, tls }));
  const origin = options.origin(open.port);
  const live = built.adopt(startLiveStreams(platform.store, options.liveTimes), (it) => it[Symbol.dispose]());
  const { sourceOf, holdOpen } = open;
  // A header that says who somebody is means nothing here, whatever it says.
  const pages = portalApp(platform, { origin, live, sourceOf, holdOpen, remoteUsersOf: () => undefined });
  open.serve(pages, options.programs(sourceOf));
  const frontPort = front && built.use(await listenForFront(platform, front, { ...options, origin, live, tls })).port;
  const all = built.move();
  return { port: open.port, origin, frontPort, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

/** Only the proxy in front gets a connection, so that its headers can be believed. */
async function listenForFront(
  platform: PortalPlatform,
  { host, port, certificatePem: ca, header }: FrontOptions,
  { origin, live, tls, programs }: Pick<StartOptions, "programs"> & {
    origin: string;
    live: LiveStreams;
    tls: ServerOptions;
  },
): Promise<PageListener> {
  const certified = { ...tls, ca, requestCert: true, rejectUnauthorized: true };
  const trusted = certificatesOf(ca);
  const listener = await listenForPages(platform, {
    option: "--portal-front-listen",
    host,
    port,
    proxies: undefined,
    tls: certified,
    // All of them come from one address.
    gateLimits: { ...gateLimits, anonymousOfSource: gateLimits.mostAnonymous! },
    mayAsk: ({ socket }) => isTrusted(socket as TLSSocket, trusted),
  });
  const sourceOf = (c: Context) => forwardedSource(requestOf(c)) ?? listener.sourceOf(c);
  const remoteUsersOf = (c: Context) => headerValues(requestOf(c).rawHeaders, header);
  const { holdOpen } = listener;
  listener.serve(portalApp(platform, { origin, live, holdOpen, sourceOf, remoteUsersOf }), programs(sourceOf));
  return listener;
}

/* The proxy adds the client at the end; what stands before may be anybody's text. */
function forwardedSource({ rawHeaders }: IncomingMessage): string | undefined {
  const last = headerValues(rawHeaders, "x-forwarded-for").at(-1)?.split(",").at(-1)?.trim() ?? "";
  return tryParseIp(last) === undefined ? undefined : sourceOfPeer(`[${last}]:0`);
}

/** Throws UsageError if it has none. */
function certificatesOf(pem: string): X509Certificate[] {
  const found = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  try {
    if (found.length > 0) return found.map((one) => new X509Certificate(one));
  } catch (error) {
    throw new UsageError(`Cannot read the certificate of the proxy: ${messageOf(error)}`, "it is PEM");
  }
  throw new UsageError("Cannot find a certificate of the proxy", "it is PEM, with -----BEGIN CERTIFICATE-----");
}

/* The runtime has checked the chain; this does not rely on it alone. */
function isTrusted(socket: TLSSocket, trusted: readonly X509Certificate[]): boolean {
  const { raw } = socket.getPeerCertificate();
  if (!socket.authorized || raw === undefined) return false;
  const shown = new X509Certificate(raw);
  return trusted.some((one) =>
    one.raw.equals(shown.raw) || (one.ca && shown.checkIssued(one) && shown.verify(one.publicKey))
  );
}

interface ListenOptions {
  /** The option of `serve` that names the address. */
  option: string;
  host: string;
  port: number;
  proxies: readonly IpRange[] | undefined;
  tls: ServerOptions;
  gateLimits?: Partial<GateLimits>;
  /** Whether the connection of a request may ask for anything. */
  mayAsk?(request: IncomingMessage): boolean;
}

interface PageListener extends AsyncDisposable {
  port: number;
  /** The source of a request: what failed sign-ins are counted by. */
  sourceOf(c: Context): string;
  holdOpen(c: Context): void;
  /** `programs` answers what is below /api/ and /odata/. */
  serve(app: Hono, programs?: App): void;
}

async function listenForPages(platform: PortalPlatform, options: ListenOptions): Promise<PageListener> {
  const { mayAsk = () => true, tls, gateLimits: limits = gateLimits, ...at } = options;
  const server = createServer({ ...tls, maxHeaderSize: 16 * 1024 });
  const gate = new ConnectionGate(gateLimitsFor(descriptorLimit(), limits), () => performance.now());
  const { sockets, deadlines, wait } = keptSockets(server, headersMs);
  server.on("tlsClientError", () => {});
  server.on("clientError", (_: Error, socket: Duplex) => {
    if (!socket.writable) return void socket.destroy();
    socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  });
  server.on("upgrade", (_: unknown, socket: Duplex) => socket.destroy());
  server.on("connect", (_: unknown, socket: Duplex) => socket.destroy());
  const acceptor = await acceptConnections({ ...at, gate, take: passTo(server), log: platform.log });
  return {
    port: acceptor.port,
    sourceOf: (c) => gate.sourceOf(peerOf(requestOf(c).socket)),
    holdOpen: (c) => wait(requestOf(c).socket, streamMs),
    serve(app, programs) {
      const listenerOf = (app: App) => getRequestListener(app.fetch, { overrideGlobalObjects: false });
      const ofPages = listenerOf(app), ofPrograms = programs && listenerOf(programs);
      server.on("request", (request, response) => {
        const { socket } = request;
        if (!mayAsk(request)) return void socket.destroy();
        deadlines.get(socket)?.stop();
        const isProgram = ofPrograms !== undefined && /^\/(api|odata)\//.test(request.url ?? "");
        wait(socket, isProgram ? programMs : requestMs);
        const ended = gate.callBegan(peerOf(socket), undefined);
        response.once("close", () => {
          ended();
          wait(socket, keepAliveMs);
        });
        void (isProgram ? ofPrograms : ofPages)(request, response);
      });
    },
    [Symbol.asyncDispose]() {
      acceptor.stop();
      for (const socket of sockets) socket.destroy();
      acceptor.cutOff();
      return Promise.resolve();
    },
  };
}

function requestOf(c: Context): IncomingMessage {
  return (c.env as HttpBindings).incoming;
}

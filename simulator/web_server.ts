/** The web server of a simulated printer: its pages, a login, odd answers, a WebSocket; HTTP, and HTTPS on request. */
import http from "node:http";
import https from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { messageOf, UnavailableError } from "../common/core/errors.ts";
import type { ObjectTable } from "./object_table.ts";
import { maybeOddAnswer, type OddAnswer, oddNames } from "./web_oddities.ts";
import {
  linksPage,
  loginPage,
  oddPage,
  settingsPage,
  socketPage,
  statusPage,
  suppliesPage,
  webLogin,
} from "./web_pages.ts";
import { acceptKey, echoFrames, joined } from "./web_socket_echo.ts";

export interface WebOptions {
  address: string;
  /** 0 takes any that is free. */
  port: number;
  /** PEM texts; with them it speaks HTTPS. */
  certificate?: { certificatePem: string; privateKeyPem: string };
  /** The objects as they are now. */
  table: () => ObjectTable;
}

/** A request as it arrived. */
export interface WebRequest {
  method: string;
  path: string;
  headers: http.IncomingHttpHeaders;
}

export interface WebServer extends AsyncDisposable {
  port: number;
  /** Such as `http://127.77.0.11:8080`; the default port is left out, as browsers do. */
  origin: string;
  /** The last thousand. */
  log: readonly WebRequest[];
}

interface Site {
  options: WebOptions;
  origin: string;
  /** Tokens of those who are logged in. */
  logins: Set<string>;
  log: WebRequest[];
}

const maxLogged = 1000;

/** Listens until disposed, which closes every connection. */
export async function startWebServer(options: WebOptions): Promise<WebServer> {
  const { address, certificate } = options;
  const site: Site = { options, origin: "", logins: new Set(), log: [] };
  const listener = (request: http.IncomingMessage, response: http.ServerResponse) => {
    answer(site, request, response).catch(() => response.destroy());
  };
  const server = certificate === undefined
    ? http.createServer(listener)
    : https.createServer({ cert: certificate.certificatePem, key: certificate.privateKeyPem }, listener);
  const sockets = new Set<Duplex>();
  server.on(certificate === undefined ? "connection" : "secureConnection", (socket: Duplex) => {
    sockets.add(socket);
    // A client that goes away in the middle is no event for a printer.
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  });
  server.on("upgrade", (request: http.IncomingMessage, socket: Duplex, head: Uint8Array) => {
    keep(site, request);
    echo(request, socket, head);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => {
      const message = `Cannot show a web page at ${address} port ${options.port}: ${messageOf(error)}`;
      const hint = "another simulator may be running; ports below 1024 need CAP_NET_BIND_SERVICE";
      reject(new UnavailableError(message, hint, 0, { cause: error }));
    });
    server.listen(options.port, address, () => resolve());
  });
  const { port } = server.address() as AddressInfo;
  const scheme = certificate === undefined ? "http" : "https";
  site.origin = new URL(`${scheme}://${address}:${port}`).origin;
  return {
    port,
    origin: site.origin,
    log: site.log,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function keep({ log }: Site, { method = "", url = "", headers }: http.IncomingMessage): void {
  log.push({ method, path: url, headers });
  if (log.length > maxLogged) log.shift();
}

async function answer(site: Site, request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
  keep(site, request);
  const { origin, options: { table } } = site;
  const { pathname, searchParams: query } = new URL(request.url ?? "/", origin);
  const page = (text: string, status = 200, headers: http.OutgoingHttpHeaders = {}) =>
    send(response, { status, type: "text/html; charset=utf-8", body: text, headers });
  switch (pathname) {
    case "/":
      return page(statusPage(table()));
    case "/supplies":
      return page(suppliesPage(table()));
    case "/links":
      return page(linksPage(table(), { origin }));
    case "/web-socket":
      return page(socketPage(table()));
    case "/odd/":
      return page(oddPage(table(), oddNames));
    case "/login":
      return await logIn(site, request, page);
    case "/settings":
      return isLoggedIn(site, request) ? page(settingsPage(table())) : page("", 302, { location: "/login" });
    case "/logout":
      site.logins.clear();
      return page("", 302, { location: `${origin}/` });
    case "/echo":
      return send(response, {
        type: "application/json",
        body: JSON.stringify({ method: request.method, path: request.url, headers: request.rawHeaders }),
      });
    case "/upload":
      return send(response, { type: "text/plain", body: String((await bodyOf(request, Infinity)).length) });
    case "/style.css":
      return send(response, { type: "text/css", body: styleSheet(origin) });
    case "/script.js":
      return send(response, { type: "text/javascript", body: `window.printer = "${origin}/supplies";\n` });
    case "/logo.png":
      return send(response, { type: "image/png", body: logo(origin) });
  }
  const odd = pathname.startsWith("/odd/") ? maybeOddAnswer(pathname.slice(5), { origin, query }) : undefined;
  if (odd === undefined) page("<p>There is no such page</p>", 404);
  else await sendOdd(request.socket, odd);
}

async function logIn(
  { logins, origin, options: { table } }: Site,
  request: http.IncomingMessage,
  page: (text: string, status?: number, headers?: http.OutgoingHttpHeaders) => void,
): Promise<void> {
  if (request.method !== "POST") return page(loginPage(table(), { failed: false }));
  // As printers do against forged requests: what a browser says of the page with the form must be this printer.
  const { origin: from = origin, referer = "" } = request.headers;
  if (from !== origin || !referer.startsWith(`${origin}/`)) return page("<p>The form is of another site</p>", 403);
  const form = new URLSearchParams(new TextDecoder().decode(await bodyOf(request, 4096)));
  if (form.get("user") !== webLogin.user || form.get("password") !== webLogin.password) {
    return page(loginPage(table(), { failed: true }), 403);
  }
  const token = crypto.randomUUID();
  logins.add(token);
  const { hostname } = new URL(origin);
  page("", 302, {
    location: `${origin}/settings`,
    "set-cookie": `session=${token}; Domain=${hostname}; Path=/; HttpOnly`,
  });
}

function isLoggedIn({ logins }: Site, { headers }: http.IncomingMessage): boolean {
  return [...(headers.cookie ?? "").matchAll(/(?:^|;\s*)session=([^;]*)/g)].some(([, token]) => logins.has(token!));
}

async function bodyOf(request: http.IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Uint8Array>) {
    size += part.length;
    if (size > maxBytes) throw new RangeError(`Cannot read a form of more than ${maxBytes} bytes`);
    parts.push(part);
  }
  return joined(parts);
}

function send(
  response: http.ServerResponse,
  { status = 200, type, body, headers = {} }: {
    status?: number;
    type: string;
    body: string | Uint8Array;
    headers?: http.OutgoingHttpHeaders;
  },
): void {
  const octets = typeof body === "string" ? new TextEncoder().encode(body) : body;
  response.writeHead(status, { "content-type": type, "content-length": octets.length, ...headers });
  response.end(octets);
}

/** Octet by octet as it is written, past the library, which would mend it. */
async function sendOdd(socket: Socket, { parts, everyMs = 0, then = "end" }: OddAnswer): Promise<void> {
  let isFirst = true;
  for (const part of parts) {
    // Not after the last one: by then the client may have sent its next request.
    if (!isFirst && everyMs > 0) await unlessClosed(socket, everyMs);
    isFirst = false;
    if (socket.destroyed) return;
    if (!socket.write(part)) await drained(socket);
  }
  if (then === "end") socket.end();
  // What was written must arrive before the connection is cut.
  else if (then === "cut") socket.end(() => socket.destroy());
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      socket.off("drain", done).off("close", done);
      resolve();
    };
    socket.once("drain", done).once("close", done);
  });
}

function unlessClosed(socket: Socket, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      socket.off("close", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    socket.once("close", done);
  });
}

function echo(request: http.IncomingMessage, socket: Duplex, head: Uint8Array): void {
  const key = request.headers["sec-websocket-key"];
  if (request.url !== "/socket" || typeof key !== "string") return void socket.destroy();
  socket.write(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${acceptKey(key)}\r\n\r\n`,
  );
  let rest = Uint8Array.from(head);
  const take = (part: Uint8Array) => {
    const octets = joined([rest, part]);
    const echoed = octets.length > 128 * 1024 ? undefined : echoFrames(octets);
    if (echoed === undefined) return void socket.destroy();
    rest = octets.slice(echoed.used);
    socket.write(echoed.answer);
    if (echoed.closed) socket.end();
  };
  socket.on("data", take);
  take(new Uint8Array());
}

function styleSheet(origin: string): string {
  return `body { font-family: sans-serif; margin: 2em }\nth { text-align: left; padding-right: 1em }\n` +
    `h1 { background: url(${origin}/logo.png) no-repeat right }\n`;
}

/** A picture of one dot whose comment names the printer's address, which nobody on the way may change. */
function logo(origin: string): Uint8Array {
  const dot = Uint8Array.fromBase64(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  );
  return joined([dot, new TextEncoder().encode(`src="${origin}/"`)]);
}

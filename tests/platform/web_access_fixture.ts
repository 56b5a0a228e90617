/** The HTTPS half of web access with simulated printers behind stand-in tunnels: TCP connections on loopback. */
import net from "node:net";
import tls from "node:tls";
import { objectsOf } from "../../simulator/device.ts";
import { type Simulator, startSimulator } from "../../simulator/simulator.ts";
import { type GatewayLimits } from "../../platform/edge/http/web_gateway.ts";
import { startWebAccess, type WebAccessOptions } from "../../platform/edge/http/start_web_access.ts";
import type { Tunnel } from "../../platform/access/tunnels.ts";
import type { WebRequestNote, WebSession, WebSessions } from "../../platform/access/web_sessions.ts";
import { soon } from "../fixtures/until.ts";
import { createTestAuthority } from "../fixtures/test_authority.ts";

export const domain = "access.test.localhost";

export interface TestTunnel extends Tunnel {
  /** Connections that were asked for. */
  opened: number;
  /** Those that are open now. */
  channels: Set<net.Socket>;
}

/** Each channel is a TCP connection to the place. */
function standInTunnel(sessionId: string, place: { address: string; port: number }): TestTunnel {
  const { promise: closed, resolve } = Promise.withResolvers<string>();
  const channels = new Set<net.Socket>();
  const tunnel: TestTunnel = {
    sessionId,
    opened: 0,
    channels,
    closed,
    open: () =>
      new Promise((resolve, reject) => {
        tunnel.opened++;
        const socket = net.connect(place.port, place.address);
        channels.add(socket);
        socket.once("close", () => channels.delete(socket));
        socket.once("connect", () => resolve(socket)).once("error", reject);
      }),
    close(why) {
      for (const channel of channels) channel.destroy();
      resolve(why);
    },
  };
  return tunnel;
}

export interface TestSession extends WebSession {
  tunnel: TestTunnel | undefined;
  /** Of the one-time link. */
  token: string;
  /** Of the cookie, after the link was used. */
  secret: string;
}

export interface WebAccessFixture extends AsyncDisposable {
  port: number;
  simulator: Simulator;
  sessions: TestSession[];
  notes: WebRequestNote[];
  log: string[];
  pins: Map<string, string>;
  /** Ids of devices that old TLS is permitted for. */
  legacy: Set<string>;
  /** The authority of the gateway's certificate. */
  ca: string;
  /** A session for a place; it is open, and its tunnel is there. */
  add(place: { address: string; port: number; scheme?: WebSession["scheme"] }): TestSession;
  host(session: TestSession): string;
  /** Sends octets on a connection of its own and gives all that comes back until it is closed, or `enough` came. */
  raw(session: TestSession, text: string, enough?: RegExp): Promise<string>;
  /** A request with the session's cookie, as its own page makes it. */
  get(session: TestSession, path: string, options?: GetOptions): Promise<Answer>;
  /** The place of the simulated printer's page. */
  printer: { address: string; port: number };
  printerTls: { address: string; port: number; scheme: "https" };
}

export interface GetOptions {
  method?: string;
  headers?: Record<string, string>;
  body?: string;
  /** Without the cookie. */
  asStranger?: boolean;
}

export interface Answer {
  status: number;
  /** Names in lower case; several values are joined by a line feed. */
  headers: Record<string, string>;
  body: string;
  /** Whether the body came to its end. */
  isWhole: boolean;
}

export const simulatedPrinter = {
  name: "printer",
  objects: objectsOf({
    "1.3.6.1.2.1.1.5.0": "prn-7",
    "1.3.6.1.2.1.25.3.5.1.1.1": 3,
    "1.3.6.1.2.1.43.5.1.1.17.1": "SERIAL7",
    "1.3.6.1.2.1.43.11.1.1.6.1.1": "Black Toner",
    "1.3.6.1.2.1.43.11.1.1.8.1.1": 100,
    "1.3.6.1.2.1.43.11.1.1.9.1.1": 40,
  }),
};

export async function startWebAccessFixture(
  { limits, ...server }: { limits?: Partial<GatewayLimits> } & Partial<WebAccessOptions> = {},
): Promise<WebAccessFixture> {
  await using built = new AsyncDisposableStack();
  const simulator = built.use(
    await startSimulator({ devices: [simulatedPrinter], web: { port: 0, tlsPort: 0 } }),
  );
  const { address, web, webTls } = simulator.endpoints[0]!;
  const authority = await createTestAuthority();
  const { certificatePem, keyPem } = await authority.issue({ names: [`*.${domain}`] });
  const state = { sessions: [] as TestSession[], notes: [] as WebRequestNote[], log: [] as string[] };
  const legacy = new Set<string>();
  const pins = new Map<string, string>();
  const webAccess = built.use(
    await startWebAccess({
      host: "127.0.0.1",
      port: 0,
      domain,
      certificate: { certificatePem, privateKeyPem: keyPem },
      sessions: keptSessions(state, { pins, legacy }),
      tunnels: { of: (id) => state.sessions.find((session) => session.id === id)?.tunnel },
      now: () => new Date(),
      log: (event, fields) => void state.log.push(JSON.stringify({ event, ...fields })),
      limits,
      ...server,
    }),
  );
  built.defer(() => {
    for (const { tunnel } of state.sessions) tunnel?.close("the test has ended");
  });
  const { port } = webAccess;
  const host = (session: TestSession) => `${session.label}.${domain}:${port}`;
  const raw = (session: TestSession, text: string, enough?: RegExp) =>
    rawAnswer({ port, text, enough, ca: authority.pem, servername: `${session.label}.${domain}` });
  const moved = built.move();
  return {
    ...state,
    port,
    simulator,
    pins,
    legacy,
    ca: authority.pem,
    host,
    raw,
    add: (place) => addSession(state.sessions, place),
    async get(session, path, { method = "GET", headers = {}, body, asStranger = false } = {}) {
      const all = {
        Host: host(session),
        Connection: "close",
        "Sec-Fetch-Site": "same-origin",
        ...(asStranger ? {} : { Cookie: `__Host-opendca=${session.secret}` }),
        ...(body === undefined ? {} : { "Content-Length": String(new TextEncoder().encode(body).length) }),
        ...headers,
      };
      const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`).join("");
      return parseAnswer(await raw(session, `${method} ${path} HTTP/1.1\r\n${lines}\r\n${body ?? ""}`), method);
    },
    printer: { address, port: Number(new URL(web!).port) },
    printerTls: { address, port: Number(new URL(webTls!).port), scheme: "https" },
    [Symbol.asyncDispose]: () => moved.disposeAsync(),
  };
}

function keptSessions(
  state: { sessions: TestSession[]; notes: WebRequestNote[] },
  { pins, legacy }: { pins: Map<string, string>; legacy: Set<string> },
): WebSessions {
  const own = ({ id }: WebSession) => state.sessions.find((session) => session.id === id)!;
  const used = new Set<string>();
  return {
    find: (label) => Promise.resolve(state.sessions.find((session) => session.label === label)),
    redeem(session, token) {
      if (own(session).token !== token || used.has(token)) return Promise.resolve(undefined);
      used.add(token);
      return Promise.resolve(own(session).secret);
    },
    passOn: ({ label }, web) => Promise.resolve(`https://${label}.${web}/.opendca/start?token=next`),
    isOwner: (session, secret) => Promise.resolve(own(session).secret === secret),
    pinned: ({ deviceId }) => Promise.resolve(pins.get(deviceId)),
    pin: ({ deviceId }, fingerprint) => Promise.resolve(void pins.set(deviceId, fingerprint)),
    allowsLegacyTls: ({ deviceId }) => Promise.resolve(legacy.has(deviceId)),
    noteLegacyTls: () => Promise.resolve(),
    note: (note) => void state.notes.push(note),
  };
}

function addSession(
  sessions: TestSession[],
  { address, port, scheme = "http" }: { address: string; port: number; scheme?: WebSession["scheme"] },
): TestSession {
  const id = `session-${sessions.length + 1}`;
  const session: TestSession = {
    id,
    label: `${"abcdefghijklmnopqrst"}${sessions.length + 22}`.replaceAll("1", "7"),
    customerId: "customer",
    deviceId: `device-${sessions.length + 1}`,
    state: "open",
    waitsForApproval: false,
    holder: undefined,
    scheme,
    address,
    port,
    deviceName: `Printer ${sessions.length + 1}`,
    reason: undefined,
    endsAt: new Date(Date.now() + 1_800_000),
    tunnel: standInTunnel(id, { address, port }),
    token: `token-of-session-${sessions.length + 1}`,
    secret: `secret-of-session-${sessions.length + 1}`,
  };
  sessions.push(session);
  return session;
}

function rawAnswer(asked: Parameters<typeof rawAnswerOf>[0]): Promise<string> {
  return soon("the end of the gateway's answer", rawAnswerOf(asked), 60_000);
}

function rawAnswerOf(
  { port, text, enough, ca, servername }: {
    port: number;
    text: string;
    enough?: RegExp | undefined;
    ca: string;
    servername: string;
  },
): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = tls.connect({ port, host: "127.0.0.1", servername, ca }, () => socket.write(text, "latin1"));
    socket.setEncoding("latin1");
    socket.on("data", (part: string) => {
      answer += part;
      if (enough?.test(answer)) socket.destroy();
    });
    socket.on("close", () => resolve(answer));
    socket.on("error", (error: Error & { code?: string }) => {
      // A connection that is cut has said what it had to say.
      if (error.code === "ECONNRESET" || error.code === "EPIPE") resolve(answer);
      else reject(error);
    });
  });
}

/** Reads one answer as it stood on the wire. */
export function parseAnswer(wire: string, method = "GET"): Answer {
  const split = wire.indexOf("\r\n\r\n");
  const [start = "", ...lines] = wire.slice(0, split).split("\r\n");
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const at = line.indexOf(":"), name = line.slice(0, at).toLowerCase(), value = line.slice(at + 1).trim();
    headers[name] = headers[name] === undefined ? value : `${headers[name]}\n${value}`;
  }
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(start)?.[1] ?? 0), rest = wire.slice(split + 4);
  if (method === "HEAD") return { status, headers, body: rest, isWhole: rest === "" };
  if (headers["transfer-encoding"] !== "chunked") {
    return { status, headers, body: rest, isWhole: rest.length === Number(headers["content-length"] ?? rest.length) };
  }
  let body = "", at = 0;
  for (;;) {
    const end = rest.indexOf("\r\n", at), size = parseInt(rest.slice(at, end), 16);
    if (end < 0 || Number.isNaN(size)) return { status, headers, body, isWhole: false };
    if (size === 0) return { status, headers, body, isWhole: true };
    body += rest.slice(end + 2, end + 2 + size);
    at = end + 2 + size + 2;
  }
}

/**
 * The technician's side of a raw session: connections to a port of this machine go to the device, each by a connection
 * of its own to the gateway (see `raw_session.ts`).
 */
import { request } from "node:http";
import { createServer, type Server, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { messageOf, UnavailableError, UsageError } from "../../../common/core/errors.ts";
import { dial, startTls } from "../../../common/host/dial.ts";
import { secureContextOf } from "../../../common/host/trust.ts";
import { createFramer, createUnframer } from "./raw_frames.ts";
import { rawPath, rawProtocol } from "./raw_session.ts";

export interface ForwardOptions {
  /** The one-time link of the session. */
  link: string;
  /** Authorities in PEM for the gateway's certificate; undefined: those of the system. */
  ca: string | undefined;
  /** Where the gateway is reached if the name of the link does not lead there. */
  connect: { host: string; port: number } | undefined;
  listen: { host: string; port: number };
  /** Called when it listens. */
  onListening(port: number): void;
  /** For a person: what is waited for, and the octets of each connection. */
  say(text: string): void;
  signal: AbortSignal;
  /** Milliseconds between questions for the session's state. */
  lookMs?: number;
}

interface Gateway extends Pick<ForwardOptions, "ca" | "connect" | "signal"> {
  url: URL;
  /** The name and value of the session's cookie. */
  cookie: string;
}

const stepTimeoutMs = 15_000;

/** Resolves with the reason when the session has ended or `signal` is aborted. Throws UsageError, UnavailableError. */
export async function forwardSession(options: ForwardOptions): Promise<string> {
  const { say, signal, lookMs = 2000 } = options;
  const gateway = await redeemed(options);
  const first = await untilOpen(gateway, { say, lookMs });
  const sockets = new Set<Socket>();
  const server = await listening(options, (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    serve(socket, gateway, say);
  });
  try {
    options.onListening((server.address() as { port: number }).port);
    say(`the session with ${first.device} ends at ${first.endsAt}`);
    return await untilEnd(gateway, { lookMs });
  } catch (error) {
    if (signal.aborted) return "it was stopped";
    throw error;
  } finally {
    server.close();
    for (const socket of sockets) socket.destroy();
  }
}

/** Uses the link, which works once. */
async function redeemed({ link, ca, connect, signal }: ForwardOptions): Promise<Gateway> {
  const url = URL.parse(link);
  if (url?.protocol !== "https:" || url.pathname !== "/.opendca/start") {
    throw new UsageError(
      `Cannot use "${link}" as a link to a session`,
      "opendca-platform access link SESSION prints one",
    );
  }
  const gateway: Gateway = { url, ca, connect, signal, cookie: "" };
  const { status, cookie } = await get(gateway, url.pathname + url.search);
  if (status === 200 && cookie !== undefined) return { ...gateway, cookie };
  throw new UsageError(
    `Cannot use the link as the gateway refuses it (${status}): it works once, for ten minutes`,
    "opendca-platform access link SESSION prints another one",
  );
}

interface SeenState {
  state: string;
  reason?: string;
  endsAt: string;
  device: string;
}

async function untilOpen(gateway: Gateway, { say, lookMs }: { say(text: string): void; lookMs: number }) {
  for (let told = "";;) {
    const seen = await stateOf(gateway);
    if (seen.state === "open") return seen;
    if (seen.state !== "waiting") {
      throw new UnavailableError(`Cannot forward the session as it is ${seen.state}: ${seen.reason ?? "no reason"}`);
    }
    const text = seen.reason ?? "Waiting for the agent";
    if (text !== told) say(text);
    told = text;
    await pause(lookMs, gateway.signal);
  }
}

async function untilEnd(gateway: Gateway, { lookMs }: { lookMs: number }): Promise<string> {
  for (let failures = 0;;) {
    await pause(lookMs, gateway.signal);
    try {
      const { state, reason } = await stateOf(gateway);
      if (state !== "open") return reason ?? "it has ended";
      failures = 0;
    } catch (error) {
      // A gateway that is away for a moment; one that was restarted has no sessions any more.
      if (gateway.signal.aborted || ++failures >= 5) throw error;
    }
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}

async function stateOf(gateway: Gateway): Promise<SeenState> {
  const { status, body } = await get(gateway, "/.opendca/state");
  if (status === 200) return JSON.parse(body);
  throw new UnavailableError(`Cannot ask the gateway for the session's state: it answers ${status}`);
}

/** TLS to the gateway, whose certificate must be for the session's name. */
async function connected({ url, ca, connect, signal }: Gateway): Promise<Socket> {
  const named = { host: url.hostname, port: Number(url.port || 443) };
  const trust = { ca: ca === undefined ? null : { pem: ca }, pins: [] };
  const where = `${named.host}:${named.port}`;
  let socket: Socket | undefined;
  try {
    socket = await dial(connect ?? named, { proxy: undefined, tls: null, stepTimeoutMs, signal });
    return await startTls(socket, named.host, { trust, context: secureContextOf(trust, undefined), protocol: null });
  } catch (error) {
    socket?.destroy();
    signal.throwIfAborted();
    const hint = "--ca names the authority of its certificate, --connect another way to it";
    throw new UnavailableError(`Cannot connect to the gateway at ${where}: ${messageOf(error)}`, hint, 0, {
      cause: error,
    });
  }
}

function headersOf({ url, cookie }: Gateway): Record<string, string> {
  return { Host: url.host, "User-Agent": "opendca-platform", ...(cookie === "" ? {} : { Cookie: cookie }) };
}

async function get(gateway: Gateway, path: string): Promise<{ status: number; cookie?: string; body: string }> {
  const socket = await connected(gateway);
  try {
    return await new Promise((resolve, reject) => {
      const headers = { ...headersOf(gateway), Connection: "close" };
      const asked = request({ createConnection: () => socket, method: "GET", path, headers, setHost: false });
      asked.setTimeout(stepTimeoutMs, () => asked.destroy(new Error("the gateway does not answer")));
      asked.on("error", (error) => {
        reject(new UnavailableError(`Cannot ask the gateway: ${messageOf(error)}`, undefined, 0, { cause: error }));
      });
      asked.once("response", (answer) => {
        const [cookie] = answer.headers["set-cookie"] ?? [];
        text(answer).then(
          (body) =>
            resolve({
              status: answer.statusCode ?? 0,
              body,
              ...(cookie === undefined ? {} : { cookie: cookie.split(";")[0]! }),
            }),
          reject,
        );
      });
      asked.end();
    });
  } finally {
    socket.destroy();
  }
}

async function listening({ listen }: ForwardOptions, take: (socket: Socket) => void): Promise<Server> {
  // A program that has sent all of its job still waits for the printer's answer.
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    socket.setNoDelay(true);
    take(socket);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => {
      const hint = "choose another --listen";
      const what = `Cannot listen on ${listen.host}:${listen.port}: ${messageOf(error)}`;
      reject(new UnavailableError(what, hint, 0, { cause: error }));
    });
    server.listen(listen.port, listen.host.replace(/^\[|\]$/g, ""), () => resolve());
  });
  server.on("error", () => {});
  return server;
}

let connections = 0;

function serve(local: Socket, gateway: Gateway, say: (text: string) => void): void {
  const name = `connection ${++connections}`;
  let toDevice = 0, fromDevice = 0;
  opened(gateway).then(({ remote, first }) => {
    if (local.destroyed) return void remote.destroy();
    const sending = createFramer((bytes) => toDevice += bytes),
      receiving = createUnframer((bytes) => fromDevice += bytes);
    receiving.on("error", () => local.destroy());
    remote.on("error", () => remote.destroy());
    // A program that closes at once still wants its job printed.
    local.once("close", () => local.readableEnded ? receiving.resume() : remote.destroy());
    remote.once("close", () => {
      if (!receiving.readableEnded) local.destroy();
      say(`${name}: ${toDevice} bytes to the device, ${fromDevice} from it`);
    });
    receiving.once("end", () => remote.end());
    if (first.length > 0) receiving.write(first);
    local.pipe(sending).pipe(remote, { end: false });
    remote.pipe(receiving).pipe(local);
  }).catch((error) => {
    if (!gateway.signal.aborted) say(`${name}: ${messageOf(error)}`);
    local.destroy();
  });
}

async function opened(gateway: Gateway): Promise<{ remote: Socket; first: Uint8Array }> {
  const socket = await connected(gateway);
  return await new Promise((resolve, reject) => {
    const headers = { ...headersOf(gateway), Connection: "Upgrade", Upgrade: rawProtocol };
    const asked = request({ createConnection: () => socket, method: "GET", path: rawPath, headers, setHost: false });
    asked.on("error", (error) => {
      socket.destroy();
      reject(new UnavailableError(`The gateway closed the connection: ${messageOf(error)}`));
    });
    asked.once("response", (answer) => {
      text(answer).catch(() => "").then((body) => {
        socket.destroy();
        const [, title = "no reason"] = /<h1>([^<]*)<\/h1>/.exec(body) ?? [];
        reject(new UnavailableError(`The gateway refuses it (${answer.statusCode}): ${title}`));
      });
    });
    asked.once("upgrade", (_, __, first: Uint8Array) => resolve({ remote: socket, first }));
    asked.end();
  });
}

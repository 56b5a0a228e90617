/** Connections to one printer through a session's tunnel: HTTP with keep-alive, TLS with a pinned certificate. */
import { Agent, type ClientRequest, request } from "node:http";
import { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";
import { connect, type TLSSocket } from "node:tls";
import { messageOf } from "../../../common/core/errors.ts";
import type { LegacyTls } from "./legacy_tls.ts";
import { changedCertificate, RefusalError, refusals, tlsRefusalOf } from "./refusal.ts";
import { askingHello, oldIn, readServerFlight, type ServerFlight } from "./server_flight.ts";
import type { Tunnel } from "../../access/tunnels.ts";

export interface LinkOptions {
  tunnel: Pick<Tunnel, "open">;
  scheme: "http" | "https";
  /** Timeout for a connection to the printer, including the handshake. */
  connectMs: number;
  /** Maximum requests at once; printers support few connections. */
  maxAtOnce: number;
  /** Maximum number of waiting requests. */
  maxWaiting: number;
  /** SHA-256 of the pinned certificate of the printer; undefined at the first use. */
  pinned(): Promise<string | undefined>;
  pin(fingerprint: string): Promise<void>;
  legacy: LegacyUse;
}

/** Old TLS, for printers that speak nothing else. */
export interface LegacyUse {
  /** Undefined where the gateway has no helper. */
  helper: LegacyTls | undefined;
  /** For the command that permits it. */
  deviceId: string;
  isAllowed(): Promise<boolean>;
  /** Notes the first connection. */
  used(encryption: string): Promise<void>;
}

export interface PrinterRequest {
  method: string;
  path: string;
  headers: readonly [name: string, value: string][];
  channel?: Duplex;
}

export interface PrinterLink extends Disposable {
  /** Of the last connection, such as "TLSv1.3, TLS_AES_128_GCM_SHA256"; undefined before the first. */
  encryption(): string | undefined;
  /** Starts a request, which the caller must end, on an idle or new connection, or on the given one. */
  send(asked: PrinterRequest): ClientRequest;
  /** A separate connection, which is not returned to the pool. */
  connect(): Promise<Duplex>;
  /** Waits for a turn; throws `RefusalError` if too many requests wait. */
  turn(): Promise<Disposable>;
}

const maxHeaderBytes = 64 * 1024;

/** Socket methods that `node:http` calls on connections that it keeps. */
const socketMethods = ["setKeepAlive", "setNoDelay", "setTimeout", "ref", "unref"] as const;

/** Disposal ends every connection. */
export function openPrinterLink(options: LinkOptions): PrinterLink {
  const open = new Set<Duplex>();
  const agent = new Agent({ keepAlive: true, maxFreeSockets: options.maxAtOnce });
  const state: LinkState = { isOld: false, encryption: undefined };
  const connectOne = async () => {
    const channel = await openWithin(options, state);
    open.add(channel);
    channel.once("close", () => open.delete(channel));
    return channel;
  };
  // It may call back later, contrary to its type.
  agent.createConnection = ((_: unknown, done: (error: Error | null, channel?: Duplex) => void) => {
    connectOne().then((channel) => done(null, channel), (error) => done(error));
  }) as unknown as typeof agent.createConnection;
  let busy = 0;
  const waiting: (() => void)[] = [];
  const release = () => {
    const next = waiting.shift();
    if (next === undefined) busy--;
    else next();
  };
  return {
    encryption: () => state.encryption,
    send: ({ method, path, headers, channel }) =>
      request({
        ...(channel === undefined ? { agent } : { createConnection: () => channel }),
        method,
        path,
        headers: grouped(headers),
        setHost: false,
        maxHeaderSize: maxHeaderBytes,
        // Printers end lines with a bare LF, fold headers, and send two lengths for a body. The answer is framed again
        // for the browser.
        insecureHTTPParser: true,
      }),
    connect: connectOne,
    async turn() {
      if (busy < options.maxAtOnce) busy++;
      else {
        if (waiting.length >= options.maxWaiting) throw new RefusalError(refusals.busy);
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
      let isHeld = true;
      return {
        [Symbol.dispose]() {
          if (isHeld) release();
          isHeld = false;
        },
      };
    },
    [Symbol.dispose]() {
      agent.destroy();
      for (const channel of open) channel.destroy();
    },
  };
}

function grouped(headers: readonly [name: string, value: string][]): Record<string, string | string[]> {
  const all: Record<string, string | string[]> = {};
  for (const [name, value] of headers) {
    const known = all[name];
    all[name] = known === undefined ? value : [known, value].flat();
  }
  return all;
}

interface LinkState {
  /** The printer was reached by the helper alone. */
  isOld: boolean;
  encryption: string | undefined;
}

async function openWithin(options: LinkOptions, state: LinkState): Promise<Duplex> {
  const { connectMs } = options;
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new RefusalError(refusals.unreachable(`No connection within ${connectMs / 1000} seconds`))),
    connectMs,
  );
  const channels: Duplex[] = [];
  const open = () => openChannel(options, (channel) => channels.push(channel));
  const opening = options.scheme === "http" ? open().then(asSocket) : openEncrypted(open, options, state);
  try {
    return await Promise.race([opening, late]);
  } catch (error) {
    for (const channel of channels) channel.destroy();
    // A connection that opens later is no longer needed.
    opening.then((tooLate) => tooLate.destroy(), () => {});
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function openChannel(options: LinkOptions, opened: (channel: Duplex) => void): Promise<Duplex> {
  let channel: Duplex;
  try {
    channel = await options.tunnel.open();
  } catch (error) {
    throw new RefusalError(refusals.unreachable(messageOf(error)), { cause: error });
  }
  opened(channel);
  // Users of the channel detect errors otherwise; without a listener the process would end.
  channel.on("error", () => {});
  // As a socket does it: a connection that the printer has closed is not used again.
  channel.once("end", () => channel.end());
  return channel;
}

function asSocket(channel: Duplex): Duplex {
  const methods = channel as unknown as Record<string, unknown>;
  for (const name of socketMethods) {
    if (typeof methods[name] !== "function") methods[name] = () => channel;
  }
  return channel;
}

/** TLS of the runtime; by the helper, if that is too new for the printer and the operator has permitted it. */
async function openEncrypted(open: () => Promise<Duplex>, options: LinkOptions, state: LinkState): Promise<Duplex> {
  const { legacy } = options;
  if (!state.isOld) {
    try {
      const socket = await encrypted(await open(), options);
      state.encryption = `${socket.getProtocol() ?? "TLS"}, ${socket.getCipher().name}`;
      return socket;
    } catch (error) {
      if (!(error instanceof TlsError)) throw error;
      const refusal = tlsRefusalOf(error.cause);
      if (refusal === refusals.notTls) throw new RefusalError(refusal, { cause: error });
      const old = oldIn(await flightOf(await open()));
      if (old.length === 0 && refusal !== undefined) throw new RefusalError(refusal, { cause: error });
      const isAllowed = legacy.helper !== undefined && await legacy.isAllowed();
      if (!isAllowed) {
        const { helper, deviceId } = legacy;
        throw new RefusalError(refusals.tlsTooOld({ old, deviceId, hasHelper: helper !== undefined }));
      }
    }
  }
  let connection;
  try {
    connection = await legacy.helper!.open(await open(), (shown) => checkPin(shown, options));
  } catch (error) {
    throw error instanceof RefusalError ? error : new RefusalError(refusals.tlsFailed(messageOf(error)));
  }
  state.encryption = `${connection.encryption}, by OpenSSL at security level 0`;
  if (!state.isOld) await legacy.used(connection.encryption);
  state.isOld = true;
  return asSocket(connection.plain);
}

/** What the printer answers to a hello with everything that printers ever had. */
async function flightOf(channel: Duplex): Promise<ServerFlight> {
  channel.write(askingHello(crypto.getRandomValues(new Uint8Array(32))));
  let bytes = Buffer.alloc(0), flight: ServerFlight = { kind: "incomplete" };
  try {
    for await (const part of channel as AsyncIterable<Uint8Array>) {
      bytes = Buffer.concat([bytes, part]);
      flight = readServerFlight(bytes);
      if (flight.kind !== "incomplete" && !(flight.kind === "hello" && !flight.isDone)) break;
    }
  } catch {
    // It was closed; what has come may be enough.
  } finally {
    channel.destroy();
  }
  return flight;
}

/** A handshake that the runtime's TLS could not complete. */
class TlsError extends Error {
  override readonly name = "TlsError";
  constructor(override readonly cause: Error & { code?: string }) {
    super(cause.message, { cause });
  }
}

async function encrypted(channel: Duplex, options: LinkOptions): Promise<TLSSocket> {
  const socket = connect({ socket: asSocket(channel), rejectUnauthorized: false });
  await new Promise<void>((resolve, reject) => {
    socket.once("secureConnect", () => resolve());
    socket.on("error", (error: Error & { code?: string }) => reject(new TlsError(error)));
    // Also called after an error, when this has no effect. Some old printers close in place of an alert.
    socket.once("close", () => reject(new TlsError(new Error("The printer closed the connection"))));
  });
  channel.once("close", () => socket.destroy());
  // A browser that reads slowly holds the printer back: in this runtime, TLS reads on else.
  const follow = () => void (socket.isPaused() ? channel.pause() : channel.resume());
  socket.on("pause", follow).on("resume", follow);
  try {
    await checkPin(socket.getPeerCertificate().fingerprint256, options);
  } catch (error) {
    socket.destroy();
    throw error;
  }
  return socket;
}

/** Printers have self-signed certificates, so they cannot be verified by an authority: the first one is pinned. */
async function checkPin(shown: string, { pinned, pin }: LinkOptions): Promise<void> {
  const known = await pinned();
  if (known === undefined) await pin(shown);
  else if (known !== shown) throw new RefusalError(changedCertificate({ known, shown }));
}

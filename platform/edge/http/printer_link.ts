/** Connections to one printer through a session's tunnel: HTTP with keep-alive, TLS with a pinned certificate. */
import { Agent, type ClientRequest, request } from "node:http";
import type { Duplex } from "node:stream";
import { connect } from "node:tls";
import { messageOf } from "../../../common/core/errors.ts";
import { changedCertificate, RefusalError, refusals, tlsRefusalOf } from "./refusal.ts";
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
}

export interface PrinterRequest {
  method: string;
  path: string;
  headers: readonly [name: string, value: string][];
  channel?: Duplex;
}

export interface PrinterLink extends Disposable {
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
  const connectOne = async () => {
    const channel = await openWithin(options);
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

async function openWithin(options: LinkOptions): Promise<Duplex> {
  const { connectMs } = options;
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new RefusalError(refusals.unreachable(`No connection within ${connectMs / 1000} seconds`))),
    connectMs,
  );
  let channel: Duplex | undefined;
  const opening = openChannel(options, (opened) => channel = opened);
  try {
    return await Promise.race([opening, late]);
  } catch (error) {
    channel?.destroy();
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
  return options.scheme === "http" ? asSocket(channel) : await encrypted(channel, options);
}

function asSocket(channel: Duplex): Duplex {
  const methods = channel as unknown as Record<string, unknown>;
  for (const name of socketMethods) {
    if (typeof methods[name] !== "function") methods[name] = () => channel;
  }
  return channel;
}

/**
 * TLS on the channel. Printers have self-signed certificates, so they cannot be verified by an authority: the first
 * certificate is pinned.
 */
async function encrypted(channel: Duplex, { pinned, pin }: LinkOptions): Promise<Duplex> {
  const socket = connect({ socket: asSocket(channel), rejectUnauthorized: false });
  await new Promise<void>((resolve, reject) => {
    socket.once("secureConnect", () => resolve());
    socket.on("error", (error: Error & { code?: string }) => reject(new RefusalError(tlsRefusalOf(error))));
    // Also called after an error, when this has no effect.
    socket.once("close", () => reject(new RefusalError(refusals.closedEarly)));
  });
  channel.once("close", () => socket.destroy());
  // A browser that reads slowly holds the printer back: in this runtime, TLS reads on else.
  const follow = () => void (socket.isPaused() ? channel.pause() : channel.resume());
  socket.on("pause", follow).on("resume", follow);
  const shown = socket.getPeerCertificate().fingerprint256;
  const known = await pinned();
  if (known === undefined) await pin(shown);
  else if (known !== shown) {
    socket.destroy();
    throw new RefusalError(changedCertificate({ known, shown }));
  }
  return socket;
}

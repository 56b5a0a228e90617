/** SSH to the platform's gateway, with the one remote forward of a session. */
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { messageOf, UnavailableError } from "../../common/core/errors.ts";
import { formatEndpoint } from "../../common/core/ip.ts";
import { dial } from "../../common/host/dial.ts";
import { type Proxy, proxyFor } from "../../common/host/proxy.ts";
import type { Endpoint } from "../config/agent_config.ts";

export interface GatewayOptions {
  /** Tried in this order. */
  gateways: readonly Endpoint[];
  proxy: Proxy | null;
  /** The host key in SSH encoding. */
  hostKey: Uint8Array;
  user: string;
  privateKey: string;
  /** The remote forward to ask for; port 0: the gateway opens none. */
  forward: { address: string; port: number };
  signal: AbortSignal;
  /** Receives each connection that the gateway requests. */
  onChannel(channel: IncomingChannel): void;
}

/** A requested connection, which must be answered once. */
export interface IncomingChannel {
  accept(): Duplex;
  reject(): void;
}

export interface GatewayConnection extends Disposable {
  gateway: Endpoint;
  /** Resolves with the reason when it has ended. */
  readonly closed: Promise<string>;
}

const stepTimeoutMs = 15_000;

/**
 * Throws UnavailableError with the failure of the last gateway. A key that one gateway has refused is not sent to
 * another.
 */
export async function connectGateway(options: GatewayOptions): Promise<GatewayConnection> {
  let last: UnavailableError | undefined;
  for (const gateway of options.gateways) {
    let socket: Socket;
    try {
      const proxy = proxyFor(gateway, options.proxy);
      socket = await dial(gateway, { proxy, tls: null, stepTimeoutMs, signal: options.signal });
    } catch (error) {
      options.signal.throwIfAborted();
      last = new UnavailableError(
        `Cannot reach the gateway ${formatEndpoint(gateway.host, gateway.port)}: ${messageOf(error)}`,
        "check that this machine may reach it",
        0,
        { cause: error },
      );
      continue;
    }
    return await signIn(socket, gateway, options);
  }
  throw last!;
}

async function signIn(socket: Socket, gateway: Endpoint, options: GatewayOptions): Promise<GatewayConnection> {
  const { signal, hostKey } = options;
  const where = formatEndpoint(gateway.host, gateway.port);
  socket.setNoDelay(true);
  // SSH is loaded for the first session.
  const { algorithms, Client, keepAlive, utils } = await import("../../common/host/ssh2.ts");
  const pinned = utils.parseKey(Buffer.from(hostKey));
  if (pinned instanceof Error) {
    socket.destroy();
    throw new UnavailableError(`Cannot use the gateway ${where}: its host key in the task is not a key`);
  }
  const client = new Client();
  const closed = Promise.withResolvers<string>(), ready = Promise.withResolvers<void>();
  ready.promise.catch(() => {});
  let isForeign = false, lastError: (Error & { level?: string }) | undefined;
  client.on("error", (error: Error & { level?: string }) => {
    lastError = error;
    ready.reject(error);
    // A peer that has gone does not close its side.
    socket.destroy();
  });
  socket.once("close", () => {
    const why = lastError?.level === "client-timeout"
      ? "the gateway stopped answering"
      : "the gateway closed the connection";
    closed.resolve(why);
    ready.reject(lastError ?? new Error(why));
  });
  client.on(
    "tcp connection",
    (_: unknown, accept: () => Duplex, reject: () => void) =>
      options.onChannel({ accept: () => withErrorListener(accept()), reject }),
  );
  const onAbort = () => {
    ready.reject(signal.reason);
    socket.destroy();
  };
  signal.addEventListener("abort", onAbort, { once: true });
  const { address, port } = options.forward;
  client.once("ready", () => client.forwardIn(address, port, (error) => error ? ready.reject(error) : ready.resolve()));
  try {
    signal.throwIfAborted();
    client.connect({
      sock: socket,
      username: options.user,
      privateKey: options.privateKey,
      hostVerifier(key) {
        isForeign = !key.equals(hostKey);
        return !isForeign;
      },
      algorithms: { ...algorithms, serverHostKey: hostKeyAlgorithms(pinned.type) },
      readyTimeout: stepTimeoutMs,
      ...keepAlive,
    });
    await ready.promise;
  } catch (error) {
    socket.destroy();
    signal.throwIfAborted();
    throw new UnavailableError(
      `Cannot use the gateway ${where}: ${whyNot(error as Error, { isForeign })}`,
      undefined,
      0,
      {
        cause: error,
      },
    );
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
  return {
    gateway,
    closed: closed.promise,
    [Symbol.dispose]() {
      client.end();
      // The last data, such as the end of a channel, is still sent.
      socket.end();
      setTimeout(() => socket.destroy(), 1000);
    },
  };
}

/** Without one, an error of the channel ends the process. */
function withErrorListener(channel: Duplex): Duplex {
  return channel.on("error", () => {});
}

function whyNot(error: Error & { level?: string }, { isForeign }: { isForeign: boolean }): string {
  if (isForeign) return "its host key is not the one that the platform has signed";
  if (error.level === "client-authentication") {
    return "it refuses the session's key, which works once and until the session ends";
  }
  if (/forward|unable to bind/i.test(error.message)) return "it refuses the remote forward";
  return messageOf(error);
}

/** Algorithms for a key type; RSA keys only with SHA-2. */
function hostKeyAlgorithms(type: string): string[] {
  return type === "ssh-rsa" ? ["rsa-sha2-512", "rsa-sha2-256"] : [type];
}

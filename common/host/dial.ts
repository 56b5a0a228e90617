/**
 * Opens all connections to peers: name, TCP, CONNECT to a proxy, TLS. The caller speaks its protocol over it: gRPC,
 * MQTT, SSH. The gRPC library opens TCP by itself, and continues here with `passProxy` and `startTls`.
 */
import { lookup } from "node:dns/promises";
import net, { type Socket } from "node:net";
import tls, { type SecureContext, type TLSSocket } from "node:tls";
import { formatEndpoint } from "../core/ip.ts";
import { connectByProxy, type Proxy, type ProxyAnswer } from "./proxy.ts";
import { mendTlsWrites } from "./tls_writes.ts";
import { identityCheck, type TrustConfig } from "./trust.ts";

export type DialStep = "dns" | "tcp" | "proxy" | "tls";

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export interface TlsOptions {
  trust: TrustConfig;
  /** See `secureContextOf`. */
  context: SecureContext;
  /** The protocol that the peer must agree to, such as "h2"; null for any. */
  protocol: string | null;
  /**
   * Judges the peer instead of the usual check, and throws to end the connection: to inspect a peer that is not
   * trusted.
   */
  judge?: (socket: TLSSocket) => void;
}

export interface DialOptions {
  /** Undefined for none: see `proxyFor`. */
  proxy: Proxy | undefined;
  /** Null for a protocol with its own encryption. */
  tls: TlsOptions | null;
  /** Timeout of each step. */
  stepTimeoutMs: number;
  /** Aborts the present step. */
  signal?: AbortSignal | undefined;
  /** Called with the proxy's answer, also if it refused. */
  onProxyAnswer?: (answer: ProxyAnswer) => void;
  /** Wraps each step, to observe its duration and result. */
  observe?: StepObserver<DialStep>;
}

export type StepObserver<Name> = <T>(
  name: Name,
  action: () => Promise<T>,
  detail: (result: T) => string,
) => Promise<T>;

/**
 * Opens a connection to the endpoint. Rejects with the system's error, ETIMEDOUT or the reason of `signal`; nothing
 * stays open then.
 */
export async function dial(endpoint: Endpoint, options: DialOptions): Promise<Socket> {
  const { proxy, signal, stepTimeoutMs: timeoutMs, observe = (_, action) => action() } = options;
  const step: StepObserver<DialStep> = (name, action, detail) =>
    observe(name, () => within(action(), { timeoutMs, signal }), detail);
  const first = proxy ?? endpoint;
  const addresses = await step(
    "dns",
    () => lookup(first.host, { all: true }),
    (found) => found.map(({ address }) => address).join(", "),
  );
  // If a name has several addresses, all are tried.
  const several = addresses.length > 1 ? { host: first.host, autoSelectFamily: true } : {};
  const socket = net.connect({ host: addresses[0]!.address, port: first.port, ...several });
  try {
    await step(
      "tcp",
      () => ready(socket, "connect"),
      () => formatEndpoint(socket.remoteAddress ?? first.host, first.port),
    );
    if (proxy !== undefined) {
      await step("proxy", () => passProxy(socket, endpoint, { proxy, onAnswer: options.onProxyAnswer }), () => "200");
    }
    // Nagle's algorithm would delay small pieces until the answer to the previous one.
    socket.setNoDelay(true);
    const wanted = options.tls;
    if (wanted === null) return socket;
    return await step("tls", () => startTls(socket, endpoint.host, wanted), (secure) => `${secure.getProtocol()}`);
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** Asks the proxy at the other end of a socket to connect it to the endpoint. */
export async function passProxy(
  socket: Socket,
  endpoint: Endpoint,
  { proxy, onAnswer }: { proxy: Proxy; onAnswer?: ((answer: ProxyAnswer) => void) | undefined },
): Promise<void> {
  const answer = await connectByProxy(socket, endpoint, proxy);
  onAnswer?.(answer);
  if (answer.status !== 200) throw new Error(`The proxy answers ${answer.status} ${answer.reason}`.trimEnd());
}

/** Starts TLS on a socket that is connected to the host. */
export async function startTls(
  socket: Socket,
  host: string,
  options: TlsOptions,
): Promise<TLSSocket> {
  const { protocol, judge } = options, secure = beginTls(socket, host, options);
  try {
    await ready(secure, "secureConnect");
    if (judge !== undefined) judge(secure);
    else if (!secure.authorized) throw new Error("The certificate is not trusted");
    // Otherwise the peer would wait for HTTP/1.1, and we for its settings.
    else if (protocol !== null && secure.alpnProtocol !== protocol) {
      throw new Error(`The peer does not agree to ${protocol}`);
    }
    return secure;
  } catch (error) {
    secure.destroy();
    throw error;
  }
}

/** For a library that waits itself, and afterwards looks whether the socket is `authorized`. */
export function beginTls(socket: Socket, host: string, { trust, context, protocol, judge }: TlsOptions): TLSSocket {
  mendTlsWrites();
  return tls.connect({
    socket,
    host,
    // An address is no server name (RFC 6066, 3).
    ...(net.isIP(host) === 0 ? { servername: host } : {}),
    ...(protocol === null ? {} : { ALPNProtocols: [protocol] }),
    secureContext: context,
    // Set explicitly: the default depends on NODE_TLS_REJECT_UNAUTHORIZED in the environment.
    ...(judge === undefined
      ? { checkServerIdentity: identityCheck(trust), rejectUnauthorized: true }
      : { rejectUnauthorized: false }),
  });
}

/** Rejects if the promise takes longer than the timeout, or is aborted. */
export async function within<T>(
  promise: Promise<T>,
  { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal | undefined },
): Promise<T> {
  const late = Promise.withResolvers<never>();
  const onAbort = () => late.reject(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  if (signal?.aborted) onAbort();
  const timer = setTimeout(
    () => late.reject(Object.assign(new Error(`No answer within ${timeoutMs} ms`), { code: "ETIMEDOUT" })),
    timeoutMs,
  );
  promise.catch(() => {}); // After the timeout its error is no longer needed.
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
}

/** Resolves on the event; rejects on an error or the end of the socket. */
function ready(socket: Socket, event: "connect" | "secureConnect"): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once(event, () => resolve());
    socket.on("error", reject);
    socket.once("close", () => reject(Object.assign(new Error("The connection was closed"), { code: "ECONNRESET" })));
  });
}

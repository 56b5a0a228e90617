/**
 * Creates connections to an endpoint for the gRPC library: it opens TCP, and CONNECT and TLS are done here. By itself,
 * the library would use a proxy from the environment (NODE_USE_ENV_PROXY) and send it the configured password, would
 * keep a hanging connection open forever, and would connect once more after its client was closed.
 */
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import type { SecureContext } from "node:tls";
import {
  CallCredentials,
  ChannelCredentials,
  connectivityState,
  type experimental,
  logVerbosity,
  setLogVerbosity,
} from "@grpc/grpc-js";
import { AgentServiceClient } from "../../proto/gen/opendca/v1/agent_service.ts";
import { formatEndpoint } from "../../common/core/ip.ts";
import { maxMessageBytes } from "../../common/protocol/limits.ts";
import { type Endpoint, passProxy, startTls } from "../../common/host/dial.ts";
import { type Proxy, proxyFor } from "../../common/host/proxy.ts";
import { type ClientCertificate, publicKeyDigest, secureContextOf, type TrustConfig } from "../../common/host/trust.ts";

/** Firewalls and routers drop flows without traffic for a minute. */
export const defaultKeepAliveMs = 45_000;
const keepAliveTimeoutMs = 10_000;

/** A client for one endpoint; it connects with the first call, and never again after `close`. */
export interface GrpcClient {
  stub: AgentServiceClient;
  /** Whether there is a connection, as far as this side knows. */
  isConnected(): boolean;
  /** See `EndpointCredentials`. */
  peerKey(): string;
  /** Aborts connection attempts at once; a running call on an open connection may complete. */
  close(): void;
}

export function openGrpcClient(
  endpoint: Endpoint,
  options: {
    /** Default: what the endpoint's name stands for. */
    address?: string;
    trust: TrustConfig;
    proxy: Proxy | null;
    client: ClientCertificate | undefined;
    keepAliveMs: number;
  },
): GrpcClient {
  // Failures are thrown and reported by the caller; the library would also log to standard error.
  setLogVerbosity(logVerbosity.NONE);
  const { trust, client, keepAliveMs } = options;
  const proxy = proxyFor(endpoint, options.proxy);
  const { host, port } = proxy ?? endpoint;
  const credentials = new EndpointCredentials({ endpoint, trust, proxy, client });
  const stub = new AgentServiceClient(`dns:${formatEndpoint(options.address ?? host, port)}`, credentials, {
    // The proxy comes from the configuration only, which also reads the environment.
    "grpc.enable_http_proxy": 0,
    "grpc.default_authority": formatEndpoint(endpoint.host, endpoint.port),
    "grpc.enable_retries": 0,
    "grpc.use_local_subchannel_pool": 1,
    "grpc.service_config_disable_resolution": 1,
    "grpc.max_receive_message_length": maxMessageBytes,
    // Also between polls; on a dead connection it fails before the deadline of a call.
    "grpc.keepalive_time_ms": keepAliveMs,
    "grpc.keepalive_timeout_ms": Math.min(keepAliveMs, keepAliveTimeoutMs),
    "grpc.keepalive_permit_without_calls": 1,
    "grpc.primary_user_agent": "opendca",
  });
  const isConnected = () => stub.getChannel().getConnectivityState(false) === connectivityState.READY;
  return {
    stub,
    isConnected,
    peerKey: () => credentials.peerKey,
    close() {
      credentials.close({ gracefully: isConnected() });
      stub.close();
    },
  };
}

interface EndpointCredentialsOptions {
  endpoint: Endpoint;
  trust: TrustConfig;
  /** Proxy to which the library opens TCP; undefined if it connects to the endpoint. */
  proxy: Proxy | undefined;
  client: ClientCertificate | undefined;
}

/** Credentials of one client; `close` ends its connections and prevents new ones. */
class EndpointCredentials extends ChannelCredentials {
  readonly #options: EndpointCredentialsOptions;
  readonly #context: SecureContext;
  readonly #sockets = new Set<Socket>();
  #closed = false;
  #peerKey = "";

  /** SHA-256 of the public key that the peer of the last connection proved, in hex; empty before the first. */
  get peerKey(): string {
    return this.#peerKey;
  }

  constructor(options: EndpointCredentialsOptions) {
    super();
    this.#options = options;
    this.#context = secureContextOf(options.trust, options.client);
  }

  /** With `gracefully` the library closes open connections itself, as a call may be running on them. */
  close({ gracefully }: { gracefully: boolean }): void {
    this.#closed = true;
    if (gracefully) return;
    for (const socket of this.#sockets) socket.destroy();
  }

  override _isSecure(): boolean {
    return true;
  }

  override _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  override _createSecureConnector(
    _target: unknown,
    _options: unknown,
    callCredentials?: CallCredentials,
  ): experimental.SecureConnector {
    return {
      // Called before TCP is opened.
      waitForReady: () => this.#closed ? Promise.reject(new Error("The client was closed")) : Promise.resolve(),
      connect: async (socket) => ({ socket: await this.#secure(socket), secure: true }),
      getCallCredentials: () => callCredentials ?? CallCredentials.createEmpty(),
      destroy: () => {},
    };
  }

  async #secure(socket: Socket): Promise<Socket> {
    const { endpoint, trust, proxy } = this.#options;
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    // The library stops listening once it has the socket.
    socket.on("error", () => {});
    if (this.#closed) socket.destroy();
    try {
      if (proxy !== undefined) await passProxy(socket, endpoint, { proxy });
      const secure = await startTls(socket, endpoint.host, { trust, context: this.#context, protocol: "h2" });
      this.#peerKey = publicKeyDigest(secure.getPeerCertificate().raw);
      return secure;
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }
}

class ConnectionFailedError extends Error {}

/** Whether the error is from `whenConnected`: then nothing of the call was sent. */
export function connectionFailed(error: unknown): error is Error {
  return error instanceof ConnectionFailedError;
}

/** Resolves when connected; rejects after the first failed attempt, which gRPC itself would not report. */
export function whenConnected({ stub }: GrpcClient, timeoutMs: number, signal?: AbortSignal): Promise<void> {
  const channel = stub.getChannel();
  const deadline = Date.now() + timeoutMs;
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    const settle = (action: () => void) => {
      signal?.removeEventListener("abort", onAbort);
      action();
    };
    function look(first: boolean): void {
      // Requesting a connection again after a failure would leave an unused connection behind.
      const state = channel.getConnectivityState(first);
      if (state === connectivityState.READY) return settle(resolve);
      if (state === connectivityState.TRANSIENT_FAILURE || state === connectivityState.SHUTDOWN) {
        return settle(() => reject(new ConnectionFailedError("The connection cannot be made")));
      }
      channel.watchConnectivityState(state, deadline, (late) => {
        if (late === undefined || late === null) look(false);
        else settle(() => reject(new ConnectionFailedError(`The connection was not made within ${timeoutMs} ms`)));
      });
    }
    look(true);
  });
}

/** Bytes in the type that generated messages need. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

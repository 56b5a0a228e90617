import { Buffer } from "node:buffer";
import { connectivityState, logVerbosity, setLogVerbosity } from "@grpc/grpc-js";
import { AgentServiceClient } from "../../proto/gen/opendca/v1/agent_service.ts";
import { formatEndpoint } from "../../common/core/ip.ts";
import { maxMessageBytes } from "../../common/protocol/limits.ts";
import { EndpointCredentials } from "./endpoint_credentials.ts";
import { type Proxy, proxyFor } from "../../common/host/proxy.ts";
import type { ClientCertificate, TrustConfig } from "../../common/host/trust.ts";

/** Firewalls and routers forget a flow that is silent for a minute. */
export const defaultKeepAliveMs = 45_000;
const keepAliveTimeoutMs = 10_000;

/** A client for one endpoint; it connects with the first call, and never again after `close`. */
export interface GrpcClient {
  stub: AgentServiceClient;
  /** Whether a connection stands, as far as this side knows. */
  isConnected(): boolean;
  /** See `EndpointCredentials`. */
  peerKey(): string;
  /** Ends what is not connected yet at once; a call that runs on an open connection may end. */
  close(): void;
}

export function openGrpcClient(
  endpoint: { host: string; port: number },
  options: {
    trust: TrustConfig;
    proxy: Proxy | null;
    client: ClientCertificate | undefined;
    keepAliveMs: number;
  },
): GrpcClient {
  // What fails is thrown and named by the caller; the library's own lines would go to standard error beside it.
  setLogVerbosity(logVerbosity.NONE);
  const { trust, client, keepAliveMs } = options;
  const proxy = proxyFor(endpoint, options.proxy);
  const { host, port } = proxy ?? endpoint;
  const credentials = new EndpointCredentials({ endpoint, trust, proxy, client });
  const stub = new AgentServiceClient(`dns:${formatEndpoint(host, port)}`, credentials, {
    // The proxy comes from the configuration alone: what the environment says is read there.
    "grpc.enable_http_proxy": 0,
    "grpc.default_authority": formatEndpoint(endpoint.host, endpoint.port),
    "grpc.enable_retries": 0,
    "grpc.use_local_subchannel_pool": 1,
    "grpc.service_config_disable_resolution": 1,
    "grpc.max_receive_message_length": maxMessageBytes,
    // Between polls as well, and on a connection that is dead it fails before the deadline of a call.
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

class ConnectionFailedError extends Error {}

/** Whether `whenConnected` threw it: nothing of the call was sent. */
export function connectionFailed(error: unknown): error is Error {
  return error instanceof ConnectionFailedError;
}

/** Resolves once the connection stands; rejects as soon as one attempt has failed, which gRPC itself would not tell. */
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
      // Asking to connect again after a failure would leave a connection behind that nobody waits for.
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

/** Bytes as the generated messages want them. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The platform over gRPC: TLS, proxy, several endpoints, deadlines, and failures that have a name. */
import type { Buffer } from "node:buffer";
import { type CallOptions, type ClientUnaryCall, Metadata, type ServiceError, status as Status } from "@grpc/grpc-js";
import { type AgentServiceClient, AgentServiceService } from "../../proto/gen/opendca/v1/agent_service.ts";
import type { UploadResponse } from "../../proto/gen/opendca/v1/batch.ts";
import type { Clock } from "../../common/core/clock.ts";
import { RejectedError } from "../../common/core/errors.ts";
import type { AgentApi, ConnectedPeer } from "./agent_api.ts";
import { type CallFailure, classifyTransportError, wasCut } from "./classify_transport_error.ts";
import { chooseEndpoints } from "./endpoint_choice.ts";
import { connectionFailed, defaultKeepAliveMs, type GrpcClient, openGrpcClient, whenConnected } from "./grpc_client.ts";
import type { ProbeReport } from "./probe_report.ts";
import type { Proxy } from "../../common/host/proxy.ts";
import { type Delivery, RevokedError, TransportError } from "./transport_error.ts";
import type { TransportFault } from "./transport_fault.ts";
import type { ClientCertificate, TrustConfig } from "../../common/host/trust.ts";

export interface GrpcOptions {
  endpoints: readonly { readonly host: string; readonly port: number }[];
  trust: TrustConfig;
  proxy: Proxy | null;
  clock: Clock;
  /** Longest time to connect to one endpoint, and for one call on it. */
  connectTimeoutMs?: number;
  callTimeoutMs?: number;
  /** A connection that is silent for so long is pinged. */
  keepAliveMs?: number;
  /** How long an endpoint other than the first is kept while it works. */
  returnAfterMs?: number;
}

export interface GrpcAgentApi extends AgentApi, Disposable {
  /** The certificate for every call from now on; undefined before activation. Open connections are closed. */
  useCertificate(certificate: (ClientCertificate & { notAfter: Date }) | undefined): void;
  /** HOST:PORT that answered last. */
  readonly lastEndpoint: string | undefined;
}

type Unary<Q, A> = (
  request: Q,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, answer: A) => void,
) => ClientUnaryCall;

interface Failed {
  error: Error;
  delivery: Delivery;
}

/** Nothing is connected until the first call. Every call may be repeated by the platform's contract, so each endpoint is tried in turn. */
export function createGrpcAgentApi(options: GrpcOptions): GrpcAgentApi {
  const { clock, endpoints } = options;
  const connectTimeoutMs = options.connectTimeoutMs ?? 15_000;
  const callTimeoutMs = options.callTimeoutMs ?? 60_000;
  const choice = chooseEndpoints(endpoints.length, options.returnAfterMs ?? 3_600_000);
  const clients = new Map<number, GrpcClient>();
  let certificate: (ClientCertificate & { notAfter: Date }) | undefined;
  let lastEndpoint: string | undefined;

  function clientOf(index: number): GrpcClient {
    const { trust, proxy, keepAliveMs = defaultKeepAliveMs } = options;
    const client = clients.get(index) ??
      openGrpcClient(endpoints[index]!, { trust, proxy, keepAliveMs, client: certificate });
    clients.set(index, client);
    return client;
  }

  /** A client whose connection failed waits longer and longer before it tries again; a new one tries at once. */
  function drop(index: number): void {
    clients.get(index)?.close();
    clients.delete(index);
  }

  async function call<Q, A>(
    method: (client: AgentServiceClient) => Unary<Q, A>,
    request: Q,
    signal?: AbortSignal,
    beforeSend?: (peer: ConnectedPeer) => Promise<void> | void,
  ) {
    let last: Failed | undefined;
    let delivery: Delivery = "none";
    let wasSent = false;
    const order = choice.order(clock.monotonicMs());
    for (let at = 0; at < order.length; at++) {
      const index = order[at]!;
      signal?.throwIfAborted();
      const client = clientOf(index);
      const reused = client.isConnected();
      let connected = false;
      try {
        await whenConnected(client, connectTimeoutMs, signal);
        await beforeSend?.({ key: client.peerKey(), earlier: wasSent ? delivery : undefined });
        connected = true;
        wasSent = true;
        const answer = await invoke(client.stub, method(client.stub), request, signal);
        choice.succeeded(index);
        lastEndpoint = nameOf(index);
        return answer;
      } catch (error) {
        signal?.throwIfAborted();
        const failure = failureOf(error);
        if (failure === undefined) throw error;
        if (failure.reason === null) drop(index);
        if (connected && failure.reason === null) delivery = "unknown";
        if (reused && wasCut(failure)) {
          // The connection ended since the last call, or the way has forgotten it. A new one shows how the way is now.
          at--;
          continue;
        }
        if (failure.reason === null) choice.failed(index, clock.monotonicMs());
        // Only the last one's fault is told, and the next one should not wait for the walk.
        const isTold = index === order.at(-1);
        const probe = isTold && failure.reason === null && isUnexplained(failure) ? await walk(index, signal) : null;
        signal?.throwIfAborted();
        const fault = faultOf(index, failure, { probe, connected });
        last = { error: errorOf(fault, failure, delivery, error), delivery };
        // The platform has spoken; another endpoint of it would say the same.
        if (failure.reason !== null && failure.reason !== "store-busy") throw last.error;
      }
    }
    throw last!.error;
  }

  function invoke<Q, A>(client: AgentServiceClient, method: Unary<Q, A>, request: Q, signal?: AbortSignal): Promise<A> {
    return new Promise((resolve, reject) => {
      const deadline = Date.now() + callTimeoutMs;
      const running = method.call(client, request, new Metadata(), { deadline }, (error, answer) => {
        signal?.removeEventListener("abort", cancel);
        if (error === null) resolve(answer);
        else reject(error);
      });
      const cancel = () => running.cancel();
      signal?.addEventListener("abort", cancel, { once: true });
    });
  }

  async function walk(index: number, signal: AbortSignal | undefined): Promise<ProbeReport> {
    const { trust, proxy } = options;
    // Reads certificates of whoever answers, with a library of 14 MB that is not needed while all is well.
    const { probeEndpoint } = await import("./probe_endpoint.ts");
    return await probeEndpoint(endpoints[index]!, {
      trust,
      proxy,
      clock,
      client: certificate,
      stepTimeoutMs: Math.min(connectTimeoutMs, 10_000),
      signal,
    });
  }

  function faultOf(
    index: number,
    failure: CallFailure,
    found: { probe: ProbeReport | null; connected: boolean },
  ): TransportFault {
    const clientNotAfter = certificate?.notAfter ?? null;
    return classifyTransportError(failure, { endpoint: nameOf(index), now: clock.now(), clientNotAfter, ...found });
  }

  function nameOf(index: number): string {
    return `${endpoints[index]!.host}:${endpoints[index]!.port}`;
  }

  function close(): void {
    for (const index of [...clients.keys()]) drop(index);
  }

  return {
    activate: (request, signal, beforeSend) => call((client) => client.activate, request, signal, beforeSend),
    renew: (request, signal) => call((client) => client.renew, request, signal),
    poll: (request, signal) => call((client) => client.poll, request, signal),
    upload: ({ bytes }, signal) => call(() => uploadBytes, bytes, signal),
    get lastEndpoint() {
      return lastEndpoint;
    },
    useCertificate(next) {
      certificate = next;
      close();
    },
    [Symbol.dispose]: close,
  };
}

/** The call `Upload` of a client, for a batch that is encoded already. */
function uploadBytes(
  this: AgentServiceClient,
  ...[bytes, metadata, options, callback]: Parameters<Unary<Buffer, UploadResponse>>
): ClientUnaryCall {
  const { path, responseDeserialize } = AgentServiceService.upload;
  const asTheyAre = (value: Buffer) => value;
  return this.makeUnaryRequest(path, asTheyAre, responseDeserialize, bytes, metadata, options, (error, answer) => {
    // Without an error there is an answer.
    callback(error, answer!);
  });
}

/** A deadline on an open connection is what it is; what else went wrong is worth a look. */
function isUnexplained(failure: CallFailure): boolean {
  return failure.code !== Status.DEADLINE_EXCEEDED && failure.code !== Status.RESOURCE_EXHAUSTED;
}

function failureOf(error: unknown): (CallFailure & { retryAfterMs: number }) | undefined {
  if (connectionFailed(error)) {
    return { code: Status.UNAVAILABLE, details: error.message, reason: null, retryAfterMs: 0 };
  }
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "number") return undefined;
  const { code, details, metadata } = error as ServiceError;
  const text = (name: string) => metadata?.get(name)[0]?.toString();
  const retryAfterMs = Number(text("opendca-retry-after-ms") ?? 0);
  return {
    code,
    details,
    reason: text("opendca-reason") ?? null,
    // Bounded: a platform that says "in ten years" would otherwise silence the agent for good.
    retryAfterMs: Number.isFinite(retryAfterMs) ? Math.min(Math.max(0, retryAfterMs), 86_400_000) : 0,
  };
}

function errorOf(
  fault: TransportFault,
  { retryAfterMs }: { retryAfterMs: number },
  delivery: Delivery,
  cause: unknown,
): Error {
  if (fault.name === "revoked" || fault.name === "copied") return new RevokedError(fault, { cause });
  if (fault.name === "request-refused") return new RejectedError(fault.message, fault.advice, { cause });
  return new TransportError(fault, delivery, { retryAfterMs, cause });
}

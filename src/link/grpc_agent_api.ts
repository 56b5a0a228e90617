/** The platform over gRPC: TLS, proxy, several endpoints, deadlines, and named faults. */
import type { Buffer } from "node:buffer";
import {
  type CallOptions,
  type ClientReadableStream,
  type ClientUnaryCall,
  Metadata,
  type ServiceError,
  status as Status,
} from "@grpc/grpc-js";
import { type AgentServiceClient, AgentServiceService } from "../../proto/gen/opendca/v1/agent_service.ts";
import type { UploadResponse } from "../../proto/gen/opendca/v1/batch.ts";
import type { UpdateChunk } from "../../proto/gen/opendca/v1/update.ts";
import type { Clock } from "../../common/core/clock.ts";
import { RejectedError } from "../../common/core/errors.ts";
import type { AgentApi, ConnectedPeer, UpdateDownload } from "./agent_api.ts";
import { type CallFailure, classifyTransportError, wasCut } from "./classify_transport_error.ts";
import { chooseEndpoints, type EndpointChoice } from "./endpoint_choice.ts";
import { connectionFailed, defaultKeepAliveMs, type GrpcClient, openGrpcClient, whenConnected } from "./grpc_client.ts";
import type { ProbeReport } from "./probe_report.ts";
import type { Proxy } from "../../common/host/proxy.ts";
import { type Delivery, RevokedError, TransportError } from "./transport_error.ts";
import type { TransportFault } from "./transport_fault.ts";
import type { ClientCertificate, TrustConfig } from "../../common/host/trust.ts";

export interface GrpcOptions {
  endpoints: readonly { readonly host: string; readonly port: number }[];
  /** Where to connect to, whatever the endpoints' names stand for: for tests that need several sources. */
  address?: string;
  trust: TrustConfig;
  proxy: Proxy | null;
  clock: Clock;
  /** Timeouts for connecting to one endpoint, and for one call on it. */
  connectTimeoutMs?: number;
  callTimeoutMs?: number;
  /** Of one call for the file of an update, which goes on with the next one. */
  downloadTimeoutMs?: number;
  /** A connection without traffic for this time is pinged. */
  keepAliveMs?: number;
  /** How long a working endpoint is preferred to the first one. */
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

/** What the calls of one API share. */
interface Shared extends GrpcOptions {
  connectTimeoutMs: number;
  callTimeoutMs: number;
  downloadTimeoutMs: number;
  keepAliveMs: number;
  choice: EndpointChoice;
  /** Clients by the index of their endpoint. */
  clients: Map<number, GrpcClient>;
  certificate: (ClientCertificate & { notAfter: Date }) | undefined;
  lastEndpoint: string | undefined;
}

interface Call<A> {
  invoke(stub: AgentServiceClient): Promise<A>;
  signal: AbortSignal | undefined;
  beforeSend?: ((peer: ConnectedPeer) => Promise<void> | void) | undefined;
}

/** Connects at the first call. By the protocol every call may be repeated, so each endpoint is tried in turn. */
export function createGrpcAgentApi(options: GrpcOptions): GrpcAgentApi {
  const shared: Shared = {
    connectTimeoutMs: 15_000,
    callTimeoutMs: 60_000,
    downloadTimeoutMs: 5 * 60_000,
    keepAliveMs: defaultKeepAliveMs,
    ...options,
    choice: chooseEndpoints(options.endpoints.length, options.returnAfterMs ?? 3_600_000),
    clients: new Map(),
    certificate: undefined,
    lastEndpoint: undefined,
  };
  const close = () => {
    for (const index of [...shared.clients.keys()]) drop(shared, index);
  };
  const unary = <Q, A>(method: (client: AgentServiceClient) => Unary<Q, A>, request: Q, signal?: AbortSignal) => ({
    invoke: (stub: AgentServiceClient) => invoke(stub, method(stub), request, { ...shared, signal }),
    signal,
  });
  return {
    activate: (request, signal, beforeSend) =>
      call(shared, { ...unary((client) => client.activate, request, signal), beforeSend }),
    renew: (request, signal) => call(shared, unary((client) => client.renew, request, signal)),
    poll: (request, signal) => call(shared, unary((client) => client.poll, request, signal)),
    upload: ({ bytes }, signal) => call(shared, unary(() => uploadBytes, bytes, signal)),
    checkUpdate: (request, signal) => call(shared, unary((client) => client.checkUpdate, request, signal)),
    fetchUpdate: (update, signal) =>
      call(shared, { invoke: (stub) => download(stub, update, { ...shared, signal }), signal }),
    get lastEndpoint() {
      return shared.lastEndpoint;
    },
    useCertificate(next) {
      shared.certificate = next;
      close();
    },
    [Symbol.dispose]: close,
  };
}

function clientOf(shared: Shared, index: number): GrpcClient {
  const { clients, endpoints, certificate: client } = shared;
  const known = clients.get(index) ?? openGrpcClient(endpoints[index]!, { ...shared, client });
  clients.set(index, known);
  return known;
}

/**
 * Drops a client whose connection failed: it would delay its next attempts more and more; a new one connects at once.
 */
function drop({ clients }: Shared, index: number): void {
  clients.get(index)?.close();
  clients.delete(index);
}

async function call<A>(shared: Shared, { invoke, signal, beforeSend }: Call<A>): Promise<A> {
  const { choice, clock } = shared;
  let last: Error | undefined;
  let delivery: Delivery = "none";
  let wasSent = false;
  const order = choice.order(clock.monotonicMs());
  for (let at = 0; at < order.length; at++) {
    const index = order[at]!;
    signal?.throwIfAborted();
    const client = clientOf(shared, index);
    const reused = client.isConnected();
    let connected = false;
    try {
      await whenConnected(client, shared.connectTimeoutMs, signal);
      await beforeSend?.({ key: client.peerKey(), earlier: wasSent ? delivery : undefined });
      connected = wasSent = true;
      const answer = await invoke(client.stub);
      choice.succeeded(index);
      shared.lastEndpoint = nameOf(shared, index);
      return answer;
    } catch (error) {
      signal?.throwIfAborted();
      const failure = failureOf(error);
      if (failure === undefined) throw error;
      if (failure.reason === null) drop(shared, index);
      if (connected && failure.reason === null) delivery = "unknown";
      if (reused && wasCut(failure)) {
        // The connection ended since the last call, or a router dropped it. Try once more on a new one.
        at--;
        continue;
      }
      if (failure.reason === null) choice.failed(index, clock.monotonicMs());
      // Only the last endpoint's fault is reported; the next endpoint should not wait for a probe.
      const isTold = index === order.at(-1);
      const fault = await faultOf(shared, index, { failure, connected, mayWalk: isTold, signal });
      last = errorOf(fault, failure, delivery, error);
      // The platform has answered; another endpoint would give the same answer.
      if (failure.reason !== null && failure.reason !== "store-busy") throw last;
    }
  }
  throw last!;
}

function invoke<Q, A>(
  client: AgentServiceClient,
  method: Unary<Q, A>,
  request: Q,
  { callTimeoutMs, signal }: { callTimeoutMs: number; signal: AbortSignal | undefined },
): Promise<A> {
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

async function download(
  client: AgentServiceClient,
  { request, take }: UpdateDownload,
  { downloadTimeoutMs, signal }: { downloadTimeoutMs: number; signal: AbortSignal | undefined },
): Promise<boolean> {
  const endMs = Date.now() + downloadTimeoutMs;
  const running: ClientReadableStream<UpdateChunk> = client.fetchUpdate(request(), new Metadata(), { deadline: endMs });
  const cancel = () => running.cancel();
  signal?.addEventListener("abort", cancel, { once: true });
  let received = 0;
  try {
    for await (const { data } of running as AsyncIterable<UpdateChunk>) {
      await take(data);
      received += data.length;
    }
    return true;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    // An endpoint that is slow is none that failed.
    if (code === Status.DEADLINE_EXCEEDED && received > 0) return false;
    if (code !== Status.NOT_FOUND) throw error;
    const { details } = error as ServiceError;
    throw new RejectedError(`The platform no longer offers this update: ${details}`, "see opendca update");
  } finally {
    signal?.removeEventListener("abort", cancel);
    // Errors of the cancelled call, which nobody waits for.
    running.on("error", () => {});
    running.cancel();
  }
}

/** The fault of a failed call; with `mayWalk`, a probe looks for causes that the platform did not explain. */
async function faultOf(
  shared: Shared,
  index: number,
  { failure, connected, mayWalk, signal }: {
    failure: CallFailure;
    connected: boolean;
    mayWalk: boolean;
    signal: AbortSignal | undefined;
  },
): Promise<TransportFault> {
  const probe = mayWalk && failure.reason === null && isUnexplained(failure) ? await walk(shared, index, signal) : null;
  signal?.throwIfAborted();
  const clientNotAfter = shared.certificate?.notAfter ?? null;
  const endpoint = nameOf(shared, index), now = shared.clock.now();
  return classifyTransportError(failure, { endpoint, now, clientNotAfter, probe, connected });
}

async function walk(shared: Shared, index: number, signal: AbortSignal | undefined): Promise<ProbeReport> {
  const { trust, proxy, clock, certificate: client } = shared;
  const stepTimeoutMs = Math.min(shared.connectTimeoutMs, 10_000);
  // Inspects certificates with a library of 14 MB, which is only needed after failures.
  const { probeEndpoint } = await import("./probe_endpoint.ts");
  return await probeEndpoint(shared.endpoints[index]!, { trust, proxy, clock, client, stepTimeoutMs, signal });
}

function nameOf({ endpoints }: Shared, index: number): string {
  return `${endpoints[index]!.host}:${endpoints[index]!.port}`;
}

/** The call `Upload` of a client for an encoded batch. */
function uploadBytes(
  this: AgentServiceClient,
  ...[bytes, metadata, options, callback]: Parameters<Unary<Buffer, UploadResponse>>
): ClientUnaryCall {
  const { path, responseDeserialize } = AgentServiceService.upload;
  const asTheyAre = (value: Buffer) => value;
  return this.makeUnaryRequest(path, asTheyAre, responseDeserialize, bytes, metadata, options, (error, answer) => {
    // Without an error there is a response.
    callback(error, answer!);
  });
}

/** Whether a probe is useful: not for a deadline on an open connection. */
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
    // Bounded: otherwise a platform could silence the agent for years.
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

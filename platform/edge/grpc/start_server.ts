/**
 * The gRPC server: one port for everything, so that a firewall needs only one rule. The TLS handshake requests a client
 * certificate, but does not require it; Activate needs none, and every other call is refused without a certificate of
 * the agent authority whose fingerprint is in the store.
 */
import { Buffer } from "node:buffer";
import {
  type handleUnaryCall,
  logVerbosity,
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  setLogVerbosity,
} from "@grpc/grpc-js";
import { type AgentServiceServer, AgentServiceService } from "../../../proto/gen/opendca/v1/agent_service.ts";
import { maxMessageBytes } from "../../../common/protocol/limits.ts";
import type { IpRange } from "../../../common/core/ip_range.ts";
import { acceptConnections, descriptorLimit } from "../connections/accept_connections.ts";
import { pemOf } from "../../keys/authority.ts";
import type { CertificateFiles } from "../../keys/server_certificate.ts";
import { admission, callTimeout, maybeAdmitted } from "./admission.ts";
import { ConnectionGate, type GateLimits, gateLimitsFor } from "../connections/connection_gate.ts";
import { type StreamUpdate, type UpdateCall, type UpdateLimits, updateStreams } from "./stream_update.ts";
import type { Retention } from "../../devices/retention.ts";
import type { Platform } from "../../agents/platform.ts";
import { limitMessage } from "../../devices/message_limits.ts";
import { activationRate, activationWaitMs } from "../../agents/activation_calls.ts";
import { activate } from "../../agents/activate.ts";
import { CallError } from "../../agents/call_error.ts";
import { callStatusOf } from "./call_status.ts";
import { type Caller, callerOf } from "../../agents/caller.ts";
import { poll } from "../../tasks/poll.ts";
import { rateLimit } from "../connections/rate_limit.ts";
import { renew, renewalRate } from "../../agents/renew.ts";
import { offerNow } from "../../releases/serve_update.ts";
import { upload } from "../../devices/upload.ts";

export interface ListenOptions {
  host: string;
  /** 0: any free port. */
  port: number;
  certificate: CertificateFiles;
  /** Addresses of balancers that start each connection with a PROXY header; undefined if there are none. */
  proxies?: readonly IpRange[] | undefined;
  /** How long a PROXY header may take; default: 5000. */
  proxyHeaderMs?: number;
  /** How long a call may take to arrive and be answered; default: 60,000. */
  callTimeoutMs?: number;
  /** How long a TLS handshake may take; default: 10,000. */
  handshakeTimeoutMs?: number;
  /** Default: those of connection_gate.ts, or fewer if the process has fewer descriptors. */
  connections?: Partial<GateLimits>;
  /** Default: those of stream_update.ts. */
  updates?: Partial<UpdateLimits>;
  /** Milliseconds without connections before the listener is tested; default: 10,000. */
  tryListenerAfterMs?: number;
}

export interface ServeOptions extends Omit<ListenOptions, "certificate"> {
  /** Names that agents connect to, for the platform's own certificate. */
  names: string[];
  /** A certificate of the operator's own. */
  certificate?: CertificateFiles;
  /** Milliseconds between checks of the store's write-ahead log; default: 30,000. */
  journalLookMs?: number;
  /** Milliseconds between looks for alerts; default: a minute; Infinity: none. */
  alertLookMs?: number;
  /** Until old data is first looked for; default: at once. */
  retentionStartMs?: number;
  retention?: Partial<Retention> | undefined;
}

export interface RunningServer extends AsyncDisposable {
  port: number;
}

const drainMs = 5000;
/**
 * Several messages of the longest kind. This runtime takes more than the windows of HTTP/2 allow, and reads on when the
 * library has given the connection up, both into memory.
 */
const mostBytesBetweenCalls = 16 * 1024 * 1024;

/** Throws UnavailableError if the port is in use. Disposal waits five seconds for running calls, then cuts them off. */
export async function startServer(platform: Platform, options: ListenOptions): Promise<RunningServer> {
  // Its messages are in the thrown errors, and they are not JSON lines as our log.
  setLogVerbosity(logVerbosity.NONE);
  const gate = new ConnectionGate(
    gateLimitsFor(descriptorLimit(), options.connections),
    () => performance.now(),
  );
  const server = new Server({
    // The first one is the outermost.
    interceptors: [admission(platform, gate), callTimeout(options.callTimeoutMs ?? 60_000)],
    "grpc.max_receive_message_length": maxMessageBytes,
    "grpc.max_send_message_length": maxMessageBytes,
    "grpc.max_concurrent_streams": 64,
    // Megabytes that one connection may hold in headers and data.
    "grpc-node.max_session_memory": 16,
    "grpc.max_connection_idle_ms": 900_000,
    "grpc.max_connection_age_ms": 86_400_000,
    "grpc.max_connection_age_grace_ms": 60_000,
    "grpc.keepalive_time_ms": 120_000,
    "grpc.keepalive_timeout_ms": 20_000,
  });
  server.addService(AgentServiceService, agentService(platform, gate, options.updates));
  const injector = server.createConnectionInjector(credentialsOf(platform, options));
  const acceptor = await acceptConnections({
    option: "--listen",
    host: options.host,
    port: options.port,
    gate,
    take: (socket) => injector.injectConnection(socket),
    log: platform.log,
    proxies: options.proxies,
    headerMs: options.proxyHeaderMs ?? 5000,
    mostBytesBetweenCalls,
    ...(options.tryListenerAfterMs === undefined ? {} : { tryAfterMs: options.tryListenerAfterMs }),
  });
  return {
    port: acceptor.port,
    async [Symbol.asyncDispose]() {
      acceptor.stop();
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(() => server.forceShutdown(), drainMs);
      server.tryShutdown(() => resolve());
      await promise;
      clearTimeout(timer);
      acceptor.cutOff();
    },
  };
}

/* grpc-js knows "requires a certificate" and "asks for none". The handshake options behind that are taken over here, and
 * tests/platform/tls_test.ts fails when a later grpc-js has others. */
function credentialsOf(platform: Platform, options: ListenOptions): ServerCredentials {
  const { certificatePem, privateKeyPem } = options.certificate;
  const credentials = ServerCredentials.createSsl(
    // Without this, GRPC_DEFAULT_SSL_ROOTS_FILE_PATH of the environment would decide which clients are accepted.
    Buffer.from(pemOf(platform.agentAuthority.certificate)),
    [{ cert_chain: Buffer.from(certificatePem), private_key: Buffer.from(privateKeyPem) }],
    true,
  );
  const handshake = credentials._getConstructorOptions();
  const handshakeTimeout = options.handshakeTimeoutMs ?? 10_000;
  const wanted = { requestCert: true, rejectUnauthorized: false, handshakeTimeout };
  credentials._getConstructorOptions = () => ({ ...handshake, ...wanted });
  return credentials;
}

/** Handlers for `server.addService(AgentServiceService, …)`. */
function agentService(
  platform: Platform,
  gate: ConnectionGate,
  updateLimits: Partial<UpdateLimits> = {},
): AgentServiceServer {
  const { monotonicMs } = platform.clock;
  // Asked first, so that a flood costs nothing but memory of this process.
  const activations = rateLimit({ ...activationRate, monotonicMs });
  // An agent polls every few minutes; after an outage it uploads as fast as it gets responses.
  const polls = rateLimit({ burst: 20, perMinute: 20, monotonicMs });
  // Of people, who run `opendca update --check`.
  const checks = rateLimit({ burst: 10, perMinute: 10, monotonicMs });
  const renewals = rateLimit({ ...renewalRate, monotonicMs });
  const streamUpdate = updateStreams(platform, updateLimits);

  function identified<Request, Response>(
    handle: (caller: Caller, request: Request) => Promise<Response>,
  ): handleUnaryCall<Request, Response> {
    return unary(platform, async (call) => await handle(await callerIn(platform, call), call.request));
  }

  return {
    activate: unary(platform, async (call) => {
      const source = gate.sourceOf(call.getPeer());
      allow(activations.waitMs(source));
      allow(await activationWaitMs(platform, source));
      allow(await platform.guesses.waitMs(source));
      return await activate(platform, { request: call.request, source });
    }),
    renew: identified((caller, request) => {
      allow(renewals.waitMs(caller.agentId));
      return renew(platform, caller, request);
    }),
    poll: identified((caller, request) => {
      allow(polls.waitMs(caller.agentId));
      return poll(platform, caller, request);
    }),
    upload: identified((caller, request) => upload(platform, caller, request)),
    checkUpdate: identified((caller, request) => {
      allow(checks.waitMs(caller.agentId));
      return offerNow(platform, caller, request);
    }),
    fetchUpdate: (call) => void sendUpdate(platform, streamUpdate, call),
  };
}

async function callerIn(
  platform: Platform,
  call: Pick<UpdateCall, "metadata" | "getAuthContext">,
): Promise<Caller> {
  return maybeAdmitted(platform, call.metadata) ??
    await callerOf(platform, call.getAuthContext().sslPeerCertificate?.raw);
}

async function sendUpdate(platform: Platform, streamUpdate: StreamUpdate, call: UpdateCall): Promise<void> {
  try {
    await streamUpdate(await callerIn(platform, call), call);
  } catch (error) {
    call.emit("error", callStatusOf(platform, error));
  }
}

function unary<Request, Response>(
  platform: Platform,
  handle: (call: ServerUnaryCall<Request, Response>) => Promise<Response>,
): handleUnaryCall<Request, Response> {
  return (call, callback) =>
    void answer(platform, () => {
      const mistake = limitMessage("call", call.request as object);
      if (mistake !== undefined) throw new CallError("invalid-request", `Cannot accept the request as ${mistake}`);
      return handle(call);
    }, callback);
}

async function answer<Response>(
  platform: Platform,
  handle: () => Promise<Response>,
  callback: sendUnaryData<Response>,
): Promise<void> {
  try {
    callback(null, await handle());
  } catch (error) {
    callback(callStatusOf(platform, error));
  }
}

function allow(waitMs: number): void {
  if (waitMs > 0) throw new CallError("too-many-requests", "Cannot answer so many calls", waitMs);
}

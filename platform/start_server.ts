/**
 * The gRPC server: one port for everything, because an administrator who opens a firewall opens one. The TLS handshake asks
 * for a client certificate and goes on without one; Activate needs none, and every other call is refused without one of
 * the agent authority whose fingerprint is in the store.
 */
import { Buffer } from "node:buffer";
import { logVerbosity, Server, ServerCredentials, setLogVerbosity } from "@grpc/grpc-js";
import { AgentServiceService } from "../proto/gen/opendca/v1/agent_service.ts";
import { messageOf, UnavailableError } from "../src/core/errors.ts";
import { pemOf } from "./certificates/authority.ts";
import type { CertificateFiles } from "./certificates/server_certificate.ts";
import { admission } from "./services/admission.ts";
import { callTimeout } from "./services/call_timeout.ts";
import { agentService } from "./services/agent_service.ts";
import type { Platform } from "./services/platform.ts";

export interface ListenOptions {
  host: string;
  /** 0 for any that is free. */
  port: number;
  certificate: CertificateFiles;
  /** How long a call may take to arrive and be answered; 60,000 unless told. */
  callTimeoutMs?: number;
  /** How long a TLS handshake may take; 10,000 unless told. */
  handshakeTimeoutMs?: number;
  /** 10,000 unless told. */
  maxConnections?: number;
}

export interface RunningServer extends AsyncDisposable {
  port: number;
}

const maxMessageBytes = 4 * 1024 * 1024;
const drainMs = 5000;
/* Deno stops accepting for good when the process has no descriptor left; 10,000 connections are 300 MB before. */
const mostConnections = 10_000;

/** Throws UnavailableError when the port is taken. Disposal lets calls end for five seconds, then cuts them off. */
export async function startServer(platform: Platform, options: ListenOptions): Promise<RunningServer> {
  // What it would write is in the errors that are thrown, and a log of JSON lines has no place for it.
  setLogVerbosity(logVerbosity.NONE);
  const server = new Server({
    // The first is the nearest to the wire.
    interceptors: [admission(platform), callTimeout(options.callTimeoutMs ?? 60_000)],
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
  server.addService(AgentServiceService, agentService(platform));
  const port = await bind(server, `${options.host}:${options.port}`, credentialsOf(platform, options));
  for (const listener of listenersOf(server)) listener.maxConnections = options.maxConnections ?? mostConnections;
  return {
    port,
    async [Symbol.asyncDispose]() {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(() => server.forceShutdown(), drainMs);
      server.tryShutdown(() => resolve());
      await promise;
      clearTimeout(timer);
    },
  };
}

/* grpc-js knows "requires a certificate" and "asks for none". The handshake options behind that are taken over here, and
 * tests/platform_tls_test.ts fails when a later grpc-js has others. */
function credentialsOf(platform: Platform, options: ListenOptions): ServerCredentials {
  const { certificatePem, privateKeyPem } = options.certificate;
  const credentials = ServerCredentials.createSsl(
    // Without this, GRPC_DEFAULT_SSL_ROOTS_FILE_PATH of the environment would say who is a client.
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

/* grpc-js has no option for this; tests/platform_tls_test.ts fails when a later one keeps its listeners elsewhere. */
function listenersOf(server: Server): Iterable<{ maxConnections: number }> {
  return (server as unknown as { http2Servers: Map<{ maxConnections: number }, unknown> }).http2Servers.keys();
}

function bind(server: Server, address: string, credentials: ServerCredentials): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.bindAsync(address, credentials, (error, port) => {
    if (error === null) return resolve(port);
    const hint = "see whether another program listens there, or choose another --listen";
    // "No address added out of total 1 resolved errors: [listen EADDRINUSE: address already in use …]"
    const why = /\[(.+)\]/.exec(messageOf(error))?.[1] ?? messageOf(error);
    reject(new UnavailableError(`Cannot listen on ${address}: ${why}`, hint, 0, { cause: error }));
  });
  return promise;
}

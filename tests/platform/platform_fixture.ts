/** A platform on loopback with one customer, and an agent's client that a test drives by hand. */
import { Buffer } from "node:buffer";
import { credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import * as x509 from "../../platform/certificates/x509.ts";
import { type OpenOptions, type OpenPlatform, openPlatform, serve, type ServeOptions } from "../../platform/compose.ts";
import { algorithm, pemOf, privateKeyPem } from "../../platform/certificates/authority.ts";
import { createActivationCode } from "../../platform/store/activation_codes.ts";
import { createCustomer, createSite } from "../../platform/store/customers.ts";
import type { Tenant } from "../../platform/store/store.ts";
import {
  ActivateRequest,
  type ActivateResponse,
  AgentServiceClient,
  AgentStatus,
  PollRequest,
} from "../../proto/gen/opendca/v1/agent_service.ts";

export const start = new Date("2026-03-02T08:00:00Z");

/** Wall-clock time that a test moves. */
export interface MovedClock {
  now(): Date;
  monotonicMs(): number;
  advance(ms: number): void;
}

function movedClock(at = new Date()): MovedClock {
  let ms = at.getTime();
  return { now: () => new Date(ms), monotonicMs: () => ms, advance: (by) => void (ms += by) };
}

export interface TestPlatform extends AsyncDisposable {
  platform: OpenPlatform;
  clock: MovedClock;
  folder: string;
  /** `localhost:PORT`: TLS wants a name. */
  target: string;
  /** PEM of what the server's certificate is to be checked with. */
  serverAuthority: string;
  /** A new customer with one site. */
  customer(name: string): { tenant: Tenant; siteId: string };
  /** A code that is valid for a day. */
  code(customer: { tenant: Tenant; siteId: string }): string;
  events: { event: string; fields: Record<string, unknown> }[];
  /** Stops it, and starts another one on its folder. */
  restarted(): Promise<TestPlatform>;
}

export type TestPlatformOptions =
  & { clock?: MovedClock; quotas?: OpenOptions["quotas"] }
  & Pick<ServeOptions, "callTimeoutMs" | "handshakeTimeoutMs" | "connections" | "tryListenerAfterMs" | "journalLookMs">;

/** On a new folder, which goes with it. The real clock's time unless told: TLS checks certificates by the machine's own. */
export async function startTestPlatform(options: TestPlatformOptions = {}): Promise<TestPlatform> {
  const folder = await Deno.makeTempDir();
  const platform = await startOn(folder, options);
  const stop = platform[Symbol.asyncDispose];
  return {
    ...platform,
    async [Symbol.asyncDispose]() {
      await stop();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

async function startOn(folder: string, options: TestPlatformOptions): Promise<TestPlatform> {
  const { clock = movedClock(), quotas, ...limits } = options;
  const events: TestPlatform["events"] = [];
  const log = (event: string, fields: Record<string, unknown>) => void events.push({ event, fields });
  const platform = await openPlatform({
    dataDirectory: folder,
    clock,
    log,
    ...(quotas === undefined ? {} : { quotas }),
  });
  const server = await serve(platform, { host: "127.0.0.1", port: 0, names: ["localhost"], ...limits });
  let isStopped = false;
  const stop = async () => {
    if (isStopped) return;
    isStopped = true;
    await server[Symbol.asyncDispose]();
    platform[Symbol.dispose]();
  };
  return {
    platform,
    clock,
    folder,
    target: `localhost:${server.port}`,
    serverAuthority: pemOf(platform.serverAuthority.certificate),
    events,
    customer(name) {
      const { customer_id } = createCustomer(platform.store, { name, at: clock.now() });
      const tenant = platform.store.tenant(customer_id);
      return { tenant, siteId: createSite(tenant, { name: "Head office", at: clock.now() }).site_id };
    },
    code({ tenant, siteId }) {
      const expiresAt = new Date(clock.now().getTime() + 86_400_000);
      return createActivationCode(tenant, { siteId, at: clock.now(), expiresAt, pepper: platform.pepper }).code;
    },
    async restarted() {
      await stop();
      return await startOn(folder, { ...options, clock });
    },
    [Symbol.asyncDispose]: stop,
  };
}

export interface KeyAndCsr {
  privateKeyPem: string;
  csr: Buffer;
}

export async function newKeyAndCsr(parameters: EcKeyGenParams & { hash: string } = algorithm): Promise<KeyAndCsr> {
  const keys = await crypto.subtle.generateKey(parameters, true, ["sign", "verify"]);
  const csr = await x509.Pkcs10CertificateRequestGenerator.create({
    name: "CN=ignored",
    keys,
    signingAlgorithm: parameters,
  });
  return { privateKeyPem: await privateKeyPem(keys.privateKey), csr: Buffer.from(csr.rawData) };
}

export interface ClientIdentity {
  privateKeyPem: string;
  /** PEM. */
  chain: string;
}

/** A client with or without a certificate; disposal closes it. */
export function connect(platform: TestPlatform, identity?: ClientIdentity): AgentServiceClient & Disposable {
  const roots = Buffer.from(platform.serverAuthority);
  const channel = identity === undefined
    ? credentials.createSsl(roots)
    : credentials.createSsl(roots, Buffer.from(identity.privateKeyPem), Buffer.from(identity.chain));
  // Its own connection for each client: a shared one would carry the certificate of another.
  const client = new AgentServiceClient(platform.target, channel, { "grpc.use_local_subchannel_pool": 1 });
  return Object.assign(client, { [Symbol.dispose]: () => client.close() });
}

type Unary<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: { deadline: number },
  callback: (error: ServiceError | null, response: Response) => void,
) => unknown;

/** The answer of a call; rejects with the ServiceError. */
export function call<Request, Response>(
  client: AgentServiceClient,
  options: { method: Unary<Request, Response>; request: Request },
): Promise<Response> {
  const { promise, resolve, reject } = Promise.withResolvers<Response>();
  options.method.call(client, options.request, new Metadata(), { deadline: Date.now() + 20_000 }, (error, response) => {
    if (error === null) resolve(response);
    else reject(error);
  });
  return promise;
}

/** What the platform says why a call failed, or what went wrong instead. */
export async function reasonOf(answer: Promise<unknown>): Promise<string> {
  try {
    await answer;
    return "answered";
  } catch (error) {
    const { metadata, code, details } = error as ServiceError;
    return metadata?.get("opendca-reason")[0]?.toString() ?? `status ${code}: ${details}`;
  }
}

export interface Attempt {
  code: string;
  installationId?: string;
  attemptId?: string;
  csr?: Buffer;
}

export async function activate(platform: TestPlatform, attempt: Attempt): Promise<ActivateResponse> {
  using client = connect(platform);
  const request = ActivateRequest.create({
    code: attempt.code,
    csr: attempt.csr ?? (await newKeyAndCsr()).csr,
    installationId: attempt.installationId ?? crypto.randomUUID(),
    attemptId: attempt.attemptId ?? crypto.randomUUID(),
    agentVersion: "0.1.0",
    machine: { hostname: "server-1", os: "linux", arch: "x86_64", fingerprint: "" },
  });
  return await call(client, { method: client.activate, request });
}

export interface TestAgent {
  agentId: string;
  installationId: string;
  runId: string;
  identity: ClientIdentity;
  signingPublicKey: Uint8Array;
  tenant: Tenant;
}

/** An agent of a customer, activated over the wire. */
export async function activatedAgent(
  platform: TestPlatform,
  customer: { tenant: Tenant; siteId: string },
): Promise<TestAgent> {
  const installationId = crypto.randomUUID();
  const { privateKeyPem, csr } = await newKeyAndCsr();
  const { outcome } = await activate(platform, { code: platform.code(customer), installationId, csr });
  if (outcome?.$case !== "activated") throw new Error(`not activated: ${JSON.stringify(outcome)}`);
  const { agentId, certificates, signingPublicKey } = outcome.value;
  const chain = pemOfDer(certificates!.chain[0]!);
  const runId = crypto.randomUUID();
  return {
    agentId,
    installationId,
    runId,
    identity: { privateKeyPem, chain },
    signingPublicKey,
    tenant: customer.tenant,
  };
}

export function pemOfDer(der: Uint8Array): string {
  return x509.PemConverter.encode(new Uint8Array(der), "CERTIFICATE");
}

/** A poll as the agent makes it. */
export function pollOf(
  agent: TestAgent,
  more: Partial<PollRequest> = {},
  status: Partial<AgentStatus> = {},
): PollRequest {
  return PollRequest.create({
    status: AgentStatus.create({ runId: agent.runId, installationId: agent.installationId, ...status }),
    ...more,
  });
}

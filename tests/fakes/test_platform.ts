/** A platform of a test over real gRPC and TLS on loopback, which can be told to fail in every way that a real one might. */
import { Buffer } from "node:buffer";
import net from "node:net";
import {
  Metadata,
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  status as Status,
} from "@grpc/grpc-js";
import {
  type ActivateRequest,
  ActivateResponse,
  AgentServiceService,
  type PollRequest,
  PollResponse,
  type RenewRequest,
  RenewResponse,
} from "../../proto/gen/opendca/v1/agent_service.ts";
import { type Batch, UploadResponse } from "../../proto/gen/opendca/v1/batch.ts";
import { createTestAuthority, type TestAuthority } from "./test_authority.ts";

/** A message, bytes sent in its place, a status, no answer ever, or a connection cut before the answer. */
export type Answer<A> =
  | A
  | Uint8Array
  | { code: Status; reason?: string; retryAfterMs?: number }
  | "never"
  | "cut";

export interface TestPlatformHandlers {
  activate?: (request: ActivateRequest, calls: number) => Answer<ActivateResponse> | Promise<Answer<ActivateResponse>>;
  renew?: (request: RenewRequest, calls: number) => Answer<RenewResponse> | Promise<Answer<RenewResponse>>;
  poll?: (request: PollRequest, calls: number) => Answer<PollResponse> | Promise<Answer<PollResponse>>;
  upload?: (batch: Batch, calls: number) => Answer<UploadResponse> | Promise<Answer<UploadResponse>>;
}

export interface TestPlatform extends AsyncDisposable {
  port: number;
  authority: TestAuthority;
  /** Requests so far, by method. */
  calls: { activate: ActivateRequest[]; renew: RenewRequest[]; poll: PollRequest[]; upload: Batch[] };
  handlers: TestPlatformHandlers;
  /** Addresses that connections came from. */
  peers: Set<string>;
  /** Accepted so far. */
  connections: number;
  /** Closes every connection. */
  cut(): void;
}

export interface TestPlatformOptions {
  authority?: TestAuthority;
  /** Only clients with a certificate of the authority may connect. */
  mutualTls?: boolean;
  /** Names of its certificate; localhost without them. */
  names?: string[];
  /** Of loopback; 127.0.0.1 without it. */
  address?: string;
  /** Any free one without it. */
  port?: number;
}

export async function startTestPlatform(
  handlers: TestPlatformHandlers,
  options: TestPlatformOptions = {},
): Promise<TestPlatform> {
  const authority = options.authority ?? await createTestAuthority();
  const own = await authority.issue(options.names === undefined ? {} : { names: options.names });
  const calls: TestPlatform["calls"] = { activate: [], renew: [], poll: [], upload: [] };
  const sockets = new Set<net.Socket>();
  const unanswered = new Set<() => void>();
  const server = new Server({ "grpc.max_receive_message_length": 8 * 1024 * 1024 });

  type Handler<Q, A> = ((request: Q, calls: number) => Answer<A> | Promise<Answer<A>>) | undefined;
  function serve<Q, A>(name: keyof TestPlatform["calls"]) {
    return async (call: ServerUnaryCall<Q, A>, callback: sendUnaryData<A>) => {
      const list = calls[name] as unknown as Q[];
      list.push(call.request);
      const handler = platform.handlers[name] as unknown as Handler<Q, A>;
      const answer = handler === undefined ? { code: Status.UNIMPLEMENTED } : await handler(call.request, list.length);
      if (answer === "never") unanswered.add(() => callback({ code: Status.CANCELLED }));
      else if (answer === "cut") platform.cut();
      else if (typeof answer === "object" && answer !== null && "code" in answer) {
        const { code, reason, retryAfterMs } = answer as { code: Status; reason?: string; retryAfterMs?: number };
        const metadata = new Metadata();
        if (reason !== undefined) metadata.set("opendca-reason", reason);
        if (retryAfterMs !== undefined) metadata.set("opendca-retry-after-ms", String(retryAfterMs));
        callback({ code, details: `test ${reason ?? Status[code]}`, metadata });
      } else callback(null, answer as A);
    };
  }

  server.addService(withRawAnswers(), {
    activate: serve<ActivateRequest, ActivateResponse>("activate"),
    renew: serve<RenewRequest, RenewResponse>("renew"),
    poll: serve<PollRequest, PollResponse>("poll"),
    upload: serve<Batch, UploadResponse>("upload"),
  });
  const pair = { private_key: Buffer.from(own.keyPem), cert_chain: Buffer.from(own.certificatePem) };
  const inner = await new Promise<number>((resolve, reject) => {
    const credentials = ServerCredentials.createSsl(Buffer.from(authority.pem), [pair], options.mutualTls ?? false);
    server.bindAsync("127.0.0.1:0", credentials, (error, port) => error === null ? resolve(port) : reject(error));
  });
  // gRPC's own server does not give its sockets away, so a door in front of it is what can be shut.
  const peers = new Set<string>();
  const door = net.createServer((socket) => {
    peers.add(socket.remoteAddress ?? "");
    platform.connections++;
    const inside = net.connect(inner, "127.0.0.1");
    for (const [a, b] of [[socket, inside], [inside, socket]] as const) {
      sockets.add(a);
      a.on("error", () => b.destroy());
      a.on("close", () => {
        sockets.delete(a);
        b.destroy();
      });
      a.pipe(b);
    }
  });
  await new Promise<void>((resolve) => door.listen(options.port ?? 0, options.address ?? "127.0.0.1", resolve));
  const platform: TestPlatform = {
    connections: 0,
    port: (door.address() as net.AddressInfo).port,
    authority,
    calls,
    handlers,
    peers,
    cut() {
      for (const socket of sockets) socket.destroy();
    },
    async [Symbol.asyncDispose]() {
      for (const give of unanswered) give();
      const closed = new Promise<void>((resolve) => door.close(() => resolve()));
      platform.cut();
      await closed;
      server.forceShutdown();
    },
  };
  return platform;
}

/** The service, with bytes sent as they are where a handler gives bytes instead of a message. */
function withRawAnswers(): typeof AgentServiceService {
  const raw = <A>(encode: (answer: A) => Buffer) => (answer: A) =>
    answer instanceof Uint8Array ? Buffer.from(answer) : encode(answer);
  const { activate, renew, poll, upload } = AgentServiceService;
  return {
    activate: { ...activate, responseSerialize: raw(activate.responseSerialize) },
    renew: { ...renew, responseSerialize: raw(renew.responseSerialize) },
    poll: { ...poll, responseSerialize: raw(poll.responseSerialize) },
    upload: { ...upload, responseSerialize: raw(upload.responseSerialize) },
  };
}

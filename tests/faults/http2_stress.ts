/**
 * Opens and cancels many streams and connections from both sides, over gRPC as the agent and the platform speak it and over
 * plain node:http2, which lies below:
 *
 *     deno run -A tests/faults/http2_stress.ts [ROUNDS] [SEED]
 *
 * A runtime that corrupts memory dies in it (denoland/deno#36788), so that it is a process of its own. Each call that nobody
 * cancels must get its own answer, if need be at a further attempt. Prints its counts and ends with 0.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import http2 from "node:http2";
import { connect } from "node:net";
import type net from "node:net";
import {
  type ClientUnaryCall,
  credentials,
  logVerbosity,
  Metadata,
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  setLogVerbosity,
  status as Status,
} from "@grpc/grpc-js";
import {
  AgentServiceClient,
  AgentServiceService,
  type PollRequest,
  type PollResponse,
} from "../../proto/gen/opendca/v1/agent_service.ts";
import { seededRandom } from "../../simulator/random.ts";
import { passThrough, startTcpProxy } from "../fixtures/tcp_proxy.ts";
import { createTestAuthority } from "../fixtures/test_authority.ts";

const rounds = Number(Deno.args[0] ?? 30);
const random = seededRandom(Number(Deno.args[1] ?? 1));
const clientsAtOnce = 6;
const callsOfClient = 20;
const attempts = 1000;
const sessionsAtOnce = 8;
const streamsOfSession = 20;
const longestMs = 12;
const longestStreamMs = 2000;
const authority = await createTestAuthority();
const own = await authority.issue();
const counts = { answered: 0, cancelled: 0, repeated: 0, streams: 0, reset: 0 };

function between(least: number, most: number): number {
  return Math.floor(least + random() * (most - least));
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, between(0, longestMs)));
}

/** Answers with what it was asked, late, refused by chance, or after the client has gone. */
async function poll(call: ServerUnaryCall<PollRequest, PollResponse>, callback: sendUnaryData<PollResponse>) {
  await pause();
  if (random() < 0.1) return callback({ code: Status.CANCELLED, details: "by the server" });
  const { configHash, effectiveConfig = "" } = call.request;
  callback(null, {
    tasks: [],
    nextPollSeconds: effectiveConfig.length,
    serverTime: undefined,
    highestContiguousSequence: 0n,
    acknowledgedTaskIds: [configHash, effectiveConfig],
    sendEffectiveConfig: false,
    config: undefined,
    update: undefined,
  });
}

async function startServer(): Promise<{ server: Server; port: number }> {
  // Connections are ended by GOAWAY all the time, and soon after that by force.
  const server = new Server({ "grpc.max_connection_age_ms": 100, "grpc.max_connection_age_grace_ms": 20 });
  const refuse = (_: unknown, callback: sendUnaryData<never>) => callback({ code: Status.UNIMPLEMENTED });
  server.addService(AgentServiceService, { poll, activate: refuse, renew: refuse, upload: refuse });
  const pair = { private_key: Buffer.from(own.keyPem), cert_chain: Buffer.from(own.certificatePem) };
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.bindAsync("127.0.0.1:0", ServerCredentials.createSsl(Buffer.from(authority.pem), [pair]), (error, port) => {
    if (error === null) resolve(port);
    else reject(error);
  });
  return { server, port: await promise };
}

type Outcome = "answered" | "cancelled" | "failed";

function callOnce(client: AgentServiceClient, cancelled: boolean): Promise<Outcome> {
  const configHash = crypto.randomUUID(), effectiveConfig = "x".repeat(between(0, 3) === 0 ? between(0, 100_000) : 10);
  const request = {
    status: undefined,
    configHash,
    effectiveConfigHash: "",
    effectiveConfig,
    taskResults: [],
    configRefusals: [],
  };
  const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
  const options = { deadline: Date.now() + (cancelled && random() < 0.5 ? between(0, longestMs) : 30_000) };
  const running = client.poll(request, new Metadata({ waitForReady: true }), options, (error, answer) => {
    cancellable.delete(running);
    if (random() < 0.3) cancellable.values().next().value?.cancel();
    if (error !== null) return resolve(cancelled ? "cancelled" : "failed");
    if (answer.acknowledgedTaskIds[0] === configHash && answer.acknowledgedTaskIds[1] === effectiveConfig) {
      return resolve("answered");
    }
    reject(new Error("a call got the answer of another one"));
  });
  if (cancelled && random() < 0.5) cancellable.add(running);
  else if (cancelled) soon(() => running.cancel());
  return promise;
}

/** What the ends of other calls cancel, as an agent does that stops when one of its calls was refused. */
const cancellable = new Set<ClientUnaryCall>();

/** A client that may be closed at any moment; what was not cancelled is asked again by the next one. */
async function beOneClient(port: number): Promise<void> {
  const newClient = () =>
    new AgentServiceClient(`localhost:${port}`, credentials.createSsl(Buffer.from(authority.pem)), {
      "grpc.use_local_subchannel_pool": 1,
      "grpc.enable_retries": 0,
      "grpc.initial_reconnect_backoff_ms": 5,
      "grpc.max_reconnect_backoff_ms": 20,
    });
  let client = newClient();
  if (random() < 0.3) {
    soon(() => {
      client.close();
      client = newClient();
    });
  }
  await Promise.all(Array.from({ length: callsOfClient }, async () => {
    const cancelled = random() < 0.3;
    for (let attempt = 1;; attempt++) {
      const outcome = await callOnce(client, cancelled);
      if (outcome !== "failed") return void counts[outcome]++;
      counts.repeated++;
      // gRPC may go on with a connection that is dead for good; an agent drops the client of a call that failed.
      if (attempt % 10 === 0) {
        client.close();
        client = newClient();
      }
      assert(attempt < attempts, `a call was not answered in ${attempts} attempts`);
      await pause();
    }
  }));
  client.close();
}

/** Streams of node:http2 itself, reset, destroyed and left behind by either side. */
async function plainRound(): Promise<void> {
  const server = http2.createServer();
  const sessions = new Set<http2.ServerHttp2Session>();
  server.on("session", (session) => {
    sessions.add(session);
    session.on("error", () => {});
    session.on("close", () => sessions.delete(session));
    if (random() < 0.5) soon(() => session.close());
    if (random() < 0.3) soon(() => session.destroy());
  });
  server.on("stream", serveStream);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  await Promise.all(Array.from({ length: sessionsAtOnce }, () => beOnePlainClient(port)));
  for (const session of sessions) session.destroy();
  await new Promise<void>((resolve) => server.close(() => resolve()));
}

function soon(action: () => void): void {
  pause().then(action);
}

function serveStream(stream: http2.ServerHttp2Stream): void {
  stream.on("error", () => {});
  stream.resume();
  const kind = between(0, 6);
  if (kind === 0) return stream.close(http2.constants.NGHTTP2_CANCEL);
  // Streams behind this one are on their way, and end by it.
  if (kind === 1) stream.session?.goaway(0, Math.max(1, stream.id! - 2 * between(0, 10)));
  if (kind === 2) stream.session?.ping(() => {});
  soon(() => {
    if (stream.destroyed) return;
    stream.respond({ ":status": 200 }, { waitForTrailers: kind === 3 });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    if (kind !== 4) return void stream.end(Buffer.alloc(between(0, 200_000)));
    stream.write(Buffer.alloc(between(0, 100_000)));
    soon(() => stream.destroy());
  });
}

async function beOnePlainClient(port: number): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  const session = http2.connect(`http://127.0.0.1:${port}`, { createConnection: () => socket });
  session.on("error", () => {});
  if (random() < 0.3) soon(() => socket.destroy());
  if (random() < 0.3) session.on("goaway", () => session.destroy());
  await Promise.all(Array.from({ length: streamsOfSession }, async () => {
    if (random() < 0.3) await pause();
    if (!session.closed && !session.destroyed && !socket.destroyed) await oneStream(session);
  }));
  session.destroy();
}

async function oneStream(session: http2.ClientHttp2Session): Promise<void> {
  const stream = session.request({ ":path": "/", ":method": "POST" });
  counts.streams++;
  const over = Promise.withResolvers<void>();
  stream.on("error", () => {});
  stream.on("close", () => over.resolve());
  stream.resume();
  stream.end(Buffer.alloc(between(0, 100_000)));
  if (random() < 0.4) {
    soon(() => {
      counts.reset++;
      if (random() < 0.5) stream.close(http2.constants.NGHTTP2_CANCEL);
      else stream.destroy();
    });
  }
  // A stream whose answer was lost with the connection may stay silent; the session is destroyed behind it.
  const late = setTimeout(() => over.resolve(), longestStreamMs);
  await over.promise;
  clearTimeout(late);
}

setLogVerbosity(logVerbosity.NONE);
const { server, port } = await startServer();
await using proxy = await startTcpProxy(port);
proxy.handle = (connection) => {
  passThrough(connection);
  // Cut off in the middle of whatever is said.
  if (random() < 0.5) pause().then(pause).then(() => connection.client.destroy());
};
for (let round = 0; round < rounds; round++) {
  await Promise.all([plainRound(), ...Array.from({ length: clientsAtOnce }, () => beOneClient(proxy.port))]);
}
server.forceShutdown();
assert(counts.answered > rounds * clientsAtOnce * callsOfClient / 2, "too few calls were answered");
assert(counts.cancelled > rounds && counts.repeated > 0 && counts.reset > rounds, "too little was cancelled");
console.log(JSON.stringify({ ...counts, connections: proxy.count }));

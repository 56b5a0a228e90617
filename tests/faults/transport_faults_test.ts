/** Every fault on the way to the platform is made to happen on loopback and must come back under its own name. */
import assert from "node:assert/strict";
import { PollRequest, PollResponse } from "../../proto/gen/opendca/v1/agent_service.ts";
import { systemClock } from "../../common/core/clock.ts";
import { RejectedError } from "../../common/core/errors.ts";
import { Secret } from "../../common/core/secret.ts";
import { createGrpcAgentApi, type GrpcOptions } from "../../src/link/grpc_agent_api.ts";
import type { Proxy } from "../../common/host/proxy.ts";
import { RevokedError, TransportError } from "../../src/link/transport_error.ts";
import type { TransportFaultName } from "../../src/link/transport_fault.ts";
import { publicKeyDigest } from "../../common/host/trust.ts";
import { type FaultyPeer, http2Peer, proxyPeer, tcpPeer, tlsPeer } from "../fixtures/faulty_peers.ts";
import { createTestAuthority } from "../fixtures/test_authority.ts";
import { startTestPlatform } from "../fixtures/test_platform.ts";
import { freePort } from "../fixtures/free_port.ts";
import { patienceMs, until } from "../fixtures/until.ts";

const authority = await createTestAuthority();
const inspector = await createTestAuthority("Zscaler Intermediate Root CA");
const stranger = await createTestAuthority("Some Other Authority");
const good = await authority.issue();
const day = 86_400_000;
const fromNow = (days: number) => new Date(Date.now() + days * day);
const trust = { ca: { pem: authority.pem }, pins: [] };

async function pollFailure(port: number, options: Partial<GrpcOptions> = {}): Promise<unknown> {
  using api = createGrpcAgentApi({
    endpoints: [{ host: "localhost", port }],
    trust,
    proxy: null,
    clock: systemClock,
    connectTimeoutMs: patienceMs,
    callTimeoutMs: patienceMs,
    ...options,
  });
  try {
    await api.poll(PollRequest.fromPartial({}));
  } catch (error) {
    return error;
  }
  throw new Error("The call came through");
}

function proxyAt(port: number, noProxy: string[] = []): Proxy {
  return { host: "127.0.0.1", port, user: "agent", password: new Secret("pass:word"), noProxy };
}

interface FaultCase {
  name: string;
  fault: TransportFaultName;
  peer: () => Promise<FaultyPeer>;
  options?: (port: number) => Partial<GrpcOptions>;
  says?: RegExp;
  /** Whether the call may have been worked on; default: `none`. */
  delivery?: "unknown";
}

const cases: FaultCase[] = [
  { name: "a closed port", fault: "connection-refused", peer: () => gone(freePort()) },
  {
    name: "a service that closes at once",
    fault: "connection-cut",
    peer: () => tcpPeer((socket) => socket.destroy()),
  },
  {
    name: "a service that is no TLS",
    fault: "tls-failed",
    peer: () => tcpPeer((socket) => socket.write("SSH-2.0-x\r\n")),
  },
  {
    name: "a certificate that nobody signed for us",
    fault: "unknown-authority",
    peer: async () => tlsPeer(await stranger.issue(), { alpn: ["h2"] }),
    options: () => ({ trust: { ca: null, pins: [] } }),
    says: /Some Other Authority/,
  },
  {
    name: "a certificate of an inspecting firewall",
    fault: "tls-inspected",
    peer: async () => tlsPeer(await inspector.issue(), { alpn: ["h2"] }),
    options: () => ({ trust: { ca: null, pins: [] } }),
    says: /Zscaler/,
  },
  {
    name: "a certificate of another authority than the configured one",
    fault: "tls-inspected",
    peer: async () => tlsPeer(await stranger.issue(), { alpn: ["h2"] }),
    says: /Some Other Authority/,
  },
  {
    name: "a certificate for another name",
    fault: "wrong-name",
    peer: async () => tlsPeer(await authority.issue({ names: ["other.example"] }), { alpn: ["h2"] }),
  },
  {
    name: "an expired certificate where the peer's clock agrees with ours",
    fault: "server-certificate-expired",
    peer: async () =>
      http2Peer(await authority.issue({ notBefore: fromNow(-3), notAfter: fromNow(-1) }), { ":status": 200 }),
  },
  {
    name: "an expired certificate where the peer's clock is behind ours",
    fault: "clock-wrong",
    peer: async () =>
      http2Peer(await authority.issue({ notBefore: fromNow(-3), notAfter: fromNow(-1) }), {
        ":status": 200,
        date: fromNow(-2).toUTCString(),
      }),
  },
  {
    name: "a certificate of tomorrow",
    fault: "clock-wrong",
    peer: async () => tlsPeer(await authority.issue({ notBefore: fromNow(1), notAfter: fromNow(3) }), {}),
  },
  {
    name: "a key that is not pinned",
    fault: "pin-mismatch",
    peer: () => tlsPeer(good, { alpn: ["h2"] }),
    options: () => ({ trust: { ...trust, pins: ["0".repeat(64)] } }),
  },
  {
    name: "TLS without ALPN",
    fault: "http2-blocked",
    peer: () => tlsPeer(good, {}),
    options: () => ({ connectTimeoutMs: 1000 }),
  },
  { name: "HTTP/1.1 only", fault: "http2-blocked", peer: () => tlsPeer(good, { alpn: ["http/1.1"] }) },
  {
    name: "a connection that is reset after the preface",
    fault: "http2-blocked",
    peer: () => tlsPeer(good, { alpn: ["h2"], onSecure: (socket) => socket.once("data", () => socket.destroy()) }),
  },
  {
    name: "a web server",
    fault: "not-the-platform",
    delivery: "unknown",
    peer: () => http2Peer(good, { ":status": 404, "content-type": "text/html" }),
  },
  {
    name: "a proxy that wants credentials",
    fault: "proxy-credentials",
    peer: () => proxyPeer(() => "407 Proxy Authentication Required"),
    options: (port) => ({ proxy: proxyAt(port) }),
    says: /407/,
  },
  {
    name: "a proxy that forbids the platform",
    fault: "proxy-forbidden",
    peer: () => proxyPeer(() => "403 Forbidden"),
    options: (port) => ({ proxy: proxyAt(port) }),
  },
  {
    name: "a proxy that cannot reach the platform",
    fault: "proxy-failed",
    peer: () => proxyPeer(() => "502 Bad Gateway"),
    options: (port) => ({ proxy: proxyAt(port) }),
  },
  {
    name: "a proxy that is none",
    fault: "proxy-unreachable",
    peer: () => tcpPeer((socket) => socket.on("data", () => socket.end("220 mail.example ESMTP\r\n\r\n"))),
    options: (port) => ({ proxy: proxyAt(port) }),
  },
  {
    name: "a proxy that is not there",
    fault: "proxy-unreachable",
    peer: () => gone(freePort()),
    options: (port) => ({ proxy: proxyAt(port) }),
  },
];

function gone(port: number): Promise<FaultyPeer> {
  return Promise.resolve({ port, [Symbol.asyncDispose]: () => Promise.resolve() });
}

for (const { name, fault, peer: start, options, says, delivery } of cases) {
  Deno.test(`createGrpcAgentApi() names ${name}: ${fault}`, async () => {
    await using peer = await start();
    const error = await pollFailure(peer.port, options?.(peer.port));
    assert.ok(error instanceof TransportError, String(error));
    assert.equal(error.fault.name, fault, error.message);
    if (says !== undefined) assert.match(error.message, says);
    assert.equal(error.delivery, delivery ?? "none");
    // A wrong password must not come so often that the proxy's directory locks the user.
    assert.equal(error.retryAfterMs, fault === "proxy-credentials" ? 30 * 60_000 : 0);
    assert.doesNotMatch(JSON.stringify([error.message, error.hint]), /pass:word/);
  });
}

Deno.test("createGrpcAgentApi() names a client certificate that the platform requires", async () => {
  await using platform = await startTestPlatform({}, { authority, mutualTls: true });
  const error = await pollFailure(platform.port);
  assert.ok(error instanceof TransportError, String(error));
  assert.equal(error.fault.name, "client-certificate-refused", error.message);
  assert.equal(platform.calls.poll.length, 0);
});

const statuses: {
  name: string;
  answer: () => Parameters<typeof startTestPlatform>[0]["poll"];
  fault: TransportFaultName;
}[] = [
  { name: "never answers", answer: () => () => "never", fault: "deadline" },
  { name: "answers garbage", answer: () => () => new Uint8Array([7, 7, 7, 255]), fault: "not-the-platform" },
  { name: "answers 10 MB", answer: () => () => new Uint8Array(10_000_000), fault: "message-too-large" },
  { name: "cuts the connection", answer: () => () => "cut", fault: "connection-cut" },
  { name: "does not know the call", answer: () => () => ({ code: 12 }), fault: "not-the-platform" },
];
for (const { name, answer, fault } of statuses) {
  Deno.test(`createGrpcAgentApi() ends by itself where the platform ${name}: ${fault}`, async () => {
    await using platform = await startTestPlatform({ poll: answer()! }, { authority });
    const error = await pollFailure(platform.port, { callTimeoutMs: fault === "deadline" ? 500 : 20_000 });
    assert.ok(error instanceof TransportError, String(error));
    assert.equal(error.fault.name, fault, error.message);
    assert.equal(error.delivery, "unknown");
  });
}

Deno.test("createGrpcAgentApi() waits as long as a busy platform says, at most a day", async () => {
  for (const [retryAfterMs, want] of [[5000, 5000], [1e12, 86_400_000], [-5, 0], [Number.NaN, 0]] as const) {
    await using platform = await startTestPlatform({
      poll: () => ({ code: 8, reason: "too-many-requests", retryAfterMs }),
    }, { authority });
    const error = await pollFailure(platform.port);
    assert.ok(error instanceof TransportError, String(error));
    assert.deepEqual([error.fault.name, error.retryAfterMs, error.delivery], ["platform-busy", want, "none"]);
  }
});

Deno.test("createGrpcAgentApi() stops for a revoked agent, but not for a proxy's 403", async () => {
  await using platform = await startTestPlatform({ poll: () => ({ code: 7, reason: "agent-revoked" }) }, { authority });
  const revoked = await pollFailure(platform.port);
  assert.ok(revoked instanceof RevokedError, String(revoked));
  assert.match(revoked.hint!, /revoked/);
  platform.handlers.poll = () => ({ code: 7 });
  assert.ok(await pollFailure(platform.port) instanceof TransportError);
});

Deno.test("createGrpcAgentApi() rejects for good what the platform does not understand", async () => {
  await using platform = await startTestPlatform({ poll: () => ({ code: 3, reason: "invalid-request" }) }, {
    authority,
  });
  assert.ok(await pollFailure(platform.port) instanceof RejectedError);
});

Deno.test("createGrpcAgentApi() goes through a proxy with Basic authentication, and past it for no_proxy", async () => {
  await using platform = await startTestPlatform({ poll: () => PollResponse.fromPartial({ nextPollSeconds: 60 }) }, {
    authority,
  });
  await using proxy = await proxyPeer(() => undefined);
  for (const [noProxy, want] of [[[], 1], [["localhost"], 1]] as const) {
    using api = createGrpcAgentApi({
      endpoints: [{ host: "localhost", port: platform.port }],
      trust,
      proxy: proxyAt(proxy.port, [...noProxy]),
      clock: systemClock,
    });
    assert.equal((await api.poll(PollRequest.fromPartial({}))).nextPollSeconds, 60);
    assert.equal(proxy.requests.length, want);
  }
  assert.deepEqual(proxy.requests, [{
    target: `localhost:${platform.port}`,
    authorization: `Basic ${btoa("agent:pass:word")}`,
  }]);
});

Deno.test("createGrpcAgentApi() accepts a pinned key of the platform's certificate", async () => {
  const platformAuthority = await createTestAuthority();
  await using platform = await startTestPlatform({ poll: () => PollResponse.fromPartial({}) }, {
    authority: platformAuthority,
  });
  // The leaf's key is the platform's own; the authority's key stands for all that it issues.
  const pins = [publicKeyDigest(platformAuthority.der)];
  using api = createGrpcAgentApi({
    endpoints: [{ host: "localhost", port: platform.port }],
    trust: { ca: { pem: platformAuthority.pem }, pins },
    proxy: null,
    clock: systemClock,
  });
  await api.poll(PollRequest.fromPartial({}));
});

Deno.test("createGrpcAgentApi() turns to the next endpoint and stays there", async () => {
  const answer = () => PollResponse.fromPartial({});
  await using second = await startTestPlatform({ poll: answer }, { authority });
  const first = freePort();
  using api = createGrpcAgentApi({
    endpoints: [{ host: "localhost", port: first }, { host: "localhost", port: second.port }],
    trust,
    proxy: null,
    clock: systemClock,
  });
  await api.poll(PollRequest.fromPartial({}));
  await api.poll(PollRequest.fromPartial({}));
  assert.equal(second.calls.poll.length, 2);
  assert.equal(api.lastEndpoint, `localhost:${second.port}`);
});

Deno.test("createGrpcAgentApi() leaves an endpoint that hangs after one connection, and comes back to it after an hour", async () => {
  const answer = () => PollResponse.fromPartial({});
  await using second = await startTestPlatform({ poll: answer }, { authority });
  let connections = 0;
  const hanging = await tcpPeer((socket) => {
    connections++;
    socket.resume();
  });
  const { port } = hanging;
  let now = 0;
  using api = createGrpcAgentApi({
    endpoints: [{ host: "localhost", port }, { host: "localhost", port: second.port }],
    trust,
    proxy: null,
    clock: { ...systemClock, monotonicMs: () => now },
    connectTimeoutMs: 3000,
  });
  await api.poll(PollRequest.fromPartial({}));
  await api.poll(PollRequest.fromPartial({}));
  await hanging[Symbol.asyncDispose]();
  assert.equal(connections, 1, "the second endpoint waits for no walk to the first, which is not asked again");
  await using first = await startTestPlatform({ poll: answer }, { authority, port });
  now = 3_599_999;
  await api.poll(PollRequest.fromPartial({}));
  assert.deepEqual([first.calls.poll.length, second.calls.poll.length], [0, 3]);
  now = 3_600_000;
  await api.poll(PollRequest.fromPartial({}));
  assert.deepEqual([first.calls.poll.length, second.calls.poll.length], [1, 3]);
});

Deno.test("createGrpcAgentApi() dials a proxy that refuses once for the call and once for the walk, as tries lock users", async () => {
  let connections = 0;
  await using proxy = await tcpPeer((socket) => {
    connections++;
    socket.once("data", () => socket.end("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"));
  });
  await using hanging = await tcpPeer((socket) => void socket.resume());
  await pollFailure(443, { proxy: proxyAt(proxy.port) });
  // gRPC dials again after a second, closed or not; this takes twice as long at least.
  await pollFailure(hanging.port, { connectTimeoutMs: 2000 });
  assert.equal(connections, 2);
});

Deno.test("createGrpcAgentApi() leaves no connection behind at a peer that hangs, directly or as a proxy", async () => {
  const sockets = new Set<unknown>();
  await using peer = await tcpPeer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.resume();
  });
  for (const proxy of [null, proxyAt(peer.port)]) {
    for (let i = 0; i < 3; i++) await pollFailure(peer.port, { connectTimeoutMs: 200, proxy });
  }
  await until("all connections are closed", () => sockets.size === 0);
});

Deno.test("createGrpcAgentApi() shows the certificate of the agent after activation", async () => {
  await using platform = await startTestPlatform({ poll: () => PollResponse.fromPartial({}) }, {
    authority,
    mutualTls: true,
  });
  using api = createGrpcAgentApi({
    endpoints: [{ host: "localhost", port: platform.port }],
    trust,
    proxy: null,
    clock: systemClock,
  });
  api.useCertificate({ ...await authority.issue({ names: ["agent"] }), notAfter: fromNow(1) });
  await api.poll(PollRequest.fromPartial({}));
  assert.equal(platform.calls.poll.length, 1);
});

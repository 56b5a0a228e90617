/** The way to the platform through Debian's squid: credentials, refusals, cut tunnels, and what must never take it. */
import assert from "node:assert/strict";
import { PollRequest, PollResponse } from "../../proto/gen/opendca/v1/agent_service.ts";
import { Batch, UploadResponse } from "../../proto/gen/opendca/v1/batch.ts";
import { systemClock } from "../../common/core/clock.ts";
import { Secret } from "../../common/core/secret.ts";
import { createGrpcAgentApi, type GrpcAgentApi } from "../../src/link/grpc_agent_api.ts";
import { encodeBatchMessage } from "../../src/link/spool_reading.ts";
import { TransportError } from "../../src/link/transport_error.ts";
import type { TransportFaultName } from "../../src/link/transport_fault.ts";
import { createTestAuthority } from "../fixtures/test_authority.ts";
import { startTestPlatform, type TestPlatform } from "../fixtures/test_platform.ts";
import { peerTest } from "../fixtures/peers.ts";
import { type Squid, squidOutgoing, squidPrograms, startSquid } from "../fixtures/squid_peer.ts";
import { patienceMs, until } from "../fixtures/until.ts";

const authority = await createTestAuthority();
/** Known to squid alone, so that an agent that went by itself would not find it. */
const name = "platform.customer.test";
const names = [name, "localhost"];

function platformOf(address?: string): Promise<TestPlatform> {
  return startTestPlatform({
    poll: () => PollResponse.fromPartial({ nextPollSeconds: 60 }),
    upload: (batch) => UploadResponse.fromPartial({ highestContiguousSequence: batch.sequence }),
  }, { authority, names, ...(address === undefined ? {} : { address }) });
}

interface Way {
  host?: string;
  port: number;
  user?: string;
  password?: string;
  noProxy?: string[];
}

function apiBy(squid: Pick<Squid, "port" | "address">, { host = name, port, user, password = "", noProxy = [] }: Way) {
  return createGrpcAgentApi({
    endpoints: [{ host, port }],
    trust: { ca: { pem: authority.pem }, pins: [] },
    proxy: {
      host: squid.address.replace(/^\[(.*)\]$/, "$1"),
      port: squid.port,
      user: user ?? null,
      password: user === undefined ? null : new Secret(password),
      noProxy,
    },
    clock: systemClock,
    connectTimeoutMs: patienceMs,
    callTimeoutMs: patienceMs,
  });
}

const poll = (api: GrpcAgentApi) => api.poll(PollRequest.fromPartial({}));

async function faultOf(call: Promise<unknown>): Promise<TransportError> {
  const error = await call.then(() => new Error("The call came through"), (thrown: unknown) => thrown);
  assert.ok(error instanceof TransportError, String(error));
  return error;
}

const users = [
  { user: "agent", password: "pass:with:colons" },
  { user: "acme\\agent", password: "a@b%41%zz/?#&+\"' \\" },
  { user: "Müller", password: "pässwörd€ 密碼" },
];
for (const { user, password } of users) {
  peerTest(`createGrpcAgentApi() shows ${user} and his password to squid as they are`, squidPrograms, async () => {
    await using platform = await platformOf();
    await using squid = await startSquid({ users: { [user]: password }, names });
    {
      using api = apiBy(squid, { port: platform.port, user, password });
      assert.equal((await poll(api)).nextPollSeconds, 60);
      const { highestContiguousSequence } = await api.upload(encodeBatchMessage(Batch.fromPartial({ sequence: 7n })));
      assert.equal(highestContiguousSequence, 7n);
    }
    await until("the tunnel is closed", () => squid.requests().length > 0);
    assert.deepEqual(squid.requests(), [`CONNECT ${name}:${platform.port} 200 ${user}`], "one tunnel for all calls");
    assert.deepEqual([...platform.peers], [squidOutgoing]);
  });
}

const refusals: {
  name: string;
  fault: TransportFaultName;
  rules?: string[];
  way?: Partial<Way>;
  /** Status in squid's log. */
  status: number;
}[] = [
  { name: "a wrong password", fault: "proxy-credentials", way: { password: "pass" }, status: 407 },
  { name: "no password", fault: "proxy-credentials", way: { user: undefined as never }, status: 407 },
  {
    name: "a rule against the port",
    fault: "proxy-forbidden",
    rules: ["acl only443 port 443", "http_access deny !only443"],
    status: 403,
  },
  { name: "a closed port behind squid", fault: "proxy-failed", way: { port: 1 }, status: 503 },
  { name: "a name that squid does not find", fault: "proxy-failed", way: { host: "nobody.test" }, status: 500 },
];
for (const { name: what, fault, rules, way, status } of refusals) {
  peerTest(`createGrpcAgentApi() names ${what}: ${fault}`, squidPrograms, async () => {
    await using platform = await platformOf();
    await using squid = await startSquid({ users: { agent: "pass:word" }, names, rules: rules ?? [] });
    using api = apiBy(squid, { port: platform.port, user: "agent", password: "pass:word", ...way });
    const error = await faultOf(poll(api));
    assert.deepEqual([error.fault.name, error.delivery], [fault, "none"], error.message);
    assert.doesNotMatch(`${error.message} ${error.hint} ${error.stack}`, /pass:word/);
    assert.equal(platform.peers.size, 0);
    await faultOf(poll(api));
    await until("squid has written its answers", () => squid.requests().length >= 4);
    const statuses = squid.requests().map((line) => Number(line.split(" ")[2]));
    assert.deepEqual(statuses, [status, status, status, status], "the call and the walk after it, twice");
  });
}

peerTest(
  "createGrpcAgentApi() names a squid that is gone, and loses nothing when it comes back",
  squidPrograms,
  async () => {
    await using platform = await platformOf();
    let squid = await startSquid({ names });
    const { port } = squid;
    try {
      using api = apiBy(squid, { port: platform.port });
      await poll(api);
      await squid[Symbol.asyncDispose]();
      for (const delivery of ["none", "none"] as const) {
        const error = await faultOf(poll(api));
        assert.deepEqual([error.fault.name, error.delivery], ["proxy-unreachable", delivery], error.message);
      }
      squid = await startSquid({ names, port });
      await poll(api);
      assert.equal(platform.calls.poll.length, 2);
      assert.deepEqual([...platform.peers], [squidOutgoing]);
    } finally {
      await squid[Symbol.asyncDispose]();
    }
  },
);

peerTest("createGrpcAgentApi() notices a squid that is killed during a call", squidPrograms, async () => {
  await using platform = await platformOf();
  const asked = Promise.withResolvers<void>();
  platform.handlers.upload = () => {
    asked.resolve();
    return "never";
  };
  const squid = await startSquid({ names });
  try {
    using api = apiBy(squid, { port: platform.port });
    const failed = faultOf(api.upload(encodeBatchMessage(Batch.fromPartial({ sequence: 7n }))));
    await Promise.race([asked.promise, failed]);
    await squid[Symbol.asyncDispose]();
    assert.equal((await failed).delivery, "unknown", "the platform may have worked on it");
  } finally {
    await squid[Symbol.asyncDispose]();
  }
});

peerTest("createGrpcAgentApi() makes a new tunnel where squid has cut an idle one", squidPrograms, async () => {
  await using platform = await platformOf();
  await using squid = await startSquid({ names, rules: ["read_timeout 1 second"] });
  using api = apiBy(squid, { port: platform.port });
  for (const tunnels of [1, 2]) {
    // A call that meets the cut itself is lost, as any call may be, and the agent makes it again.
    const answer = await poll(api).catch(async (error) => {
      assert.ok(error instanceof TransportError && tunnels > 1, String(error));
      return await poll(api);
    });
    assert.equal(answer.nextPollSeconds, 60);
    await until("squid cuts the tunnel", () => squid.requests().length >= tunnels);
  }
  assert.ok(squid.requests().every((line) => line.includes(" 200 ")), squid.requests().join());
});

const ways: { noProxy: (port: number) => string[]; direct: boolean }[] = [
  { noProxy: () => [], direct: false },
  { noProxy: () => ["LOCALHOST"], direct: true },
  { noProxy: () => [".localhost"], direct: true },
  { noProxy: () => ["host", "ocalhost", "localhost.example"], direct: false },
  { noProxy: () => ["*"], direct: true },
  { noProxy: (port) => [`localhost:${port}`], direct: true },
  { noProxy: () => ["localhost:443"], direct: false },
  // A name is not looked up for it, as in curl.
  { noProxy: () => ["127.0.0.0/8", "::1/128"], direct: false },
];
for (const { noProxy, direct } of ways) {
  const shown = noProxy(443).join(",");
  peerTest(
    `createGrpcAgentApi() goes ${direct ? "past" : "through"} squid with noProxy "${shown}"`,
    squidPrograms,
    async () => {
      await using platform = await platformOf();
      await using squid = await startSquid({ names });
      {
        using api = apiBy(squid, { host: "localhost", port: platform.port, noProxy: noProxy(platform.port) });
        await poll(api);
      }
      assert.deepEqual([...platform.peers], [direct ? "127.0.0.1" : squidOutgoing]);
      // A request of our own stands behind whatever came before.
      using last = apiBy(squid, { port: 1 });
      await faultOf(poll(last));
      if (!direct) await until("the tunnel is closed", () => squid.requests().some((line) => line.includes(" 200 ")));
      const asked = squid.requests().filter((line) => line.includes(`localhost:${platform.port}`));
      assert.deepEqual(asked, direct ? [] : [`CONNECT localhost:${platform.port} 200 -`]);
    },
  );
}

peerTest("createGrpcAgentApi() reaches a squid at an IPv6 address", squidPrograms, async () => {
  await using platform = await platformOf();
  await using squid = await startSquid({ names, address: "[::1]" });
  using api = apiBy(squid, { port: platform.port });
  await poll(api);
  assert.deepEqual([...platform.peers], [squidOutgoing]);
});

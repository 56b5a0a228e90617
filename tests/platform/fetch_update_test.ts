/** FetchUpdate under load: slow readers, floods, a store that goes away, and what changes while a file is sent. */
import { Buffer } from "node:buffer";
import assert from "node:assert/strict";
import fc from "fast-check";
import { UnavailableError } from "../../common/core/errors.ts";
import { createLater, type UpdateLimits } from "../../platform/edge/grpc/stream_update.ts";
import { revokeAgent } from "../../platform/agents/manage_agents.ts";
import { chunkBytes } from "../../platform/releases/chunk_bytes.ts";
import { pauseRelease, rollOut, withdrawRelease } from "../../platform/releases/manage_releases.ts";
import { eachDatabase } from "../fixtures/each_database.ts";
import {
  activatedAgent,
  call,
  connect,
  pollOf,
  startTestPlatform,
  type TestAgent,
  type TestCustomer,
  type TestPlatform,
  type TestPlatformOptions,
} from "../fixtures/platform_fixture.ts";
import { addedRelease, fetchReason, fetchUpdate, fileBytesOf, operator } from "../fixtures/release_folder.ts";
import { passThrough, startTcpProxy } from "../fixtures/tcp_proxy.ts";
import { until } from "../fixtures/until.ts";

/* 10 MiB, so that an agent is asked for again whether it is offered the file. */
const chunks = 40;
const small = { "linux-x64": fileBytesOf(chunks * chunkBytes - 1000) };
const large = { "linux-x64": fileBytesOf(96 * chunkBytes) };
/* Where the last part of it begins: a call that is let in has it soon. */
const nearEnd = 95 * chunkBytes;

interface Scene extends AsyncDisposable {
  platform: TestPlatform;
  sha256: string;
  customer: TestCustomer;
  /** An agent that has polled and is offered the file. */
  agent(): Promise<TestAgent & { client: ReturnType<typeof connect>; poll(): Promise<boolean> }>;
}

async function scene(
  updates: Partial<UpdateLimits> = {},
  { content = small, ...options }: TestPlatformOptions & { content?: typeof small } = {},
): Promise<Scene> {
  await using built = new AsyncDisposableStack();
  const platform = built.use(await startTestPlatform({ updates: { bytesPerSecond: 1e9, ...updates }, ...options }));
  const customer = await platform.customer("Acme");
  const { manifest } = await addedRelease(platform.platform, { content, percent: 100 });
  const all = built.move();
  return {
    platform,
    customer,
    sha256: manifest.files[0]!.sha256,
    async agent() {
      const agent = await activatedAgent(platform, customer);
      const client = all.use(connect(platform, agent.identity));
      const poll = async () => {
        const request = pollOf(agent, {}, { agentVersion: "0.1.0", updateTarget: "linux-x64" });
        return (await call(client, { method: client.poll, request })).update !== undefined;
      };
      assert(await poll());
      return { ...agent, client, poll };
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** Counts transactions of the platform; `fail` makes the next ones fail. */
function watchStore({ platform }: TestPlatform) {
  const watched = { count: 0, fail: false };
  const { transaction } = platform.store;
  platform.store.transaction = (work, options) => {
    watched.count++;
    if (watched.fail) return Promise.reject(new UnavailableError("Cannot use the store: it is away", "wait", 2000));
    return transaction.call(platform.store, work, options) as ReturnType<typeof work>;
  };
  return watched;
}

/**
 * A call of an agent on a line that stands still until it is resumed: below gRPC's client, which reads some megabytes
 * ahead.
 */
async function stalledFetch({ platform, sha256 }: Scene, { identity }: TestAgent) {
  const proxy = await startTcpProxy(Number(platform.target.split(":")[1]));
  let isStopped = false;
  const stops: (() => void)[] = [], goes: (() => void)[] = [];
  proxy.handle = (connection) => {
    passThrough(connection);
    const { server, client } = connection;
    stops.push(() => {
      server.unpipe(client);
      server.pause();
    });
    goes.push(() => server.pipe(client));
  };
  const client = connect({ ...platform, target: `localhost:${proxy.port}` }, identity);
  const fetched = fetchUpdate(client, { sha256 }, () => {
    if (isStopped) return;
    isStopped = true;
    for (const stop of stops) stop();
  });
  await until("the line stands still", () => isStopped);
  return {
    fetched,
    resume: () => goes.forEach((go) => go()),
    async [Symbol.asyncDispose]() {
      client.close();
      proxy.cut();
      await proxy[Symbol.asyncDispose]();
    },
  };
}

eachDatabase("who reads nothing makes the platform read a part of the file, and gets all when it goes on", async () => {
  await using all = await scene({}, { content: large });
  const agent = await all.agent();
  const watched = watchStore(all.platform);
  await using stalled = await stalledFetch(all, agent);
  let before = -1;
  await until("no more is read", async () => {
    const same = watched.count === before;
    before = watched.count;
    await new Promise((resolve) => setTimeout(resolve, 500));
    return same;
  });
  // The system's buffers of three sockets hold some megabytes; without a limit it is all of 24 MiB.
  assert(watched.count < 80, `${watched.count} transactions for a reader that takes nothing`);
  assert(await agent.poll(), "on another connection");
  stalled.resume();
  const whole = await stalled.fetched;
  assert.equal(fetchReason(whole), "whole");
  assert(watched.count > 96);
});

eachDatabase(
  "a store that goes away while a file is sent ends the call, which goes on at its offset later",
  async () => {
    await using all = await scene();
    const { client } = await all.agent();
    const watched = watchStore(all.platform);
    const first = await fetchUpdate(client, { sha256: all.sha256 }, (received) => {
      if (received > 5 * chunkBytes) watched.fail = true;
    });
    assert.equal(fetchReason(first), "store-busy");
    assert.deepEqual(first.error!.metadata.get("opendca-retry-after-ms"), ["2000"]);
    watched.fail = false;
    const rest = await fetchUpdate(client, { sha256: all.sha256, offset: first.bytes.length });
    assert.equal(fetchReason(rest), "whole");
    const whole = await fetchUpdate(client, { sha256: all.sha256 });
    assert(first.bytes.length < whole.bytes.length);
    assert(Buffer.concat([first.bytes, rest.bytes]).equals(whole.bytes));
  },
);

for (
  const { name, change } of [
    {
      name: "paused",
      change: ({ platform }: TestPlatform) => pauseRelease(platform, operator, { version: "0.2.0", reason: "test" }),
    },
    {
      name: "withdrawn",
      change: ({ platform }: TestPlatform) => withdrawRelease(platform, operator, { version: "0.2.0", reason: "test" }),
    },
    {
      name: "rolled out to fewer",
      change: ({ platform }: TestPlatform) => rollOut(platform, operator, { version: "0.2.0", percent: 0 }),
    },
  ]
) {
  eachDatabase(`a release that is ${name} while it is sent ends there`, async () => {
    await using all = await scene({ bytesPerSecond: 4_000_000 });
    const { client, poll } = await all.agent();
    let changed: Promise<unknown> | undefined;
    const fetched = await fetchUpdate(client, { sha256: all.sha256 }, () => void (changed ??= change(all.platform)));
    await changed;
    assert.equal(fetchReason(fetched), "update-not-offered");
    assert(fetched.bytes.length > 0 && fetched.bytes.length < small["linux-x64"].length);
    assert.equal(await poll(), false);
  });
}

eachDatabase("a revoked agent gets no more of a file", async () => {
  await using all = await scene({ bytesPerSecond: 4_000_000 });
  const { client, agentId } = await all.agent();
  const by = { ...operator, tenant: all.customer.tenant.customerId };
  let revoked: Promise<unknown> | undefined;
  const fetched = await fetchUpdate(client, { sha256: all.sha256 }, () => {
    revoked ??= revokeAgent(all.platform.platform, by, { agentId, reason: "test" });
  });
  await revoked;
  assert.notEqual(fetchReason(fetched), "whole");
});

eachDatabase("of many agents at one moment a few fetch, the others come back later, and polls go on", async () => {
  await using all = await scene({ streams: 2 }, { content: large });
  const agents = await Promise.all(Array.from({ length: 8 }, () => all.agent()));
  await using first = await stalledFetch(all, agents[0]!);
  await using _ = await stalledFetch(all, agents[1]!);
  const waits = [];
  for (const { client, poll } of agents.slice(2)) {
    const refused = await fetchUpdate(client, { sha256: all.sha256 });
    assert.equal(fetchReason(refused), "too-many-requests");
    assert.equal(refused.bytes.length, 0);
    waits.push(Number(refused.error!.metadata.get("opendca-retry-after-ms")[0]));
    assert(await poll());
  }
  assert(waits.every((ms) => ms >= 30_000 && ms <= 120_000), waits.join(", "));
  assert(new Set(waits).size > 1, "they do not all come back at one moment");
  first.resume();
  assert.equal(fetchReason(await first.fetched), "whole", "who was first gets all of it");
  const third = fetchUpdate(agents[2]!.client, { sha256: all.sha256, offset: nearEnd });
  assert.equal(fetchReason(await third), "whole", "the place is free");
});

eachDatabase("a later call of an agent takes the place of the one before", async () => {
  await using all = await scene({ streams: 1 }, { content: large });
  const agent = await all.agent();
  await using stalled = await stalledFetch(all, agent);
  assert.equal(fetchReason(await fetchUpdate(agent.client, { sha256: all.sha256, offset: nearEnd })), "whole");
  stalled.resume();
  assert.notEqual(fetchReason(await stalled.fetched), "whole");
});

eachDatabase("a reader that takes nothing for too long is cut off, and a call that takes too long ends", async () => {
  await using all = await scene({ stallMs: 300, streams: 1 }, { content: large });
  await using stalled = await stalledFetch(all, await all.agent());
  const { client } = await all.agent();
  await until(
    "its place is free",
    async () => fetchReason(await fetchUpdate(client, { sha256: all.sha256, offset: nearEnd })) === "whole",
  );
  stalled.resume();
  assert.notEqual(fetchReason(await stalled.fetched), "whole");

  await using slow = await scene({ bytesPerSecond: 2_000_000, streamMs: 1000 });
  const one = await slow.agent();
  const part = await fetchUpdate(one.client, { sha256: slow.sha256 });
  assert.match(part.error!.details, /Cannot send more in one call/);
  assert(part.bytes.length > 0);
});

eachDatabase("a file may take longer than other calls may, at the rate of all agents together", async () => {
  await using all = await scene({ bytesPerSecond: 5_000_000 }, { callTimeoutMs: 1000 });
  const { client } = await all.agent();
  const began = performance.now();
  assert.equal(fetchReason(await fetchUpdate(client, { sha256: all.sha256 })), "whole");
  assert(performance.now() - began > 1500, "10 MiB at 5 MB/s");
});

eachDatabase("an agent can fetch so many bytes a day, and call so often", async () => {
  await using all = await scene({ bytesPerAgentDay: 4 * chunkBytes });
  const { client } = await all.agent();
  const fetched = await fetchUpdate(client, { sha256: all.sha256 });
  assert.deepEqual([fetchReason(fetched), fetched.sizes.length], ["too-many-requests", 4]);
  all.platform.clock.advance(86_400_000);
  const { bytes: { length: offset } } = fetched;
  assert.equal((await fetchUpdate(client, { sha256: all.sha256, offset })).sizes.length, 4);
  all.platform.clock.advance(3_600_000);
  const reasons = [];
  for (let i = 0; i < 21; i++) reasons.push(fetchReason(await fetchUpdate(client, { sha256: "0".repeat(64) })));
  assert.deepEqual([reasons[19], reasons[20]], ["update-not-offered", "too-many-requests"]);
});

eachDatabase("a release that was added at one server is offered and served by another", async () => {
  await using first = await startTestPlatform();
  const agent = await activatedAgent(first, await first.customer("Acme"));
  await using second = await first.another();
  using client = connect(second, agent.identity);
  const poll = async () => {
    const request = pollOf(agent, {}, { agentVersion: "0.1.0", updateTarget: "linux-x64" });
    return (await call(client, { method: client.poll, request })).update?.encodedBytes;
  };
  assert.equal(await poll(), undefined);
  const { manifest } = await addedRelease(first.platform, { content: small, percent: 100 });
  const bytes = await poll();
  const whole = await fetchUpdate(client, { sha256: manifest.files[0]!.sha256 });
  assert.equal(BigInt(whole.bytes.length), bytes);
  await pauseRelease(first.platform, operator, { version: "0.2.0", reason: "test" });
  assert.equal(await poll(), undefined);
});

Deno.test("createLater() spreads those that come back, the longer the more there were, up to an hour", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20_000 }), fc.double({ min: 0, max: 1, noNaN: true }), (calls, random) => {
      const later = createLater(() => random);
      let ms = 0;
      for (let i = 0; i < calls; i++) ms = later.waitMs(i);
      assert(ms >= 30_000 && ms <= 3_630_000);
      if (random > 0.5 && calls > 1000) assert(ms > 300_000);
    }),
  );
  const later = createLater(() => 1);
  for (let i = 0; i < 10_000; i++) later.waitMs(0);
  assert(later.waitMs(3_600_000) < 120_000, "an hour later it is over");
});

/**
 * FetchUpdate under load: what changes while a file is sent, and what many agents may have at a time. Readers that hang
 * are in tests/faults.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { zstdDecompressSync } from "node:zlib";
import fc from "fast-check";
import { createLater } from "../../platform/edge/grpc/stream_update.ts";
import { revokeAgent } from "../../platform/agents/manage_agents.ts";
import { chunkBytes } from "../../platform/releases/chunk_bytes.ts";
import { pauseRelease, resumeRelease, rollOut, withdrawRelease } from "../../platform/releases/manage_releases.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { activatedAgent, call, connect, pollOf, startTestPlatform } from "../fixtures/platform_fixture.ts";
import { addedRelease, fetchReason, fetchUpdate, operator } from "../fixtures/release_folder.ts";
import { until } from "../fixtures/until.ts";
import { small, updateScene, watchStore } from "../fixtures/update_streams.ts";

slowInPostgres("what changes while a file is sent", async (t) => {
  await using all = await updateScene();
  const { platform: { platform }, sha256 } = all, version = "0.2.0";
  const { client, poll, agentId } = await all.agent();
  /** Changes something when the first bytes have come, reads on afterwards, and gives what the agent got. */
  async function fetchedWhile(change: () => Promise<unknown>) {
    let changed: Promise<unknown> | undefined;
    const fetched = await fetchUpdate(client, { sha256 }, () => changed === undefined ? changed = change() : undefined);
    await changed;
    assert(fetched.bytes.length > 0 && fetched.bytes.length < small["linux-x64"].length);
    return fetchReason(fetched);
  }
  await t.step("a store that goes away ends the call, which goes on at its offset later", async () => {
    const watched = watchStore(all.platform);
    const first = await fetchUpdate(client, { sha256 }, (received) => {
      if (received > 3 * chunkBytes) watched.fail = true;
    });
    assert.equal(fetchReason(first), "store-busy");
    assert.deepEqual(first.error!.metadata.get("opendca-retry-after-ms"), ["2000"]);
    watched.fail = false;
    const rest = await fetchUpdate(client, { sha256, offset: first.bytes.length });
    assert.equal(fetchReason(rest), "whole");
    assert(first.bytes.length > 0 && rest.bytes.length > 0);
    const whole = zstdDecompressSync(Buffer.concat([first.bytes, rest.bytes]));
    assert(whole.equals(small["linux-x64"]));
  });
  const changes = {
    paused: () => pauseRelease(platform, operator, { version, reason: "test" }),
    "rolled out to fewer": () => rollOut(platform, operator, { version, percent: 0 }),
    withdrawn: () => withdrawRelease(platform, operator, { version, reason: "test" }),
  };
  for (const [name, change] of Object.entries(changes)) {
    await t.step(`a release that is ${name} ends there`, async () => {
      assert.equal(await fetchedWhile(change), "update-not-offered");
      assert.equal(await poll(), false);
    });
    if (name === "paused") await resumeRelease(platform, operator, { version });
    else if (name !== "withdrawn") await rollOut(platform, operator, { version, percent: 100 });
  }
  await t.step("a revoked agent gets no more", async () => {
    await addedRelease(platform, { version: "0.3.0", content: small, percent: 100 });
    const by = { ...operator, tenant: all.customer.tenant.customerId };
    assert.notEqual(await fetchedWhile(() => revokeAgent(platform, by, { agentId, reason: "test" })), "whole");
  });
});

/* Places and times are of the process, whatever its database. */
Deno.test("of many agents at one moment a few fetch, the others come back later, and polls go on (slow)", async () => {
  // Six parts a second, of 40 for each: nobody gets all of it meanwhile.
  await using all = await updateScene({ streams: 2, bytesPerSecond: 6 * chunkBytes });
  const { sha256 } = all;
  const agents = await Promise.all(Array.from({ length: 4 }, () => all.agent()));
  /** Resolves when it has begun. */
  async function begun({ client }: (typeof agents)[number]) {
    const first = Promise.withResolvers<void>();
    let bytes = 0, stop = () => {};
    const fetched = fetchUpdate(client, { sha256 }, (received, cancel) => {
      bytes = received;
      stop = cancel;
      first.resolve();
    });
    await Promise.race([first.promise, fetched.then(({ error }) => assert.fail(error))]);
    return { fetched, bytes: () => bytes, stop: () => stop() };
  }
  const first = await begun(agents[0]!), second = await begun(agents[1]!);
  const waits = [];
  for (const { client, poll } of agents.slice(2)) {
    const refused = await fetchUpdate(client, { sha256 });
    assert.equal(fetchReason(refused), "too-many-requests");
    assert.equal(refused.bytes.length, 0);
    waits.push(Number(refused.error!.metadata.get("opendca-retry-after-ms")[0]));
    assert(await poll());
  }
  assert(waits.every((ms) => ms >= 30_000 && ms <= 120_000), waits.join(", "));
  assert(new Set(waits).size > 1, "they do not all come back at one moment");
  const before = second.bytes();
  await until("who was first goes on", () => second.bytes() > before);
  // A later call of an agent takes the place of the one before.
  const later = await begun(agents[0]!);
  assert.notEqual(fetchReason(await first.fetched), "whole");
  later.stop();
  await later.fetched;
  const third = await begun(agents[2]!);
  for (const each of [second, third]) {
    each.stop();
    assert.notEqual(fetchReason(await each.fetched), "whole");
  }
});

Deno.test("a file may take longer than other calls may, at the rate of all agents together", async () => {
  await using all = await updateScene({ bytesPerSecond: 6_000_000 }, { callTimeoutMs: 1000 });
  const { client } = await all.agent();
  const began = performance.now();
  assert.equal(fetchReason(await fetchUpdate(client, { sha256: all.sha256 })), "whole");
  assert(performance.now() - began > 1500, "10 MiB at 6 MB/s");
});

Deno.test("a call that takes too long ends", async () => {
  await using all = await updateScene({ bytesPerSecond: 2_000_000, streamMs: 1000 });
  const { client } = await all.agent();
  const part = await fetchUpdate(client, { sha256: all.sha256 });
  assert.match(part.error!.details, /Cannot send more in one call/);
  assert(part.bytes.length > 0);
});

Deno.test("an agent can fetch so many bytes a day, and call so often", async () => {
  await using all = await updateScene({ bytesPerAgentDay: 4 * chunkBytes });
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

slowInPostgres("a release that was added at one server is offered and served by another", async () => {
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

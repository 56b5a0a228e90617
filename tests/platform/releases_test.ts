/** From a published release to the file that an agent gets: added, rolled out, offered with a poll, fetched. */
import assert from "node:assert/strict";
import { StatementSync } from "node:sqlite";
import { zstdDecompressSync } from "node:zlib";
import { verifyManifest } from "../../common/release/release_manifest.ts";
import { UpdateEncoding } from "../../proto/gen/opendca/v1/update.ts";
import { chunkBytes } from "../../platform/releases/chunk_bytes.ts";
import { pauseRelease, resumeRelease, rollOut, withdrawRelease } from "../../platform/releases/manage_releases.ts";
import { setPin } from "../../platform/releases/customer_updates.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import {
  activatedAgent,
  call,
  connect,
  pollOf,
  startTestPlatform,
  type TestAgent,
  type TestPlatform,
} from "../fixtures/platform_fixture.ts";
import {
  addedRelease,
  fetchReason,
  fetchUpdate,
  fileBytesOf,
  operator,
  trustedReleaseKeys,
} from "../fixtures/release_folder.ts";

/** An agent that polls as one of 0.1.0 that can update itself. */
function updatingAgent(platform: TestPlatform, agent: TestAgent) {
  const client = connect(platform, agent.identity);
  const poll = async (status: Parameters<typeof pollOf>[2] = {}) =>
    (await call(client, {
      method: client.poll,
      request: pollOf(agent, {}, { agentVersion: "0.1.0", updateTarget: "linux-x64", ...status }),
    })).update;
  return { client, poll, [Symbol.dispose]: () => client[Symbol.dispose]() };
}

slowInPostgres("a release is offered when it is rolled out, and fetched byte for byte", async () => {
  await using platform = await startTestPlatform();
  const agent = await activatedAgent(platform, await platform.customer("Acme"));
  using updating = updatingAgent(platform, agent);
  const { client, poll } = updating;
  assert.equal(await poll(), undefined, "no release");
  const content = { "linux-x64": fileBytesOf(3 * chunkBytes + 5), "windows-x64": fileBytesOf(7, 2) };
  const { text, manifest, added } = await addedRelease(platform.platform, { content });
  assert.deepEqual(added, { version: "0.2.0", manifest: "added", stored: ["linux-x64", "windows-x64"], missing: [] });
  assert.equal(await poll(), undefined, "nobody is offered a release that is only added");
  const { sha256 } = manifest.files[0]!;
  assert.equal(fetchReason(await fetchUpdate(client, { sha256 })), "update-not-offered");

  await rollOut(platform.platform, operator, { version: "0.2.0", percent: 100 });
  const offer = (await poll())!;
  assert.deepEqual([offer.manifest, offer.encoding], [text, UpdateEncoding.ZSTD]);
  verifyManifest(offer.manifest, trustedReleaseKeys);
  const whole = await fetchUpdate(client, { sha256 });
  assert.equal(fetchReason(whole), "whole");
  assert.equal(whole.bytes.length, Number(offer.encodedBytes));
  assert.deepEqual(zstdDecompressSync(whole.bytes), content["linux-x64"]);
  assert.deepEqual(whole.sizes.slice(0, 3), [chunkBytes, chunkBytes, chunkBytes]);

  for (const offset of [1, chunkBytes - 1, chunkBytes, chunkBytes + 1, 3 * chunkBytes, whole.bytes.length]) {
    const rest = await fetchUpdate(client, { sha256, offset });
    assert.equal(fetchReason(rest), "whole");
    assert.deepEqual(rest.bytes, whole.bytes.subarray(offset), `from ${offset} on`);
  }
  const beyond = await fetchUpdate(client, { sha256, offset: whole.bytes.length + 1 });
  assert.match(
    beyond.error!.details,
    /^Cannot send an update as it cannot continue at byte \d+: the encoded file has \d+$/,
  );

  // The file of another target, one that is not of a release, and what is no hash.
  for (
    const [hash, want] of [[manifest.files[1]!.sha256, "update-not-offered"], ["0".repeat(64), "update-not-offered"]]
  ) {
    assert.equal(fetchReason(await fetchUpdate(client, { sha256: hash! })), want);
  }
  for (const hash of ["", "A".repeat(64), "' OR 1=1 --"]) {
    assert.equal(fetchReason(await fetchUpdate(client, { sha256: hash })), "invalid-request");
  }
  assert.equal(
    fetchReason(await fetchUpdate(client, { sha256, encoding: UpdateEncoding.UNSPECIFIED })),
    "invalid-request",
  );
});

slowInPostgres(
  "an agent is offered what is newer, permitted, and for its system; a pin or hold decides before",
  async () => {
    await using platform = await startTestPlatform();
    const { platform: open } = platform;
    const agent = await activatedAgent(platform, await platform.customer("Acme"));
    using updating = updatingAgent(platform, agent);
    const version = async (status: Parameters<typeof pollOf>[2] = {}) => {
      const offer = await updating.poll(status);
      return offer === undefined ? undefined : verifyManifest(offer.manifest, trustedReleaseKeys).manifest.version;
    };
    await addedRelease(open, { percent: 100 });
    await addedRelease(open, { version: "0.3.0", minimumVersion: "0.2.0", percent: 100 });
    assert.equal(await version(), "0.2.0", "the step that 0.3.0 needs");
    assert.equal(await version({ agentVersion: "0.2.0" }), "0.3.0");
    assert.equal(await version({ agentVersion: "0.3.0" }), undefined);
    assert.equal(await version({ agentVersion: "0.10.0" }), undefined, "never an older one");
    for (const agentVersion of ["", "0.1.0-dev", "x".repeat(50)]) {
      assert.equal(
        await version({ agentVersion }),
        undefined,
      );
    }
    for (const updateTarget of ["", "linux-arm64", "__proto__"]) {
      assert.equal(
        await version({ updateTarget }),
        undefined,
      );
    }

    const by = { ...operator, tenant: agent.tenant.customerId };
    const steps: [Parameters<typeof setPin>[2], string | undefined][] = [
      [{ pin: "hold" }, undefined],
      [{ pin: "0.3.0", site: "Head office" }, "0.3.0"],
      [{ pin: "0.2.0", agentId: agent.agentId }, undefined],
      [{ pin: null, agentId: agent.agentId }, "0.3.0"],
      [{ pin: null, site: "Head office" }, undefined],
      [{ pin: null }, "0.3.0"],
    ];
    for (const [pin, want] of steps) {
      await setPin(open, by, pin);
      assert.equal(await version({ agentVersion: "0.2.0" }), want, JSON.stringify(pin));
    }
    await pauseRelease(open, operator, { version: "0.3.0", reason: "test" });
    assert.equal(await version({ agentVersion: "0.2.0" }), undefined);
    await setPin(open, by, { pin: "0.3.0", agentId: agent.agentId });
    assert.equal(await version({ agentVersion: "0.2.0" }), undefined, "a pin does not offer what is paused");
    await resumeRelease(open, operator, { version: "0.3.0" });
    assert.equal(await version({ agentVersion: "0.2.0" }), "0.3.0");
    await withdrawRelease(open, operator, { version: "0.3.0", reason: "test" });
    assert.equal(await version({ agentVersion: "0.2.0" }), undefined);
    platform.clock.advance(31 * 86_400_000);
    await setPin(open, by, { pin: null, agentId: agent.agentId });
    assert.equal(await version(), undefined, "its manifest has expired");
  },
);

/** The statements that run in SQLite while `body` does. */
async function statementsDuring(body: () => Promise<unknown>): Promise<string[]> {
  const methods = ["all", "get", "run"] as const;
  const before = methods.map((name) => StatementSync.prototype[name]);
  const statements: string[] = [];
  for (const [i, name] of methods.entries()) {
    StatementSync.prototype[name] = function (this: StatementSync, ...parameters: unknown[]) {
      statements.push(this.sourceSQL);
      return Reflect.apply(before[i]!, this, parameters);
    } as never;
  }
  try {
    await body();
  } finally {
    for (const [i, name] of methods.entries()) StatementSync.prototype[name] = before[i] as never;
  }
  return statements;
}

/** Those that are in each of some runs, sorted: what runs beside them at times is in some of them only. */
function inEachOf([first, ...rest]: string[][]): string[] {
  const left = rest.map((statements) => [...statements]);
  return first!.filter((sql) => {
    const places = left.map((statements) => statements.indexOf(sql));
    if (places.includes(-1)) return false;
    for (const [i, place] of places.entries()) left[i]!.splice(place, 1);
    return true;
  }).sort();
}

Deno.test("a poll makes no more statements where there are releases, but when its offer changes", async () => {
  await using platform = await startTestPlatform();
  const agent = await activatedAgent(platform, await platform.customer("Acme"));
  using updating = updatingAgent(platform, agent);
  const polled = async () => {
    const statements: string[][] = [];
    for (let i = 0; i < 4; i++) statements.push(await statementsDuring(() => updating.poll()));
    return statements;
  };
  await polled();
  const usual = inEachOf(await polled());
  assert(usual.length > 3, "they were counted");
  await addedRelease(platform.platform);
  const [first, ...rest] = await polled();
  assert(first!.length > usual.length, "the releases are read once");
  assert.deepEqual(inEachOf(rest), usual);
  await rollOut(platform.platform, operator, { version: "0.2.0", percent: 100 });
  const [offer, ...others] = await polled();
  assert(offer!.length > usual.length);
  assert.deepEqual(inEachOf(others), usual, "while it is offered as well");
});

/** Who is offered a release, and what stops a roll-out. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { isInRollout } from "../../common/release/check_update.ts";
import { UpdatePhase } from "../../proto/gen/opendca/v1/update.ts";
import { auditRows } from "../../platform/audit/audit_log.ts";
import { platformStatus } from "../../platform/devices/platform_status.ts";
import type { Catalogue, OfferedRelease } from "../../platform/releases/catalogue.ts";
import { resumeRelease, rollOut, showRelease, stages } from "../../platform/releases/manage_releases.ts";
import { isFailing } from "../../platform/releases/pause_failing.ts";
import { releaseFor, type UpdatingAgent } from "../../platform/releases/release_for.ts";
import { eachDatabase } from "../fixtures/each_database.ts";
import {
  activatedAgent,
  call,
  connect,
  pollOf,
  startTestPlatform,
  type TestAgent,
} from "../fixtures/platform_fixture.ts";
import { addedRelease, madeRelease, operator } from "../fixtures/release_folder.ts";

const now = new Date();

function offered(version: string, percents: Record<string, number>, permitted = 100): OfferedRelease {
  const { manifest, text } = madeRelease({ version, rollout: { percent: permitted } });
  return {
    version,
    text,
    manifest,
    isPaused: false,
    percents: new Map(Object.entries(percents)),
    files: new Map([["linux-x64", { fileId: "fil-1", sha256: manifest.files[0]!.sha256, encodedBytes: 1 }]]),
  };
}

const catalogueOf = (...releases: OfferedRelease[]): Catalogue => ({ revision: 1, releases });

const agentOf = (more: Partial<UpdatingAgent> = {}): UpdatingAgent => ({
  installation_id: crypto.randomUUID(),
  site_id: "sit-1",
  customerId: "cus-1",
  dealer_id: "dea-1",
  agent_pin: null,
  site_pin: null,
  customer_pin: null,
  update_offered: null,
  update_told: null,
  revision: 1,
  version: "0.1.0",
  target: "linux-x64",
  ...more,
});

const percent = fc.nat(100);

Deno.test("whoever is offered a release takes it by the agent's own rule, and stays among those of a larger share", () => {
  fc.assert(
    fc.property(fc.uuid(), percent, percent, percent, (installation_id, a, b, permitted) => {
      const agent = agentOf({ installation_id });
      const [less, more] = a < b ? [a, b] : [b, a];
      const isIn = (share: number) =>
        releaseFor(catalogueOf(offered("0.2.0", { all: share }, permitted)), agent, now) !== undefined;
      if (isIn(less)) assert(isIn(more), "a larger share has those of a smaller one");
      const { manifest } = offered("0.2.0", {}, permitted);
      if (isIn(more)) assert(isInRollout(manifest, installation_id), "the agent would refuse it");
      assert.equal(
        isIn(more),
        isInRollout({ ...manifest, rollout: { percent: Math.min(more, permitted) } }, installation_id),
      );
    }),
    { numRuns: 200 },
  );
});

Deno.test("the smallest group with a share decides, also one of 0 %", () => {
  const groups = ["sit-1", "cus-1", "dea-1", "all"];
  fc.assert(
    fc.property(fc.array(fc.option(fc.constantFrom(0, 100)), { minLength: 4, maxLength: 4 }), (shares) => {
      const percents = Object.fromEntries(
        groups.flatMap((group, i) => shares[i] === null ? [] : [[group, shares[i]!]]),
      );
      const found = releaseFor(catalogueOf(offered("0.2.0", percents)), agentOf(), now);
      assert.equal(found !== undefined, (shares.find((share) => share !== null) ?? 0) === 100);
    }),
    { numRuns: 100 },
  );
});

Deno.test("the newest release decides that an agent is among the first of, and of no use is one that it is not for", () => {
  const old = offered("0.2.0", { all: 100 }), newer = offered("0.10.0", { all: 0 });
  assert.equal(releaseFor(catalogueOf(old, newer), agentOf(), now)?.release.version, "0.2.0");
  newer.percents = new Map([["all", 100]]);
  assert.equal(releaseFor(catalogueOf(old, newer), agentOf(), now)?.release.version, "0.10.0");
  assert.equal(releaseFor(catalogueOf(newer, old), agentOf(), now)?.release.version, "0.10.0");
  assert.equal(releaseFor(catalogueOf(newer, old), agentOf(), new Date(now.getTime() + 31 * 86_400_000)), undefined);
});

Deno.test("isFailing(): three, and more than 5 % of those that tried", () => {
  for (
    const [failed, tried, want] of [[2, 2, false], [3, 3, true], [3, 59, true], [3, 60, false], [
      51,
      1000,
      true,
    ]] as const
  ) {
    assert.equal(isFailing({ failed, tried }), want, `${failed} of ${tried}`);
  }
});

eachDatabase("a share is at most what the manifest permits, and goes on by stages", async () => {
  await using platform = await startTestPlatform();
  const { platform: open } = platform;
  await addedRelease(open, { rollout: { percent: 30 } });
  const next = async () => (await rollOut(open, operator, { version: "0.2.0", percent: undefined })).percent;
  assert.deepEqual([await next(), await next(), await next(), await next()], [...stages.slice(0, 3), 30]);
  await assert.rejects(next(), /further than to 30 % as its manifest permits no more/);
  await assert.rejects(rollOut(open, operator, { version: "0.2.0", percent: 31 }), /its manifest permits 30 %/);
  await assert.rejects(rollOut(open, operator, { version: "0.9.0", percent: 1 }), /Cannot find the release "0.9.0"/);
  const acme = await platform.customer("Acme"), other = await platform.customer("Other");
  const some = { version: "0.2.0", percent: 5 };
  for (
    const [whose, want] of [
      [{ site: "Head office" }, /--site without --customer/],
      [{ customer: "Acme", dealer: "x" }, /--dealer with --customer/],
      [{ customer: "Nobody" }, /Cannot find the customer/],
      [{ customer: "Acme", site: "Elsewhere" }, /Cannot find the site/],
    ] as const
  ) await assert.rejects(rollOut(open, operator, { ...some, ...whose }), want);
  const { scope } = await rollOut(open, operator, { ...some, customer: "other", site: "head office" });
  assert.deepEqual([scope, other.siteId !== acme.siteId], [other.siteId, true]);
  assert.deepEqual(
    (await showRelease(open, operator, { version: "0.2.0" })).rollouts.map((row) => ({ ...row })),
    [{ scope: "all", percent: 30, name: null }, { scope, percent: 5, name: "Head office" }],
  );
  await rollOut(open, operator, { ...some, percent: null, customer: "Other", site: "Head office" });
  assert.equal((await showRelease(open, operator, { version: "0.2.0" })).rollouts.length, 1);
});

eachDatabase("a roll-out pauses itself when it fails on three agents, until an operator resumes it", async () => {
  await using platform = await startTestPlatform();
  const { platform: open } = platform;
  const acme = await platform.customer("Acme"), other = await platform.customer("Other");
  const agents: TestAgent[] = [];
  for (const customer of [acme, acme, other, other]) agents.push(await activatedAgent(platform, customer));
  await addedRelease(open, { percent: 100 });
  const poll = async (i: number, phase?: UpdatePhase, message = "", version = "0.2.0") => {
    using client = connect(platform, agents[i]!.identity);
    const update = phase === undefined
      ? undefined
      : { version, phase, message, bytesDone: 0n, bytesTotal: 0n, since: undefined };
    const request = pollOf(agents[i]!, {}, { agentVersion: "0.1.0", updateTarget: "linux-x64", update });
    return (await call(client, { method: client.poll, request })).update;
  };
  const state = async () => (await showRelease(open, operator, { version: "0.2.0" })).row;

  // What nobody has offered it does not count.
  for (let i = 0; i < 4; i++) await poll(i, UpdatePhase.FAILED, "", "7.7.7");
  assert.equal((await platform.queries.all("SELECT 1 FROM agent_updates")).length, 4);
  const nasty = `disk full\u001b[31m\u202e${"x".repeat(900)}`;
  assert.notEqual(await poll(0, UpdatePhase.FAILED, nasty), undefined);
  await poll(0, UpdatePhase.FAILED, "again");
  await poll(1, UpdatePhase.RETURNED, "no poll within 5 minutes");
  await poll(3, UpdatePhase.INSTALLED);
  assert.equal((await state()).state, "offered", "two of three that tried");
  assert.equal(await poll(2, UpdatePhase.FAILED, nasty), undefined);
  assert.deepEqual(
    [(await state()).state, (await state()).reason],
    ["paused", "it failed on 3 of 4 agents that tried"],
  );
  for (let i = 0; i < 4; i++) assert.equal(await poll(i), undefined);
  const { troubles, phases } = await showRelease(open, operator, { version: "0.2.0" });
  assert.deepEqual(phases.map(({ phase, agents }) => [phase, agents]), [
    [UpdatePhase.INSTALLED, 1],
    [UpdatePhase.FAILED, 2],
    [UpdatePhase.RETURNED, 1],
  ]);
  assert.equal(troubles.length, 3);
  assert(troubles.every(({ message }) => message.length <= 300));
  const { pausedReleases } = await platformStatus(open, operator);
  assert.deepEqual(pausedReleases.map(({ version, reason }) => [version, reason]), [
    ["0.2.0", "it failed on 3 of 4 agents that tried"],
  ]);
  const entries = await auditRows(platform.queries, { limit: 100 });
  assert.deepEqual(
    entries.filter(({ action }) => action === "releasePaused").map((
      { actor, subject, detail },
    ) => [actor, subject, detail]),
    [["platform", "0.2.0", '{"tried":4,"failed":3}']],
  );

  platform.clock.advance(1000);
  await resumeRelease(open, operator, { version: "0.2.0" });
  assert.notEqual(await poll(0), undefined);
  assert.deepEqual((await platformStatus(open, operator)).pausedReleases, []);
  platform.clock.advance(60_000);
  await poll(2, UpdatePhase.FAILED, "once more");
  assert.equal((await state()).state, "offered", "failures before it was resumed do not count");
});

eachDatabase("three agents that fail at one moment pause it as well", async () => {
  await using platform = await startTestPlatform();
  const { platform: open } = platform;
  const customer = await platform.customer("Acme");
  await addedRelease(open, { percent: 100 });
  const clients: { agent: TestAgent; client: ReturnType<typeof connect> }[] = [];
  for (let i = 0; i < 6; i++) {
    const agent = await activatedAgent(platform, customer);
    clients.push({ agent, client: connect(platform, agent.identity) });
  }
  const pollAll = (phase: UpdatePhase) =>
    Promise.all(clients.map(({ agent, client }) => {
      const update = { version: "0.2.0", phase, message: "", bytesDone: 0n, bytesTotal: 0n, since: undefined };
      const request = pollOf(agent, {}, { agentVersion: "0.1.0", updateTarget: "linux-x64", update });
      return call(client, { method: client.poll, request });
    }));
  await pollAll(UpdatePhase.DOWNLOADING);
  await pollAll(UpdatePhase.RETURNED);
  for (const { client } of clients) client[Symbol.dispose]();
  assert.equal((await showRelease(open, operator, { version: "0.2.0" })).row.state, "paused");
  const paused = (await auditRows(platform.queries, { limit: 100 })).filter(({ action }) => action === "releasePaused");
  assert.equal(paused.length, 1);
});

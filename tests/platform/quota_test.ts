/** An agent that sends more than it may: it is told so, the others go on, and nothing that is good is lost. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { gzipSync } from "node:zlib";
import type { ServiceError } from "@grpc/grpc-js";
import {
  Compression,
  Record as UploadedRecord,
  RecordList,
  RejectionReason,
} from "../../proto/gen/opendca/v1/batch.ts";
import { setQuota, showQuota } from "../../platform/agents/quota.ts";
import { auditRows } from "../../platform/audit/audit_log.ts";
import { unpackRecord } from "../../platform/store/stored_record.ts";
import { eachDatabase } from "../fixtures/each_database.ts";
import {
  activatedAgent,
  call,
  connect,
  reasonOf,
  startTestPlatform,
  type TestAgent,
} from "../fixtures/platform_fixture.ts";
import { batchOf, readingOf, recordOf } from "../fixtures/platform_uploads.ts";

const { TOO_LARGE, INVALID_RECORD } = RejectionReason;

function records(count: number): UploadedRecord[] {
  return Array.from(
    { length: count },
    (_, i) => recordOf(readingOf({ serial: `S${i}`, address: `10.1.${i >> 8}.${i & 255}` })),
  );
}

async function uploaded(platform: Parameters<typeof connect>[0], agent: TestAgent, sequence: number, count = 20) {
  using client = connect(platform, agent.identity);
  return await call(client, { method: client.upload, request: batchOf(agent, { sequence, records: records(count) }) });
}

eachDatabase(
  "an agent over its day is told which limit and by how much, and its batch is taken the next day",
  async () => {
    await using platform = await startTestPlatform({ quotas: { agentBytes: 8000 } });
    const customer = await platform.customer("Acme");
    const [agent, other] = [await activatedAgent(platform, customer), await activatedAgent(platform, customer)];
    const first = batchOf(agent, { sequence: 1, records: records(20) });
    const second = batchOf(agent, { sequence: 2, records: records(20) });
    using client = connect(platform, agent.identity);
    const send = (request: typeof first) => call(client, { method: client.upload, request });
    assert.equal((await send(first)).highestContiguousSequence, 1n);
    for (let i = 0; i < 5; i++) {
      const error = await send(second).then(() => assert.fail("taken"), (error: ServiceError) => error);
      assert.equal(error.metadata.get("opendca-reason")[0], "too-many-requests");
      assert.match(
        error.details,
        /^Cannot store more of this agent today: 0\.\d MiB are stored and 0\.0 MiB a day .*--agent-quota/,
      );
      const waitMs = Number(error.metadata.get("opendca-retry-after-ms")[0]);
      assert.ok(waitMs > 0 && waitMs <= 3_600_000);
    }
    assert.equal((await send(first)).highestContiguousSequence, 1n, "a repetition is answered");
    assert.equal((await uploaded(platform, other, 1)).highestContiguousSequence, 1n);
    const told = (await auditRows(platform.queries, { limit: 100 })).filter(({ action }) => action === "quotaReached");
    assert.equal(told.length, 1, "one entry, however often it tries");
    platform.clock.advance(86_400_000);
    const answer = await send(second);
    assert.deepEqual([answer.highestContiguousSequence, answer.rejections], [2n, []]);
  },
);

eachDatabase("the agents of a customer share its day, and other customers have their own", async () => {
  await using platform = await startTestPlatform({ quotas: { customerBytes: 8000 } });
  const customer = await platform.customer("Acme");
  const [one, two] = [await activatedAgent(platform, customer), await activatedAgent(platform, customer)];
  const stranger = await activatedAgent(platform, await platform.customer("Other"));
  await uploaded(platform, one, 1);
  assert.equal(await reasonOf(uploaded(platform, two, 1)), "too-many-requests");
  assert.equal(await reasonOf(uploaded(platform, stranger, 1)), "answered");
});

eachDatabase(
  "an agent and a customer may have limits of their own, which hold at once, and the default again",
  async () => {
    await using platform = await startTestPlatform({ quotas: { agentBytes: 8000 } });
    const customer = await platform.customer("Acme"), { customerId } = customer.tenant;
    const [one, two] = [await activatedAgent(platform, customer), await activatedAgent(platform, customer)];
    const by = { actor: { kind: "operator", name: "eva" } as const, tenant: customerId };
    const set = (agentId: string | undefined, quotaBytes: number | null) =>
      setQuota(platform.platform, by, { agentId, quotaBytes });
    const answers = (agent: TestAgent, sequence: number) => reasonOf(uploaded(platform, agent, sequence));
    await uploaded(platform, one, 1);
    assert.equal(await answers(one, 2), "too-many-requests");
    await set(one.agentId, 100_000_000);
    assert.equal(await answers(one, 2), "answered");
    assert.equal(await answers(two, 1), "answered");
    assert.equal(await answers(two, 2), "too-many-requests", "the other agent has the default");
    await set(undefined, 1);
    const error = await uploaded(platform, one, 3).then(() => assert.fail("taken"), (error: ServiceError) => error);
    assert.match(error.details, /of this customer today: .* or when opendca-platform customer quota raises it$/);
    await set(undefined, null);
    assert.equal(await answers(one, 3), "answered");
    await set(one.agentId, null);
    assert.equal(await answers(one, 4), "too-many-requests");
    const shown = await showQuota(platform.platform, by, { agentId: one.agentId });
    assert.deepEqual([shown.quotaBytes, shown.usedBytes > 8000], [null, true]);
    assert.ok((await showQuota(platform.platform, by, {})).usedBytes > shown.usedBytes);
    await assert.rejects(set("agt-000000000000", 1), /Cannot find the agent/);
    const told = (await auditRows(platform.queries, { limit: 100 })).filter(({ action }) => action === "quotaSet");
    assert.deepEqual(told.map(({ subject }) => subject), [one.agentId, customerId, customerId, one.agentId]);
    assert.deepEqual(JSON.parse(told.at(-1)!.detail), { from: 100_000_000, to: "default" });
  },
);

eachDatabase("a small payload does not become a large batch", async () => {
  await using platform = await startTestPlatform();
  const agent = await activatedAgent(platform, await platform.customer("Acme"));
  using client = connect(platform, agent.identity);
  const long = recordOf(readingOf({ model: "x".repeat(15_000) }));
  const list = Array.from({ length: 400 }, () => ({ ...long, recordId: crypto.randomUUID() }));
  const payload = gzipSync(Buffer.from(RecordList.encode({ records: list }).finish()));
  const request = { ...batchOf(agent, { sequence: 1, records: list }), payload, compression: Compression.GZIP };
  const { rejections } = await call(client, { method: client.upload, request });
  assert.equal(rejections[0]?.reason, TOO_LARGE);
  assert.match(rejections[0]!.message, /at most 100 times as many/);
});

eachDatabase("a text that is too long is refused with its place, and the other records are stored small", async () => {
  await using platform = await startTestPlatform();
  const agent = await activatedAgent(platform, await platform.customer("Acme"));
  using client = connect(platform, agent.identity);
  const good = recordOf(readingOf({ serial: "GOOD", model: "x".repeat(60_000) }));
  const bad = recordOf(readingOf({ serial: "BAD", model: "x".repeat(70_000) }));
  const request = batchOf(agent, { sequence: 1, records: [good, bad] });
  const { rejections } = await call(client, { method: client.upload, request });
  assert.equal(rejections[0]?.reason, INVALID_RECORD);
  assert.match(rejections[0]!.message, /reading\.model has 70000 characters, at most 65536/);
  const rows = await agent.tenant.all<{ device_id: string; record: Uint8Array }>(
    "SELECT device_id, record FROM records WHERE customer_id = :customer",
  );
  assert.equal(rows.length, 1);
  assert.ok(rows[0]!.record.length < 1000);
  assert.deepEqual(Buffer.from(unpackRecord(rows[0]!.record)), Buffer.from(UploadedRecord.encode(good).finish()));
});

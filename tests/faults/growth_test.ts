/** One agent that says as much as it can makes the store grow by no more than a bound, and all of it is counted. */
import assert from "node:assert/strict";
import { Compression, RejectionReason } from "../../proto/gen/opendca/v1/batch.ts";
import { RefusalReason, TaskResult, TaskState } from "../../proto/gen/opendca/v1/task.ts";
import { poll } from "../../platform/tasks/poll.ts";
import { upload } from "../../platform/devices/upload.ts";
import { auditRows } from "../../platform/audit/audit_log.ts";
import { usageOf } from "../../platform/agents/quota.ts";
import type { Transaction } from "../../platform/store/store.ts";
import { eachDatabase, isPostgres } from "../fixtures/each_database.ts";
import {
  activatedAgent,
  pollOf,
  startTestPlatform,
  type TestAgent,
  type TestPlatform,
} from "../fixtures/platform_fixture.ts";
import { batchOf, readingOf, recordOf } from "../fixtures/platform_uploads.ts";

const day = 86_400_000;
/* The most that docs/protocol.md says. */
const mostBytesOfPolls = 8 * 1024 * 1024;

/* Everything in it is new with each poll, and as long as the platform keeps it, in letters of three bytes. */
function greedyPoll(agent: TestAgent, i: number) {
  const long = (most: number) => `${i}`.padEnd(most, "漢");
  const results = Array.from({ length: 2 }, () =>
    TaskResult.fromPartial({
      taskId: crypto.randomUUID(),
      state: TaskState.REFUSED,
      refusal: RefusalReason.POLICY,
      message: long(1000),
      at: new Date(),
    }));
  const faults = Array.from({ length: 20 }, () => ({
    code: long(100),
    message: long(1000),
    lastAt: new Date(),
    count: 1,
  }));
  return pollOf(
    agent,
    {
      taskResults: results,
      configRefusals: Array.from({ length: 100 }, () => long(500)),
      effectiveConfigHash: long(64),
      effectiveConfig: long(2000),
    },
    {
      runId: crypto.randomUUID(),
      agentEpoch: crypto.randomUUID(),
      faults,
      ledgerHead: { number: BigInt(1_000_000 - i), hash: i.toString(16).padStart(64, "a") },
    },
  );
}

async function scene() {
  const platform = await startTestPlatform();
  const agent = await activatedAgent(platform, await platform.customer("Acme"));
  const { store } = platform.platform;
  const caller = { customerId: agent.tenant.customerId, agentId: agent.agentId };
  const counted = async () =>
    (await usageOf(agent.tenant, { agentId: agent.agentId, at: platform.clock.now() })).agentBytes;
  /* Of SQLite with its indices. A file of PostgreSQL keeps what is gone until it is vacuumed: its rows are counted. */
  const size = () =>
    store.transaction((tx) => store.engine === "sqlite" ? store.usedBytes(tx) : bytesOfRows(tx), { readOnly: true });
  return { platform, agent, caller, counted, size };
}

async function bytesOfRows(tx: Transaction): Promise<number> {
  const tables = await tx.all<{ name: string }>(
    "SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') " +
      "AND has_table_privilege(oid, 'SELECT')",
  );
  let bytes = 0;
  for (const { name } of tables) {
    const sum = await tx.get<{ bytes: number | null }>(`SELECT sum(pg_column_size(t.*)) AS bytes FROM ${name} t`);
    bytes += Number(sum?.bytes ?? 0);
  }
  return bytes;
}

/* PostgreSQL says nothing of its growth: what is written is counted, with something for heads and indices of the rows. */
function assertCounted(counted: number, grown: number): void {
  const isRight = isPostgres() ? counted >= grown && counted < mostBytesOfPolls : Math.abs(counted - grown) < 20_000;
  assert.ok(isRight, `${counted} bytes are counted of ${grown}`);
}

async function pollOften(platform: TestPlatform, { agent, from, to }: { agent: TestAgent; from: number; to: number }) {
  const caller = { customerId: agent.tenant.customerId, agentId: agent.agentId };
  for (let i = from; i < to; i++) await poll(platform.platform, caller, greedyPoll(agent, i));
}

eachDatabase("polls of one agent make the store grow by a bound a day, however many there are", async () => {
  const { platform, agent, counted, size } = await scene();
  await using _ = platform;
  // Not near midnight.
  platform.clock.advance(day - platform.clock.now().getTime() % day + 1000);
  const before = await size();
  await pollOften(platform, { agent, from: 0, to: 1200 });
  const atFirst = await size();
  await pollOften(platform, { agent, from: 1200, to: 1800 });
  const after = await size();
  assert.ok(after - before < mostBytesOfPolls, `${after - before} bytes`);
  // What comes later takes the place of what was there: 100,000 polls are as much as 1,200.
  assert.ok(after - atFirst < 300_000, `${after - atFirst} bytes more`);
  const used = await counted();
  assertCounted(used, after - before);
  platform.clock.advance(day);
  await pollOften(platform, { agent, from: 1800, to: 2400 });
  const second = await size() - after;
  assert.ok(second < mostBytesOfPolls, `${second} bytes on the second day`);
  const left = (await auditRows(platform.queries, { limit: 100_000 })).filter(({ action }) =>
    action === "entriesLeftOut"
  );
  assert.deepEqual(left.map(({ actor }) => actor).sort(), [
    `agent:${agent.agentId}`,
    `agent:${agent.agentId}`,
    "platform",
  ]);
});

eachDatabase("what batches make of devices, and batches that are rejected, count as well", async () => {
  const { platform, agent, caller, counted, size } = await scene();
  await using _ = platform;
  const name = (i: number) => `${i}`.padEnd(255, "x");
  const records = Array.from(
    { length: 500 },
    (_, i) => recordOf(readingOf({ serial: `S${i}`, model: name(i), address: `10.1.${i >> 8}.${i & 255}` })),
  );
  let before = await size();
  await upload(platform.platform, caller, batchOf(agent, { sequence: 1, records }));
  let grown = await size() - before;
  let used = await counted();
  assert.ok(grown > 500 * 1000, `${grown} bytes`);
  assertCounted(used, grown);
  before = await size();
  for (let sequence = 2; sequence < 500; sequence++) {
    const broken = { ...batchOf(agent, { sequence, records: [] }), compression: Compression.GZIP, recordCount: 1 };
    const { rejections } = await upload(platform.platform, caller, {
      ...broken,
      payload: broken.payload.subarray(0, 3),
    });
    assert.ok(rejections.some(({ reason }) => reason === RejectionReason.MALFORMED));
  }
  grown = await size() - before;
  used = await counted() - used;
  assert.ok(grown > 0);
  assertCounted(used, grown);
});

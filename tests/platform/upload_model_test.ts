/**
 * Upload against a model of ten lines, over random interleavings of two agents, two epochs each, repeated and forked
 * batches, records that come again in another batch, crashes in the middle and a store that is opened again.
 */
import { defaultQuotas } from "../../platform/agents/quota.ts";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { Batch, RecordList, RejectionReason, type UploadResponse } from "../../proto/gen/opendca/v1/batch.ts";
import { upload } from "../../platform/devices/upload.ts";
import type { Platform } from "../../platform/agents/platform.ts";
import { addAgent } from "../../platform/agents/agents.ts";
import { addSite } from "../../platform/customers/customers.ts";
import { openSqliteStore } from "../../platform/store/sqlite/sqlite_store.ts";
import { parseDatabaseUrl } from "../../platform/store/postgres/database_url.ts";
import { openPostgresStore } from "../../platform/store/postgres/postgres_store.ts";
import { eachDatabase, isPostgres, maybeTestDatabase } from "../fixtures/each_database.ts";
import { addTestCustomer, looseQueries } from "../fixtures/loose_queries.ts";
import { readingOf, recordOf } from "../fixtures/platform_uploads.ts";
import type { TestDatabase } from "../fixtures/postgres_server.ts";

const at = new Date("2026-03-02T08:00:00Z");

interface Step {
  agent: number;
  epoch: number;
  sequence: number;
  /** Another one is another content under the same sequence. */
  variant: number;
  /** The clock is asked so many times, then the process is gone. */
  diesAfter: number | undefined;
  reopens: boolean;
}

const step: fc.Arbitrary<Step> = fc.record({
  agent: fc.integer({ min: 0, max: 1 }),
  epoch: fc.integer({ min: 0, max: 1 }),
  sequence: fc.integer({ min: 1, max: 4 }),
  variant: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constant(1) }),
  diesAfter: fc.option(fc.integer({ min: 0, max: 6 }), { nil: undefined, freq: 4 }),
  reopens: fc.boolean(),
});

/* Neighbouring batches share a record, and a batch may hold one twice. */
function recordsOf({ sequence, variant }: Step): number[] {
  return [sequence, sequence + 1, sequence + variant * 3, sequence * 2];
}

function idOf(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;
}

function batchOf(of: Step): Batch {
  const records = recordsOf(of).map((number) =>
    recordOf(readingOf({ serial: `SER1000${number}`, observedAt: at }), { recordId: idOf(number) })
  );
  return Batch.fromPartial({
    batchId: idOf(1000 + of.agent * 100 + of.epoch * 50 + of.sequence * 4 + of.variant),
    sequence: BigInt(of.sequence),
    agentEpoch: `epoch-${of.epoch}`,
    payload: Buffer.from(RecordList.encode(RecordList.fromPartial({ records })).finish()),
    recordCount: records.length,
    installationId: idOf(0),
    runId: idOf(0),
  });
}

class Model {
  batches = new Map<string, number>();
  records = new Set<string>();

  upload({ agent, epoch, sequence, variant, ...rest }: Step): { contiguous: number; isFork: boolean } {
    const key = (sequence: number) => `${agent} ${epoch} ${sequence}`;
    const stored = this.batches.get(key(sequence));
    if (stored === undefined) {
      this.batches.set(key(sequence), variant);
      for (const number of recordsOf({ agent, epoch, sequence, variant, ...rest })) {
        this.records.add(`${agent} ${number}`);
      }
    }
    let contiguous = 0;
    while (this.batches.has(key(contiguous + 1))) contiguous += 1;
    return { contiguous, isFork: stored !== undefined && stored !== variant };
  }
}

/** Two agents of one customer in a store of a folder, or of a database where there is one. */
async function startBench(folder: string, database: TestDatabase | undefined) {
  const open = async () =>
    database === undefined
      ? openSqliteStore(`${folder}/platform.db`)
      : await openPostgresStore(parseDatabaseUrl(database.url));
  let store = await open();
  const { customer_id: customerId } = await addTestCustomer(looseQueries(store), { name: "Acme", at });
  const tenant = looseQueries(store).tenant(customerId);
  const { site_id: siteId } = await addSite(tenant, { name: "Berlin", at });
  const agent = { siteId, installationId: idOf(0), hostname: "", version: "", at };
  const agentIds = [await addAgent(tenant, agent), await addAgent(tenant, agent)];

  async function run(of: Step): Promise<UploadResponse | "died"> {
    let left = of.diesAfter ?? Infinity;
    const now = () => {
      if (left-- <= 0) throw new Error("died");
      return at;
    };
    const quotas = defaultQuotas;
    const platform = { store, quotas, clock: { now, monotonicMs: () => 0 }, log() {} } as unknown as Platform;
    try {
      return await upload(platform, { customerId, agentId: agentIds[of.agent]! }, batchOf(of));
    } catch (error) {
      assert.equal((error as Error).message, "died");
      return "died";
    }
  }

  return {
    run,
    async reopen() {
      await store[Symbol.asyncDispose]();
      store = await open();
    },
    async stored() {
      const rows = await looseQueries(store).all<{ agent_id: string; record_id: string }>(
        "SELECT agent_id, record_id FROM records",
      );
      return rows.map(({ agent_id, record_id }) => `${agentIds.indexOf(agent_id)} ${Number(record_id.slice(-12))}`)
        .sort();
    },
    async devices() {
      const rows = await looseQueries(store).all<{ serial: string }>("SELECT serial FROM devices");
      return rows.map(({ serial }) => serial);
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

eachDatabase("Upload stores what the model stores, whatever comes in whichever order", async () => {
  // Each run in PostgreSQL takes a second.
  const numRuns = isPostgres() ? 12 : 80;
  let deaths = 0;
  let forks = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
      const folder = Deno.makeTempDirSync();
      try {
        await using database = await maybeTestDatabase();
        await using bench = await startBench(folder, database);
        const model = new Model();
        for (const of of steps) {
          const answer = await bench.run(of);
          if (of.reopens) await bench.reopen();
          if (answer === "died") {
            deaths += 1;
          } else {
            const { contiguous, isFork } = model.upload(of);
            const told = answer.rejections.some(({ reason }) => reason === RejectionReason.SEQUENCE_FORK);
            forks += isFork ? 1 : 0;
            assert.deepEqual([Number(answer.highestContiguousSequence), told], [contiguous, isFork]);
          }
          assert.deepEqual(await bench.stored(), [...model.records].sort());
        }
        const devices = await bench.devices();
        assert.equal(new Set(devices).size, devices.length, "one device a serial number");
      } finally {
        Deno.removeSync(folder, { recursive: true });
      }
    }),
    { numRuns },
  );
  if (!isPostgres()) assert.ok(deaths > 0 && forks > 0, `the steps hold crashes and forks: ${deaths} and ${forks}`);
});

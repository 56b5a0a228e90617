/**
 * A batch is read for and written as a whole. Whatever it holds, in whichever order, the store is to be as if each of its
 * records had come in a batch of its own.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { addAgent } from "../../platform/agents/agents.ts";
import type { Platform } from "../../platform/agents/platform.ts";
import { defaultQuotas } from "../../platform/agents/quota.ts";
import { addSite } from "../../platform/customers/customers.ts";
import { upload } from "../../platform/devices/upload.ts";
import type { Store } from "../../platform/store/store.ts";
import {
  Batch,
  DeviceEventKind,
  ReadingScope,
  Record as UploadedRecord,
  RecordList,
} from "../../proto/gen/opendca/v1/batch.ts";
import { AlertSeverity, LevelKind } from "../../proto/gen/opendca/v1/reading.ts";
import { eachDatabase, isPostgres, openTestStore } from "../fixtures/each_database.ts";
import { addTestCustomer } from "../fixtures/loose_queries.ts";

const now = Date.parse("2026-03-02T00:30:00Z");
const minute = 60_000, hour = 60 * minute;

const some = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 2 });
/* Few of each, so that readings meet; many at one moment, and around midnight. */
const time = fc.constantFrom(0, 0, 0, 1, minute, 25 * minute, hour, 30 * hour).map((ago) => new Date(now - ago));
const key = fc.constantFrom("", "", "k1", "k2", "k3");
const evidence = {
  serial: some(fc.constantFrom("SERIAL-1A", "SERIAL-2B", "CARD-77X")),
  model: some(fc.constantFrom("P1", "Net 77")),
  mac: some(fc.constantFrom("00:1b:a9:00:00:01", "00:1b:a9:00:00:02")),
  engineId: some(fc.constantFrom("8000000001", "8000000002")),
};
const problem = fc.constantFrom({ code: "silent", message: "" }, { code: "metersDisagree", message: "" });
const alert = fc.constantFrom(
  { severity: AlertSeverity.CRITICAL, code: 8, group: "mediaPath", description: "Paper jam" },
  { severity: AlertSeverity.WARNING, code: undefined, group: "cover", description: "Door open" },
);
const meter = fc.record({
  name: fc.constantFrom("total", "print.color"),
  value: fc.constantFrom(1, 2, 3),
  unit: fc.constantFrom("impressions", "sheets"),
});
const supply = fc.record({ index: fc.constantFrom("1.1", "1.2"), percent: some(fc.constantFrom(5, 50)) });

const reading = fc.record({
  ...evidence,
  address: fc.constantFrom("10.1.0.7", "10.1.0.7", "10.1.0.8", "2001:db8::7", ""),
  meters: fc.array(meter, { maxLength: 3 }),
  supplies: fc.array(supply, { maxLength: 2 }),
  alerts: fc.array(alert, { maxLength: 2 }),
  problems: fc.array(problem, { maxLength: 1 }),
  hostname: some(fc.constantFrom("a", "b")),
}).map(({ engineId, supplies, ...rest }) => ({
  $case: "reading" as const,
  value: {
    ...rest,
    port: 161,
    snmp: { engineId },
    supplies: supplies.map(({ index, percent }) => ({
      index,
      level: { kind: percent === undefined ? LevelKind.SOME : LevelKind.EXACT, percent },
    })),
  },
}));
const event = fc.record({
  kind: fc.constantFrom(DeviceEventKind.OFFLINE, DeviceEventKind.MERGED),
  mergedDeviceKey: some(key),
  evidence: some(fc.record({ serial: evidence.serial, engineId: evidence.engineId, model: evidence.model })),
}).map((value) => ({ $case: "deviceEvent" as const, value: { ...value, address: "10.1.0.7", message: "" } }));

const record = fc.record({
  id: fc.nat(60),
  observedAt: time,
  site: fc.constantFrom("office", "office", "warehouse"),
  deviceKey: key,
  scope: fc.constantFrom(ReadingScope.FULL, ReadingScope.FULL, ReadingScope.STATUS),
  content: fc.oneof({ weight: 6, arbitrary: reading }, { weight: 1, arbitrary: event }),
});
type Made = typeof record extends fc.Arbitrary<infer T> ? T : never;
const batches = fc.array(
  fc.record({ agent: fc.nat(1), records: fc.array(record, { minLength: 1, maxLength: 12 }) }),
  { minLength: 1, maxLength: 4 },
);

function idOf(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;
}

/* A device has the same id in both ways. */
async function withSameIds<T>(work: () => Promise<T>): Promise<T> {
  const { getRandomValues } = crypto;
  let seed = 1;
  crypto.getRandomValues = (array) => {
    const bytes = array as unknown as Uint8Array;
    for (let i = 0; i < bytes.length; i++) bytes[i] = (seed = seed * 48271 % 0x7fffffff) >> 8;
    return array;
  };
  try {
    return await work();
  } finally {
    crypto.getRandomValues = getRandomValues;
  }
}

const tables = {
  devices: "device_id",
  device_evidence: "kind, value, device_id",
  device_places: "scope, place, device_id",
  device_history: "rowid",
  device_state: "device_id",
  samples: "device_id, kind, name, observed_at, origin",
  alerts: "device_id, alert_key, first_seen_at, origin",
  records: "agent_id, record_id",
};

/** Everything that a new customer has after two agents of it have sent these. */
async function stored(store: Store, sent: { agent: number; records: Made[] }[]): Promise<Record<string, object[]>> {
  const at = new Date(now);
  const name = crypto.randomUUID();
  const customerId = await store.transaction(async (tx) => (await addTestCustomer(tx, { name, at })).customer_id);
  return await withSameIds(async () => {
    const agentIds = await store.transaction(async (tx) => {
      const tenant = tx.tenant(customerId);
      const { site_id: siteId } = await addSite(tenant, { name: "Berlin", at });
      const agent = { siteId, installationId: idOf(0), hostname: "", version: "", at };
      return [await addAgent(tenant, agent), await addAgent(tenant, agent)];
    });
    const clock = { now: () => at, monotonicMs: () => 0 };
    const platform = { store, quotas: defaultQuotas, clock, log() {} } as unknown as Platform;
    for (const [i, { agent, records }] of sent.entries()) {
      const list = records.map(({ id, ...rest }) => UploadedRecord.fromPartial({ recordId: idOf(id), ...rest }));
      const batch = Batch.fromPartial({
        batchId: idOf(i),
        sequence: BigInt(i + 1),
        agentEpoch: "epoch",
        payload: Buffer.from(RecordList.encode(RecordList.fromPartial({ records: list })).finish()),
        recordCount: list.length,
        installationId: idOf(0),
        runId: idOf(agent),
      });
      await upload(platform, { customerId, agentId: agentIds[agent]! }, batch);
    }
    return await store.transaction(async (tx) => {
      const rows: Record<string, object[]> = {};
      for (const [table, order] of Object.entries(tables)) {
        const found = await tx.tenant(customerId).all<{ customer_id: string; rowid?: number }>(
          `SELECT * FROM ${table} WHERE customer_id = :customer ORDER BY ${order}`,
        );
        rows[table] = found.map(({ customer_id: _, rowid: __, ...row }) => row);
      }
      return rows;
    }, { readOnly: true });
  });
}

eachDatabase("a batch leaves in the store what its records would leave one by one", async () => {
  const seen = { merged: 0, late: 0, sameMoment: 0, again: 0 };
  await using store = await openTestStore();
  await fc.assert(
    fc.asyncProperty(batches, async (sent) => {
      const whole = await stored(store, sent);
      const single = await stored(
        store,
        sent.flatMap(({ agent, records }) => records.map((record) => ({ agent, records: [record] }))),
      );
      assert.deepEqual(whole, single);
      seen.merged += whole.device_history!.filter((row) => (row as { kind: string }).kind === "merged").length;
      seen.sameMoment += whole.samples!.length > 1 ? 1 : 0;
    }),
    { numRuns: isPostgres() ? 8 : 40 },
  );
  if (!isPostgres()) assert.ok(seen.merged > 0 && seen.sameMoment > 0, JSON.stringify(seen));
});

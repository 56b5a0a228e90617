/** What is asked of the store for each reading must not grow with the fleet. */
import assert from "node:assert/strict";
import { noteEarlierSight } from "../../devices/devices.ts";
import { KnownDevices } from "../../devices/known_devices.ts";
import { knownRecords } from "../../devices/readings.ts";
import { addSamples } from "../../devices/samples.ts";
import type { Parameters, Tenant } from "../store.ts";
import { openSqliteStore } from "./sqlite_store.ts";

const sample = { kind: "meter", name: "total", value: 1, unit: "", level: "" } as const;
const cases: { name: string; ask: (tenant: Tenant) => Promise<unknown>; by: RegExp[] }[] = [
  {
    name: "KnownDevices.load()",
    ask: (tenant) =>
      KnownDevices.load(tenant, {
        evidence: [{ kind: "mac", value: "02:00:5e:10:20:30" }],
        places: [{ scope: "agent agt-1", place: "10.1.0.7 161 0" }],
        deviceIds: ["dev-1"],
      }),
    by: [/kind=\? AND value=\?/, /scope=\? AND place=\?/, ...Array(5).fill(/customer_id=\? AND device_id=\?/)],
  },
  {
    name: "noteEarlierSight()",
    ask: (tenant) => noteEarlierSight(tenant, { deviceId: "dev-1", at: new Date(0) }),
    by: [/device_id=\?/],
  },
  {
    name: "knownRecords()",
    ask: (tenant) => knownRecords(tenant, { agentId: "agt-1", recordIds: ["r"] }),
    by: [/agent_id=\? AND record_id=\?/],
  },
  {
    name: "addSamples() of a late reading",
    ask: (tenant) => addSamples(tenant, [{ deviceId: "dev-1", at: 1, isLate: true, samples: [sample] }]),
    by: [/device_id=\? AND kind=\? AND name=\? AND observed_at>\?/],
  },
];

for (const { name, ask, by } of cases) {
  Deno.test(`${name} is answered by an index, not by a walk through what the customer has`, async () => {
    await using store = openSqliteStore(":memory:");
    const plans: string[] = [];
    await store.transaction(async (tx) => {
      const explain = async (sql: string, parameters: Parameters = {}) => {
        const values = { ...parameters, customer: "cus-1" };
        const rows = await tx.all<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`, values);
        plans.push(...rows.map(({ detail }) => detail).filter((detail) => /SCAN|SEARCH|TEMP/.test(detail)));
      };
      await ask({
        customerId: "cus-1",
        transaction: tx,
        all: (sql, parameters) => explain(sql, parameters).then(() => []),
        get: (sql, parameters) => explain(sql, parameters).then(() => undefined),
        run: (sql, parameters) => explain(sql, parameters).then(() => 0),
        allOf: (sql, [each]) => explain(sql, each).then(() => []),
        insertMany: () => Promise.resolve(),
        updateMany: () => Promise.resolve(),
      });
    });
    assert.equal(plans.length, by.length);
    for (const [i, plan] of plans.entries()) assert.match(plan, by[i]!);
  });
}

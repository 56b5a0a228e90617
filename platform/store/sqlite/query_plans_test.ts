/** What is asked of the store for each reading must not grow with the fleet. */
import assert from "node:assert/strict";
import {
  allEvidenceOf,
  evidenceHolders,
  maybeDevice,
  noteEarlierSight,
  placeHolders,
  placesOf,
} from "../../devices/devices.ts";
import { hasRecord } from "../../devices/readings.ts";
import type { Parameters, Tenant } from "../store.ts";
import { openSqliteStore } from "./sqlite_store.ts";

const device = { deviceId: "dev-1", at: new Date(0) };
const evidence = { kind: "mac", value: "02:00:5e:10:20:30" };
const cases: { name: string; ask: (tenant: Tenant) => Promise<unknown>; by: RegExp }[] = [
  { name: "allEvidenceOf()", ask: (tenant) => allEvidenceOf(tenant, "dev-1"), by: /customer_id=\? AND device_id=\?/ },
  { name: "evidenceHolders()", ask: (tenant) => evidenceHolders(tenant, evidence), by: /kind=\? AND value=\?/ },
  { name: "maybeDevice()", ask: (tenant) => maybeDevice(tenant, "dev-1"), by: /device_id=\?/ },
  { name: "noteEarlierSight()", ask: (tenant) => noteEarlierSight(tenant, device), by: /device_id=\?/ },
  {
    name: "placeHolders()",
    ask: (tenant) => placeHolders(tenant, { scope: "agent agt-1", place: "10.1.0.7 161 0" }),
    by: /customer_id=\? AND scope=\? AND place=\?/,
  },
  {
    name: "placesOf()",
    ask: (tenant) => placesOf(tenant, { scope: "agent agt-1", deviceId: "dev-1" }),
    by: /customer_id=\? AND device_id=\? AND scope=\?/,
  },
  {
    name: "hasRecord()",
    ask: (tenant) => hasRecord(tenant, { agentId: "agt-1", recordId: "r" }),
    by: /agent_id=\? AND record_id=\?/,
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
        plans.push(...rows.map(({ detail }) => detail).filter((detail) => /SCAN|SEARCH/.test(detail)));
      };
      await ask({
        customerId: "cus-1",
        transaction: tx,
        all: (sql, parameters) => explain(sql, parameters).then(() => []),
        get: (sql, parameters) => explain(sql, parameters).then(() => undefined),
        run: (sql, parameters) => explain(sql, parameters).then(() => 0),
      });
    });
    assert.equal(plans.length, 1);
    assert.match(plans[0]!, by);
  });
}

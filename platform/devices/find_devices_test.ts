import assert from "node:assert/strict";
import { deviceScene } from "../../tests/platform/device_changes_fixture.ts";
import { eachDatabase, inPostgres } from "../../tests/fixtures/each_database.ts";
import type { Platform } from "../agents/platform.ts";
import type { Parameters, Transaction } from "../store/store.ts";
import { findDevices } from "./find_devices.ts";

const by = { actor: { kind: "operator" as const, name: "eva" } };

async function found(): Promise<
  { asked: [sql: string, parameters: Parameters][]; plan(): Promise<string[]> } & AsyncDisposable
> {
  const scene = await deviceScene();
  await scene.upload({ serial: "SER1", address: "10.0.0.1" });
  const { dealer_id: dealerId } =
    (await scene.store.transaction((tx) => tx.get<{ dealer_id: string }>("SELECT dealer_id FROM customers LIMIT 1")))!;
  const asked: [string, Parameters][] = [];
  const store = {
    transaction: (work: (tx: Transaction) => Promise<unknown>, options: object) =>
      scene.store.transaction((tx) => {
        const all = (sql: string, parameters: Parameters = {}) => {
          asked.push([sql, parameters]);
          return tx.all(sql, parameters);
        };
        return work({ ...tx, engine: tx.engine, all } as Transaction);
      }, options),
  };
  const platform = { ...scene.platform, store } as unknown as Platform;
  const within = [{ customerId: scene.tenant.customerId, sites: "all" as const }];
  const rows = await findDevices(platform, by, { dealerId, text: "sEr", within, limit: 10 });
  assert.deepEqual(rows.map(({ serial }) => serial), ["SER1"]);
  return {
    asked,
    plan: () =>
      scene.store.transaction(async (tx) => {
        // So many that it matters which index is taken.
        await tx.run(
          `INSERT INTO devices (customer_id, device_id, agent_id, network, serial, address, state, first_seen_at, last_seen_at)
           SELECT customer_id, device_id || n, agent_id, network, serial || n, address || n, state, 0, 0
           FROM devices, generate_series(1, 3000) n`,
        );
        const [sql, parameters] = asked.at(-1)!;
        const lines = await tx.all<{ "QUERY PLAN": string }>(`EXPLAIN ${sql}`, parameters);
        return lines.map((line) => line["QUERY PLAN"]).filter((line) => line.includes("Index Cond"));
      }),
    [Symbol.asyncDispose]: () => scene[Symbol.asyncDispose](),
  };
}

eachDatabase("a device is found by the beginning of its serial number in any case", async () => {
  await using _ = await found();
});

inPostgres("row-level security lets indices be searched by serial number, host name and address", async () => {
  await using scene = await found();
  const conditions = await scene.plan();
  for (const name of ["serial_lower", "hostname_lower", "address"]) {
    assert.ok(conditions.some((line) => line.includes(`${name} >= `)), `${name}: ${conditions.join("\n")}`);
  }
});

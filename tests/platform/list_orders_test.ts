/** Orders of lists by what is beside the last state of devices, and groups of alerts: by indices, and as the whole list. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { exportAlertGroups } from "../../platform/alerts/list_alerts.ts";
import type { Platform } from "../../platform/agents/platform.ts";
import { agentCounts, orderedIds, type RowFilters } from "../../platform/devices/listed_devices.ts";
import { pageOfIds } from "../../platform/devices/page_of_devices.ts";
import { groupsOf } from "../../platform/devices/device_groups.ts";
import { statedRowsOf } from "../../platform/devices/list_devices.ts";
import { parseDatabaseUrl } from "../../platform/store/postgres/database_url.ts";
import { openPostgresStore } from "../../platform/store/postgres/postgres_store.ts";
import { openSqliteStore } from "../../platform/store/sqlite/sqlite_store.ts";
import type { Parameters, Store, Tenant } from "../../platform/store/store.ts";
import { allPages } from "../fixtures/all_pages.ts";
import { eachDatabase, inPostgres, maybeTestDatabase } from "../fixtures/each_database.ts";
import { withKnown } from "../fixtures/known_devices.ts";
import { type DeviceScene, deviceScene } from "./device_changes_fixture.ts";

/* Undefined: never read. */
type Read = { total: number | null; low: number } | undefined;

async function withDevices({ store, by, agentIds, now }: DeviceScene, reads: readonly Read[]): Promise<string[]> {
  const at = now();
  return await store.transaction((tx) =>
    withKnown(tx.tenant(by.tenant), {}, (known) =>
      reads.map((read, i) => {
        const names = { serial: null, manufacturer: null, model: i % 2 === 0 ? "LX" : null, hostname: null };
        const facts = { agent_id: agentIds[i % 2]!, network: "n", address: `10.1.0.${i}`, state: "idle", ...names };
        const id = known.addDevice({ facts: { ...facts, firmware: null, location: null }, at: new Date(at) });
        if (read !== undefined) {
          known.setState(id, {
            agent_id: agentIds[i % 2]!,
            observed_at: at,
            received_at: at,
            time_basis: "agent",
            scope: "full",
            record: new Uint8Array([0]),
            full_at: at,
            no_meters: read.total === null ? "none" : null,
            meters: null,
            meters_at: null,
            supplies: null,
            supplies_at: null,
            trays: null,
            trays_at: null,
            ...read,
          });
        }
        return id;
      }))
  );
}

const read = fc.option(
  fc.record({ total: fc.option(fc.constantFrom(0, 7, 7.5, 1000, 20_000_000)), low: fc.nat(2) }),
  { nil: undefined },
);

eachDatabase("devices by pages or by low supplies have pages in both directions as the whole order is", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(read, { maxLength: 25 }),
      fc.constantFrom("pages" as const, "low" as const),
      fc.boolean(),
      fc.constantFrom<RowFilters>({}, { model: "LX" }, { low: true }, { ids: [] }, { search: ["10.1.0.1"] }),
      fc.integer({ min: 1, max: 9 }),
      async (reads, key, isDescending, filters, limit) => {
        await using scene = await deviceScene();
        const ids = await withDevices(scene, reads), order = { by: key, isDescending };
        await scene.store.transaction(async (tx) => {
          const tenant = tx.tenant(scene.by.tenant);
          const value = (i: number) => key === "pages" ? reads[i]?.total : reads[i]?.low;
          const naive = ids.map((id, i) => ({ id, value: value(i) ?? null })).sort((a, b) =>
            a.value === null || b.value === null
              ? Number(a.value === null) - Number(b.value === null) || (a.id < b.id ? -1 : 1)
              : (a.value - b.value) * (isDescending ? -1 : 1) || (a.id < b.id ? -1 : 1)
          ).map(({ id }) => id);
          const whole = await orderedIds(tenant, filters, order);
          assert.deepEqual(whole, naive.filter((id) => whole.includes(id)));
          if (Object.keys(filters).length === 0) assert.deepEqual(whole, naive);
          const agents = await agentCounts(tenant, filters, { silentSince: new Date(0) });
          for (const isBackwards of [false, true]) {
            const paged = await allPages((wish) => pageOfIds(tenant, filters, { ...wish, order, agents }), {
              limit,
              isBackwards,
            });
            assert.deepEqual(paged, whole);
          }
        }, { readOnly: true });
      },
    ),
    { numRuns: 12 },
  );
});

/** What SQLite says of each statement that is asked of a customer, as it is asked. */
function explaining(tenant: Tenant, plans: string[]): Tenant {
  const noted = async (sql: string, parameters: Parameters = {}) => {
    const rows = await tenant.all<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`, parameters);
    plans.push(rows.map(({ detail }) => detail).join("\n"));
  };
  return {
    ...tenant,
    all: (sql, parameters) => noted(sql, parameters).then(() => tenant.all(sql, parameters)),
    get: (sql, parameters) => noted(sql, parameters).then(() => tenant.get(sql, parameters)),
  };
}

Deno.test("a page of devices by pages is read along an index, wherever it is, and no state is read but its own", async () => {
  await using scene = await deviceScene("Acme", openSqliteStore(":memory:"));
  await withDevices(
    scene,
    Array.from({ length: 60 }, (_, i) => i % 6 === 5 ? { total: null, low: 0 } : { total: i, low: 0 }),
  );
  await scene.store.transaction(async (tx) => {
    const tenant = tx.tenant(scene.by.tenant), order = { by: "pages", isDescending: true } as const;
    const places = [undefined, { after: [0, 30, "x"] }, { before: [0, 30, "x"] }, "end", {
      after: [1, null, "a"],
    }] as const;
    for (const place of places) {
      const plans: string[] = [];
      const { rows } = await pageOfIds(explaining(tenant, plans), {}, { place, limit: 9, order, agents: [] });
      assert.equal(rows.length, 9);
      assert(plans.length > 0);
      for (const plan of plans) {
        assert.doesNotMatch(plan, /SCAN (?!CONSTANT)/, plan);
        assert.doesNotMatch(plan, /USE TEMP B-TREE FOR ORDER BY/, plan);
      }
      assert(plans.some((plan) => plan.includes("device_state_by_total")), plans.join("\n\n"));
    }
  }, { readOnly: true });
  await scene.store[Symbol.asyncDispose]();
});

inPostgres("a page of 50 devices reads the states of these alone, of 5,000", async () => {
  await using database = (await maybeTestDatabase())!;
  await using store = await openPostgresStore(parseDatabaseUrl(database.url));
  await using scene = await deviceScene("Acme", store);
  await withDevices(scene, [{ total: 7, low: 0 }]);
  const copied = (table: string, columns: string) =>
    database.sql(
      `INSERT INTO ${table} (${columns}) SELECT ${
        columns.replace("device_id", "device_id || n").replace("low", "n % 100")
      }
       FROM ${table}, generate_series(1, 4999) n`,
    );
  await copied("devices", "customer_id, device_id, agent_id, network, address, state, first_seen_at, last_seen_at");
  await copied(
    "device_state",
    "customer_id, device_id, agent_id, observed_at, received_at, time_basis, scope, record, full_at, total, low",
  );
  await database.sql("ANALYZE");
  const readRows = async () => {
    const [row] = await database.sql(
      "SELECT seq_tup_read + idx_tup_fetch AS n FROM pg_stat_user_tables WHERE relname = 'device_state'",
    );
    return Number(row!.n);
  };
  const byLow = { by: "low", isDescending: true } as const,
    bySerial = { by: "serial", isDescending: false } as const;
  const wishes = [
    {},
    { place: "end" },
    { order: byLow },
    { order: byLow, place: { after: [0, 50, "x"] } },
    { order: byLow, place: { before: [0, 50, "x"] } },
    { order: bySerial },
  ] as const;
  for (const wish of wishes) {
    const before = await readRows();
    await store.transaction(async (tx) => {
      const tenant = tx.tenant(scene.by.tenant), groups = await groupsOf(tenant);
      const agents = await agentCounts(tenant, { groups }, { silentSince: new Date(0) });
      const { rows } = await pageOfIds(tenant, { groups }, { ...wish, limit: 50, agents });
      const stated = await statedRowsOf(tenant, groups, rows);
      assert.deepEqual(stated.map(({ row, state }) => [row.device_id, state?.scope]), rows.map((id) => [id, "full"]));
      assert.equal(rows.length, 50);
      // What it has read is told at the end of the transaction, and not after some seconds.
      await tx.get("SELECT pg_stat_force_next_flush()");
    }, { readOnly: true });
    const read = await readRows() - before;
    assert(read >= 50 && read <= 250, `${JSON.stringify(wish)}: ${read} rows`);
  }
});

Deno.test("a lot of alert groups for a file looks at its own alerts alone", async () => {
  await using scene = await deviceScene("Acme", openSqliteStore(":memory:"));
  const { by, agentIds: [agent = ""], tenant } = scene;
  const alerts = 1000;
  for (let i = 0; i < alerts; i++) {
    await tenant.run(
      `INSERT INTO raised_alerts (customer_id, alert_id, kind, device_id, agent_id, alert_key, alert_group, severity,
         description, detail, began_at, raised_at, cause_id)
       VALUES (:customer, :key, :kind, '', :agent, :key, :group, 'warning', '', '{}', 0, 0, :cause)`,
      {
        key: String(i),
        kind: i === 0 ? "agentSilent" : "printer",
        agent,
        group: `g${i}`,
        cause: i > 900 ? "0" : null,
      },
    );
  }
  const plans: string[] = [];
  const store: Store = {
    ...scene.store,
    transaction: (work, options) =>
      scene.store.transaction(
        (tx) => work({ ...tx, tenant: (id) => explaining(tx.tenant(id), plans) }),
        options,
      ),
  };
  const groups = (await Array.fromAsync(exportAlertGroups({ ...scene.platform, store } as Platform, by, {}))).flat();
  assert.equal(groups.length, 901);
  assert.equal(groups.find(({ kind }) => kind === "agentSilent")!.explains, 99);
  // The first one groups all of them; each of the others is of one lot.
  assert.equal(plans.length, 1 + Math.ceil(901 / 200));
  for (const plan of plans.slice(1)) {
    assert.match(plan, /SEARCH r USING INDEX raised_alerts_by_group \(customer_id=\? AND kind=\? AND alert_group=\?\)/);
    assert.match(plan, /SEARCH e USING COVERING INDEX raised_alerts_by_cause \(customer_id=\? AND cause_id=\?/);
    assert.doesNotMatch(plan, /SCAN r/);
  }
  await scene.store[Symbol.asyncDispose]();
});

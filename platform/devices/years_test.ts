/** What lasts of a reading: the latest state, samples and alerts; and for how long what is kept. On both databases. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { Record as UploadedRecord } from "../../proto/gen/opendca/v1/batch.ts";
import { AlertSeverity, LevelKind, Reading } from "../../proto/gen/opendca/v1/reading.ts";
import { eachDatabase, openTestStore } from "../../tests/fixtures/each_database.ts";
import { addDevice, addRecord, keepOneReading } from "../../tests/fixtures/known_devices.ts";
import { addTestCustomer, looseTenant } from "../../tests/fixtures/loose_queries.ts";
import { readingOf, recordOf } from "../../tests/fixtures/platform_uploads.ts";
import { addAgent } from "../agents/agents.ts";
import { addSite } from "../customers/customers.ts";
import { readingsBefore } from "../store/device_tables.ts";
import { migrations } from "../store/migrations.ts";
import { openSqliteStore } from "../store/sqlite/sqlite_store.ts";
import type { Store, Tenant } from "../store/store.ts";
import { openAlerts } from "./alerts.ts";
import { maybeDeviceState, suppliesOf } from "./device_state.ts";
import { mergeDevices } from "./devices.ts";
import { type RowFilters, statedRows } from "./listed_devices.ts";
import { moveReadings } from "./move_readings.ts";
import { countRecords } from "./readings.ts";
import { defaultRetention, dropOld } from "./retention.ts";
import { latestMeters, meterHistoryRows, periodRows } from "./samples.ts";

const minute = 60_000, hour = 60 * minute, day = 24 * hour;
const noon = Date.parse("2026-03-02T12:00:00Z");

interface Scene extends AsyncDisposable {
  store: Store;
  tenant: Tenant;
  device(): Promise<string>;
  read(
    deviceId: string,
    atMs: number,
    parts: Parameters<typeof Reading.fromPartial>[0],
    scope?: "status",
  ): Promise<void>;
}

async function scene(): Promise<Scene> {
  const store = await openTestStore();
  const at = new Date(noon);
  const { customerId, agentId } = await store.transaction(async (tx) => {
    const { customer_id: customerId } = await addTestCustomer(tx, { name: "Acme", at });
    const tenant = tx.tenant(customerId);
    const { site_id: siteId } = await addSite(tenant, { name: "Berlin", at });
    const agentId = await addAgent(tenant, { siteId, installationId: "i", hostname: "h", version: "1", at });
    return { customerId, agentId };
  });
  const tenant = looseTenant(store, customerId);
  return {
    store,
    tenant,
    device: () =>
      addDevice(tenant, {
        facts: {
          agent_id: agentId,
          network: "office",
          serial: null,
          manufacturer: null,
          model: null,
          hostname: null,
          firmware: null,
          location: null,
          address: "10.1.0.7",
          state: "idle",
        },
        at,
      }),
    async read(deviceId, atMs, parts, scope) {
      const observedAt = new Date(atMs);
      const time = { observedAt, receivedAt: observedAt, basis: "agent" as const };
      const stored = new Uint8Array([1]);
      await keepOneReading(tenant, {
        deviceId,
        agentId,
        ...time,
        scope: scope ?? "full",
        reading: Reading.fromPartial(parts),
        stored,
      });
      const recordId = crypto.randomUUID();
      await addRecord(tenant, { agentId, recordId, deviceId, ...time, agentAt: observedAt, kind: "reading", stored });
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

const total = (value: number) => ({ meters: [{ name: "total", value, unit: "impressions" }] });
const toner = (percent: number) => ({
  supplies: [{ index: "1.1", kind: "toner", colorant: "black", level: { kind: LevelKind.EXACT, percent } }],
});
const jam = { severity: AlertSeverity.CRITICAL, code: 8, group: "mediaPath", description: "Paper jam" };

eachDatabase("a meter is a sample when it changes and once a day, a decrease included", async () => {
  await using s = await scene();
  const id = await s.device();
  const read: [at: number, value: number][] = [
    [0, 100],
    [5 * minute, 100],
    [hour, 101],
    [2 * hour, 3],
    [11 * hour, 3],
    // Midnight has passed.
    [13 * hour, 3],
    [14 * hour, 3],
  ];
  for (const [at, value] of read) await s.read(id, noon + at, total(value));
  const history = await meterHistoryRows(s.tenant, { deviceId: id, name: "total", limit: 99 });
  assert.deepEqual(history.map(({ observed_at, value }) => [(observed_at - noon) / hour, value]), [
    [13, 3],
    [2, 3],
    [1, 101],
    [0, 100],
  ]);
  // The time at which it was last read, not that of the last sample.
  assert.equal((await latestMeters(s.tenant, id))[0]!.observed_at, noon + 14 * hour);
});

eachDatabase("a late reading adds samples and changes neither the latest state nor alerts", async () => {
  await using s = await scene();
  const id = await s.device();
  await s.read(id, noon, { ...total(500), ...toner(10) });
  await s.read(id, noon - 2 * hour, { ...total(400), ...toner(90), alerts: [jam] });
  await s.read(id, noon - 2 * hour, total(400));
  await s.read(id, noon - hour, total(400));
  const state = (await maybeDeviceState(s.tenant, id))!;
  assert.deepEqual([state.total, state.low, state.observed_at], [500, 1, noon]);
  assert.deepEqual(await openAlerts(s.tenant, id), []);
  const history = await meterHistoryRows(s.tenant, { deviceId: id, name: undefined, limit: 99 });
  assert.deepEqual(history.map(({ value }) => value), [500, 400]);
});

eachDatabase("of two readings of a device in one millisecond, the later one counts, late ones included", async () => {
  await using s = await scene();
  const id = await s.device();
  const values = async () =>
    (await meterHistoryRows(s.tenant, { deviceId: id, name: "total", limit: 99 })).map(({ value }) => value);
  await s.read(id, noon, { ...total(500), alerts: [jam] });
  await s.read(id, noon, total(501));
  assert.deepEqual(await values(), [501]);
  await s.read(id, noon - hour, total(400));
  await s.read(id, noon - hour, total(401));
  assert.deepEqual(await values(), [501, 401]);
  // An alert that ended and is shown again lasts.
  await s.read(id, noon, { ...total(501), alerts: [jam] });
  assert.deepEqual((await openAlerts(s.tenant, id)).map(({ first_seen_at }) => first_seen_at), [noon]);
});

eachDatabase("a status reading keeps the meters, and replaces the supplies that it has", async () => {
  await using s = await scene();
  const id = await s.device();
  await s.read(id, noon, { ...total(500), ...toner(90) });
  await s.read(id, noon + minute, toner(20), "status");
  await s.read(id, noon + 2 * minute, {}, "status");
  const state = (await maybeDeviceState(s.tenant, id))!;
  assert.deepEqual([state.total, state.meters_at, state.no_meters], [500, noon, null]);
  assert.deepEqual([state.low, state.supplies_at], [1, noon + minute]);
  assert.equal(suppliesOf(state)[0]?.level?.percent, 20);
  assert.deepEqual([state.observed_at, state.scope, state.full_at], [noon + 2 * minute, "status", noon]);
});

eachDatabase("an alert lasts from the first reading that shows it to the first whole one that does not", async () => {
  await using s = await scene();
  const id = await s.device();
  await s.read(id, noon, { alerts: [jam] });
  await s.read(id, noon + minute, { alerts: [jam, jam] });
  const lost = [{ code: "no-answer", message: "a part was not answered" }];
  await s.read(id, noon + 2 * minute, { problems: lost });
  assert.deepEqual((await openAlerts(s.tenant, id)).map((a) => [a.description, a.severity, a.first_seen_at]), [
    ["Paper jam", "critical", noon],
  ]);
  await s.read(id, noon + 3 * minute, {});
  assert.deepEqual(await openAlerts(s.tenant, id), []);
  await s.read(id, noon + 4 * minute, { alerts: [jam] });
  const all = await s.tenant.all<{ first_seen_at: number; ended_at: number | null }>(
    "SELECT first_seen_at, ended_at FROM alerts WHERE customer_id = :customer ORDER BY first_seen_at",
  );
  assert.deepEqual(all.map(({ first_seen_at, ended_at }) => [first_seen_at - noon, ended_at && ended_at - noon]), [
    [0, 3 * minute],
    [4 * minute, null],
  ]);
});

eachDatabase("devices that are one have the state, samples and alerts of all, of one moment too", async () => {
  await using s = await scene();
  const first = await s.device(), from = await s.device(), into = await s.device();
  await s.read(first, noon, total(98));
  await s.read(from, noon, { ...total(100), ...toner(5), alerts: [jam] });
  await s.read(into, noon, total(99));
  await s.read(into, noon + hour, total(101));
  await s.store.transaction(async (tx) => {
    const tenant = tx.tenant(s.tenant.customerId), at = noon + hour;
    await mergeDevices(tenant, { from: first, into: from, at });
    await mergeDevices(tenant, { from, into, at });
  });
  const state = (await maybeDeviceState(s.tenant, into))!;
  assert.deepEqual([state.total, state.low, state.meters_at, state.supplies_at], [101, 1, noon + hour, noon]);
  assert.equal(await maybeDeviceState(s.tenant, from), undefined);
  const history = await meterHistoryRows(s.tenant, { deviceId: into, name: "total", limit: 9 });
  assert.deepEqual(history.map(({ value }) => value).toSorted(), [100, 101, 98, 99]);
  assert.equal((await openAlerts(s.tenant, into)).length, 1);
});

eachDatabase(
  "records are dropped after their days, samples and ended alerts after theirs, the latest state never",
  async () => {
    await using s = await scene();
    const id = await s.device();
    const keep = (nowMs: number) => dropOld(s.store, { now: new Date(nowMs), retention: defaultRetention });
    await keep(noon);
    await s.read(id, noon, { ...total(1), alerts: [jam] });
    await s.read(id, noon + minute, {});
    const count = async () => [
      await countRecords(s.tenant, "reading"),
      (await meterHistoryRows(s.tenant, { deviceId: id, name: undefined, limit: 9 })).length,
      (await s.tenant.all("SELECT 1 FROM alerts WHERE customer_id = :customer")).length,
    ];
    await keep(noon + 35 * day - minute);
    assert.deepEqual(await count(), [2, 1, 1]);
    await keep(noon + 35 * day + 2 * minute);
    assert.deepEqual(await count(), [0, 1, 1]);
    await keep(noon + defaultRetention.sampleDays * day - minute);
    assert.deepEqual(await count(), [0, 1, 1]);
    await keep(noon + defaultRetention.sampleDays * day + 2 * minute);
    assert.deepEqual(await count(), [0, 0, 0]);
    assert.equal((await maybeDeviceState(s.tenant, id))?.total, 1);
    assert.deepEqual((await latestMeters(s.tenant, id)).map(({ value }) => value), [1]);
  },
);

Deno.test("moveReadings() makes of an older store what uploads would have made, and goes on where it was killed", async () => {
  const path = await Deno.makeTempFile();
  {
    using old = new DatabaseSync(path);
    for (const step of migrations.slice(0, 8)) typeof step === "string" ? old.exec(step) : step(old);
    old.exec(`PRAGMA user_version = 8;
      INSERT INTO customers (customer_id, name, created_at) VALUES ('cus-1', 'Acme', 1);
      INSERT INTO sites (customer_id, site_id, name, created_at) VALUES ('cus-1', 'sit-1', 'Berlin', 1);
      INSERT INTO agents (customer_id, agent_id, site_id, installation_id, state, created_at, hostname, version)
        VALUES ('cus-1', 'agt-1', 'sit-1', 'i', 'active', 1, 'server-1', '0.1.0');
      INSERT INTO devices (customer_id, device_id, agent_id, site, address, state, first_seen_at, last_seen_at)
        VALUES ('cus-1', 'dev-1', 'agt-1', 'Berlin', '10.1.0.7', 'idle', 5, 7);`);
    const insert = old.prepare(
      `INSERT INTO readings (customer_id, agent_id, record_id, device_id, observed_at, agent_at, received_at, kind, record)
       VALUES ('cus-1', 'agt-1', ?, ?, ?, ?, ?, ?, ?)`,
    );
    old.exec("BEGIN");
    for (let i = 0; i < 1200; i++) {
      const at = noon + i * minute;
      const record = recordOf(readingOf({ total: 1000 + Math.floor(i / 100), observedAt: new Date(at) }));
      insert.run(record.recordId, "dev-1", at, at, at, "reading", UploadedRecord.encode(record).finish());
    }
    insert.run("of-no-device", null, noon, noon, noon, "task_result", new Uint8Array());
    old.exec("COMMIT");
  }
  {
    await using store = openSqliteStore(path);
    const left: number[] = [];
    const stopped = moveReadings(store, (count) => {
      left.push(count);
      throw new Error("killed");
    });
    await assert.rejects(stopped, /killed/);
    assert.deepEqual(left, [701]);
  }
  await using store = openSqliteStore(path);
  const tenant = looseTenant(store, "cus-1");
  await moveReadings(store, () => {});
  assert.deepEqual([await countRecords(tenant, "reading"), await countRecords(tenant, "task_result")], [1200, 1]);
  assert.equal((await maybeDeviceState(tenant, "dev-1"))?.total, 1011);
  // Twelve values, and the day that began at the 720th minute.
  const history = await meterHistoryRows(tenant, { deviceId: "dev-1", name: "total", limit: 99 });
  assert.equal(history.length, 13);
  await moveReadings(store, () => assert.fail("there is nothing left"));
  const table = { name: readingsBefore };
  const there = await store.transaction((tx) => tx.get("SELECT 1 FROM sqlite_schema WHERE name = :name", table));
  assert.equal(there, undefined);
  await Deno.remove(path);
});

eachDatabase("periodRows() has first, last, difference and resets of the samples within the period", async () => {
  await using s = await scene();
  const id = await s.device(), other = await s.device();
  const values = [90, 100, 140, 20, 25, 60];
  for (const [i, value] of values.entries()) await s.read(id, noon + i * day, total(value));
  await s.read(other, noon + day, total(7));
  const period = (from: number, until: number) =>
    periodRows(s.tenant, { filters: {}, name: undefined, from: new Date(from), until: new Date(until) });
  const rows = await period(noon + day, noon + 5 * day);
  const of = rows.map((row) => [row.device_id, row.first_value, row.last_value, row.difference, row.resets]).toSorted();
  assert.deepEqual(of, [[id, 100, 25, 45, 1], [other, 7, 7, 0, 0]].toSorted());
  const row = rows.find(({ device_id }) => device_id === id)!;
  assert.deepEqual([row.first_at, row.last_at, row.site], [noon + day, noon + 4 * day, "Berlin"]);
  assert.deepEqual(await period(noon - 2 * day, noon - day), []);
});

eachDatabase("statedRows() filters by site, network, model, low supplies and silence", async () => {
  await using s = await scene();
  const id = await s.device(), silent = await s.device();
  await s.read(id, noon, toner(5));
  await s.tenant.run(
    "UPDATE devices SET model = 'LX_100%', network = 'Depot', last_seen_at = :at WHERE customer_id = :customer AND device_id = :id",
    {
      at: noon + hour,
      id,
    },
  );
  const found = async (filters: RowFilters) => (await statedRows(s.tenant, filters)).map(({ row }) => row.device_id);
  assert.deepEqual(await found({ low: true }), [id]);
  assert.deepEqual(await found({ model: "x_100%" }), [id]);
  assert.deepEqual(await found({ model: "xx100" }), []);
  assert.deepEqual(await found({ network: "DEPOT" }), [id]);
  assert.deepEqual(await found({ silentSince: new Date(noon) }), [silent]);
  assert.deepEqual(await found({ siteId: "sit-none" }), []);
  assert.deepEqual((await statedRows(s.tenant, { low: true }))[0]?.state?.low, 1);
});

eachDatabase(
  "mergeDevices() moves what web access knows of a device, and of two certificates the later one stays",
  async () => {
    await using s = await scene();
    const from = await s.device(), into = await s.device();
    const pinned: [string, number, string, number][] = [
      [from, 443, "new", 5],
      [into, 443, "old", 4],
      [from, 8443, "old", 4],
      [into, 8443, "new", 5],
      [from, 444, "only", 1],
    ];
    for (const [device_id, port, fingerprint, at] of pinned) {
      await s.tenant.run(
        `INSERT INTO access_certificates (customer_id, device_id, port, fingerprint, pinned_at)
       VALUES (:customer, :device_id, :port, :fingerprint, :at)`,
        { device_id, port, fingerprint, at },
      );
    }
    await s.tenant.run("INSERT INTO access_legacy_tls VALUES (:customer, :from, 'operator:eva', 1)", { from });
    await s.store.transaction((tx) => mergeDevices(tx.tenant(s.tenant.customerId), { from, into, at: noon }));
    const rows = await s.tenant.all<Record<string, unknown>>(
      "SELECT device_id, port, fingerprint FROM access_certificates WHERE customer_id = :customer ORDER BY port",
    );
    assert.deepEqual(rows.map((row) => Object.values(row)), [[into, 443, "new"], [into, 444, "only"], [
      into,
      8443,
      "new",
    ]]);
    const allowed = await s.tenant.all<Record<string, unknown>>(
      "SELECT device_id FROM access_legacy_tls WHERE customer_id = :customer",
    );
    assert.deepEqual(allowed.map(({ device_id }) => device_id), [into]);
  },
);

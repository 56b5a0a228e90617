/** Stores of the second version, with the devices that it made of partly lost answers. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { Record as UploadedRecord } from "../../../proto/gen/opendca/v1/batch.ts";
import { allEvidenceOf, evidenceOf, historyOf, maybeDevice } from "../../devices/devices.ts";
import { deviceRows } from "../../devices/listed_devices.ts";
import { migrations } from "../migrations.ts";
import { moveReadings } from "../../devices/move_readings.ts";
import { latestMeters, meterHistoryRows } from "../../devices/samples.ts";
import { resolveOneReading } from "../../../tests/fixtures/known_devices.ts";
import { looseTenant } from "../../../tests/fixtures/loose_queries.ts";
import { openSqliteStore } from "./sqlite_store.ts";
import { readingOf } from "../../../tests/fixtures/platform_uploads.ts";

const day = 86_400_000;
const start = Date.UTC(2026, 0, 1);

interface OldDevice {
  id: string;
  agent?: string;
  customer?: string;
  /** "serial example/CNB70001", "mac … shared". */
  evidence?: string[];
  model?: string | null;
  /** In days. */
  first: number;
  last: number;
  address?: string;
  port?: number;
  /** One reading each, from the first day on. */
  totals?: number[];
  lost?: string[];
}

function addOld(db: DatabaseSync, device: OldDevice): void {
  const { id, agent = "agt-1", customer = "cus-1", evidence = [], model = "LX-100", first, last } = device;
  const { address = "10.1.0.7", port = 161, totals = [1], lost = [] } = device;
  const ms = (days: number) => start + days * day;
  db.prepare(
    `INSERT INTO devices (customer_id, device_id, agent_id, site, manufacturer, model, address, state, first_seen_at,
       last_seen_at, agent_seen_at) VALUES (?, ?, ?, 'Berlin', 'Example', ?, ?, 'idle', ?, ?, ?)`,
  ).run(customer, id, agent, model, address, ms(first), ms(last), ms(last));
  for (const [kind, value, shared] of evidence.map((text) => text.split(" "))) {
    db.prepare("INSERT INTO device_evidence VALUES (?, ?, ?, ?, ?, ?)")
      .run(customer, kind!, value!, id, ms(first), shared === undefined ? null : ms(last));
  }
  const history = "INSERT INTO device_history VALUES (?, ?, ?, ?, ?, NULL)";
  db.prepare(history).run(customer, id, ms(first), "appeared", id);
  for (const value of lost) db.prepare(history).run(customer, id, ms(last), "macLost", value);
  for (const [i, total] of totals.entries()) {
    const observedAt = new Date(ms(first) + i);
    const reading = { ...readingOf({ address, total, observedAt }), port };
    const recordId = crypto.randomUUID();
    const record = UploadedRecord.fromPartial({ recordId, observedAt, content: { $case: "reading", value: reading } });
    db.prepare(
      `INSERT INTO readings (customer_id, agent_id, record_id, device_id, observed_at, received_at, kind, meters, record)
       VALUES (?, ?, ?, ?, ?, ?, 'reading', ?, ?)`,
    ).run(
      customer,
      agent,
      recordId,
      id,
      observedAt.getTime(),
      observedAt.getTime(),
      JSON.stringify({ total: [total, "impressions"] }),
      UploadedRecord.encode(record).finish(),
    );
  }
}

const customers = `
  INSERT INTO customers VALUES ('cus-1', 'Acme', 1), ('cus-2', 'Other', 1);
  INSERT INTO sites VALUES ('cus-1', 'sit-1', 'Berlin', 1), ('cus-2', 'sit-2', 'Berlin', 1);
  INSERT INTO agents (customer_id, agent_id, site_id, installation_id, state, created_at, hostname, version) VALUES
    ('cus-1', 'agt-1', 'sit-1', 'i', 'active', 1, 'server-1', '0.1.0'),
    ('cus-1', 'agt-3', 'sit-1', 'i', 'active', 1, 'server-3', '0.1.0'),
    ('cus-2', 'agt-2', 'sit-2', 'i', 'active', 1, 'server-2', '0.1.0');
`;

async function withOldStore(
  devices: readonly OldDevice[],
  body: (path: string) => Promise<void>,
): Promise<void> {
  const folder = Deno.makeTempDirSync();
  try {
    const path = `${folder}/platform.db`;
    {
      using old = new DatabaseSync(path);
      old.exec(`${migrations[0]}; ${migrations[1]}; PRAGMA user_version = 2; ${customers}`);
      for (const device of devices) addOld(old, device);
    }
    await body(path);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

const serial1 = "serial example/CNB70001", mac1 = "mac 00:1b:a9:00:00:01", serial2 = "serial example/CNB70002";

const cases: { name: string; devices: OldDevice[]; left: string[] }[] = [
  {
    name: "148 devices of nine that show nothing of themselves are nine (slow)",
    devices: Array.from({ length: 148 }, (_, i): OldDevice => ({
      id: `dev-${String(i).padStart(3, "0")}`,
      model: null,
      evidence: [`key agt-1 k${i}`.replace(" k", "-k")],
      first: i / 100,
      last: i / 100,
      address: `10.1.0.${i % 9}`,
    })),
    left: Array.from({ length: 9 }, (_, i) => `dev-00${i}`),
  },
  {
    name: "a device that shows nothing goes to the one that was there when it came",
    devices: [
      { id: "dev-before", evidence: [serial1], first: 0, last: 4 },
      { id: "dev-lost", first: 3, last: 3 },
      { id: "dev-after", evidence: [serial2], first: 5, last: 9 },
    ],
    left: ["dev-after", "dev-before"],
  },
  {
    name: "what shows a part of another one's evidence goes to it",
    devices: [
      { id: "dev-whole", evidence: [serial1, mac1], first: 0, last: 9 },
      { id: "dev-part", first: 1, last: 2, lost: ["00:1b:a9:00:00:01"] },
    ],
    left: ["dev-whole"],
  },
  {
    name: "other addresses, ports, agents, customers, models and evidence stay apart",
    devices: [
      { id: "dev-a", first: 0, last: 9 },
      { id: "dev-b", first: 0, last: 9, address: "10.1.0.8" },
      { id: "dev-c", first: 0, last: 9, port: 1161 },
      { id: "dev-d", first: 0, last: 9, agent: "agt-3" },
      { id: "dev-e", first: 0, last: 9, agent: "agt-2", customer: "cus-2" },
      { id: "dev-f", first: 0, last: 9, model: "ZZ-9" },
      { id: "dev-g", first: 0, last: 9, address: "10.1.0.9", evidence: [serial1] },
      { id: "dev-h", first: 0, last: 9, address: "10.1.0.9", evidence: [serial2] },
    ],
    left: ["dev-a", "dev-b", "dev-c", "dev-d", "dev-e", "dev-f", "dev-g", "dev-h"],
  },
  {
    name: "what came long after the device before it was gone stays",
    devices: [
      { id: "dev-a", evidence: [serial1], first: 0, last: 1 },
      { id: "dev-b", first: 60, last: 90 },
    ],
    left: ["dev-a", "dev-b"],
  },
];
for (const { name, devices, left } of cases) {
  Deno.test(`openSqliteStore() of the second version: ${name}`, () =>
    withOldStore(devices, async (path) => {
      await using store = openSqliteStore(path);
      const ids: string[] = [];
      for (const id of ["cus-1", "cus-2"]) {
        ids.push(...(await deviceRows(looseTenant(store, id))).map(({ device_id }) => device_id));
      }
      assert.deepEqual(ids.toSorted(), left);
    }));
}

Deno.test("openSqliteStore() of the second version keeps readings, history and evidence of what it merges, and orphans no key", () =>
  withOldStore([
    { id: "dev-whole", evidence: [serial1, "key agt-1-k1"], first: 1, last: 5, totals: [100, 110] },
    { id: "dev-lost", evidence: ["key agt-1-k2"], first: 0, last: 6, totals: [90, 95] },
  ], async (path) => {
    using old = new DatabaseSync(path);
    old.exec("UPDATE device_evidence SET value = replace(value, 'agt-1-', 'agt-1 ')");
    await using store = openSqliteStore(path);
    await moveReadings(store, () => {});
    const tenant = looseTenant(store, "cus-1");
    const { first_seen_at, last_seen_at } = (await maybeDevice(tenant, "dev-whole"))!;
    assert.deepEqual([first_seen_at, last_seen_at], [start, start + 6 * day]);
    const history = await meterHistoryRows(tenant, { deviceId: "dev-whole", name: "total", limit: 9 });
    assert.deepEqual(history.map(({ value }) => value), [110, 100, 95, 90]);
    assert.equal((await latestMeters(tenant, "dev-whole")).find(({ name }) => name === "total")?.value, 110);
    assert.deepEqual((await historyOf(tenant, "dev-whole")).map(({ kind, before }) => [kind, before]), [
      ["appeared", "dev-lost"],
      ["appeared", "dev-whole"],
      ["merged", "dev-lost"],
    ]);
    assert.deepEqual((await evidenceOf(tenant, "dev-whole")).map(({ kind, value }) => `${kind} ${value}`), [
      "key agt-1 k1",
      "key agt-1 k2",
      "serial CNB70001",
    ]);
    // Under either of the agent's ids, and none, the device is found.
    for (const deviceKey of ["k1", "k2", "k3", ""]) {
      const observedAt = new Date(start + 7 * day);
      const scope = "full" as const;
      const sighting = { agentId: "agt-1", siteId: "sit-1", network: "Berlin", deviceKey, observedAt, scope };
      assert.equal(await resolveOneReading(tenant, sighting, readingOf({ serial: "" })), "dev-whole");
    }
    assert.equal((await deviceRows(tenant)).length, 1);
  }));

Deno.test("openSqliteStore() of the second version remembers boards that moved and clones, and forgets what tells no device", () =>
  withOldStore([
    {
      id: "dev-a",
      evidence: ["serial example/7418", "mac 02:1b:a9:00:00:01", "engine 8000097d0300000001"],
      lost: ["00:1b:a9:00:00:02"],
      first: 0,
      last: 1,
    },
    {
      id: "dev-b",
      evidence: ["serial a/b/CNB70002", "mac 00:1b:a9:00:00:02 shared"],
      address: "10.1.0.8",
      first: 0,
      last: 1,
    },
  ], async (path) => {
    await using store = openSqliteStore(path);
    const tenant = looseTenant(store, "cus-1");
    const told = async (id: string) =>
      (await allEvidenceOf(tenant, id)).map(({ kind, value, current, shared }) => [kind, value, current, shared]);
    assert.deepEqual(await told("dev-a"), [["engineId", "8000097d0300000001", 1, 0], [
      "mac",
      "00:1b:a9:00:00:02",
      0,
      0,
    ]]);
    assert.deepEqual(await told("dev-b"), [["mac", "00:1b:a9:00:00:02", 1, 1], ["serial", "CNB70002", 1, 0]]);
  }));

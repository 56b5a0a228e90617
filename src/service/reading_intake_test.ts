import assert from "node:assert/strict";
import { interpretedReading } from "../../tests/fixtures/sample_reading.ts";
import { DeviceEventKind, Record as RecordMessage } from "../../proto/gen/opendca/v1/batch.ts";
import { openDatabase } from "../../common/host/sqlite.ts";
import { inventoryOn } from "../store/inventory.ts";
import { prepareInventoryDatabase } from "../store/inventory_database.ts";
import type { Reading } from "../../common/reading/reading.ts";
import type { SpoolRecord } from "../store/spool_record.ts";
import { createReadingIntake } from "./reading_intake.ts";

/** An intake over databases in memory; `through` is the version of the inventory that `fill` finds. */
function openScene(options: { fill?: (db: ReturnType<typeof openDatabase>) => void } = {}) {
  const db = openDatabase(":memory:");
  prepareInventoryDatabase(db, 1);
  options.fill?.(db);
  prepareInventoryDatabase(db);
  const inventory = inventoryOn(db);
  const spooled: SpoolRecord[] = [];
  const merged: string[] = [];
  let ms = Date.UTC(2026, 0, 1);
  let full = false;
  const intake = createReadingIntake({
    inventory,
    spool: {
      append(records) {
        if (full) throw new TypeError("the disk is full");
        spooled.push(...records);
      },
    },
    clock: { now: () => new Date(ms += 60_000) },
    mask: () => [],
    onAnswer: () => {},
    onMerged: (deviceId) => merged.push(deviceId),
    onSpooled: () => {},
    onLost: (error) => {
      throw error;
    },
  });
  return {
    inventory,
    intake,
    merged,
    setFull: (value: boolean) => void (full = value),
    take: (reading: Partial<Reading>) =>
      intake.take({ ...interpretedReading(), ...reading }, { site: "office", scope: "full" }),
    async records() {
      await Promise.resolve();
      return spooled.splice(0).map(({ payload }) => RecordMessage.decode(payload));
    },
    [Symbol.dispose]: () => inventory[Symbol.dispose](),
  };
}

const source = { oid: "1.3.6", rule: "rfc3805", raw: 1 };
const total = (value: number) => ({ meters: [{ name: "total", value, unit: "impressions", source }] });

Deno.test("take() sends what contradicts a known device when a second look shows whose it is, under that one's id", async () => {
  using scene = openScene();
  const known = scene.take({ serial: "CNB70001", ...total(50_000) });
  await scene.records();
  const observedAt = "2026-01-01T00:10:00.000Z";
  assert.equal(scene.take({ serial: "CNB70002", observedAt, ...total(10) }), "held");
  assert.deepEqual(await scene.records(), []);
  const second = scene.take({ serial: "CNB70002", ...total(11) });
  assert.ok(typeof second === "object" && typeof known === "object" && second.deviceId !== known.deviceId);
  const records = await scene.records();
  assert.deepEqual(new Set(records.map(({ deviceKey }) => deviceKey)), new Set([second.deviceId]));
  assert.equal(records[0]?.observedAt?.toISOString(), observedAt);
  const sent = records.flatMap(({ content }) =>
    content?.$case === "reading"
      ? content.value.meters[0]!.value
      : content?.$case === "deviceEvent"
      ? DeviceEventKind[content.value.kind]!
      : []
  );
  assert.deepEqual(sent, [10, 11, "APPEARED", "REPLACED"]);
});

Deno.test("take() tells which device is known no more when two turn out to be one", async () => {
  using scene = openScene();
  scene.take({ serial: "CNB70001" });
  const there = { address: "10.1.0.99", serial: null, mac: null, problems: [{ code: "silent", message: "" }] };
  assert.deepEqual([scene.take(there), scene.take(there)], ["held", "held"]);
  const taken = scene.take(there);
  await scene.records();
  scene.take({ serial: "CNB70001", address: "10.1.0.99" });
  assert.ok(typeof taken === "object");
  assert.deepEqual(scene.merged, [taken.deviceId]);
  const events = (await scene.records()).flatMap(({ content }) =>
    content?.$case === "deviceEvent" ? [[DeviceEventKind[content.value.kind], content.value.mergedDeviceKey]] : []
  );
  assert.deepEqual(events, [["MERGED", taken.deviceId], ["ADDRESS_CHANGED", undefined]]);
});

Deno.test("reportMerges() tells once what was merged when the file was brought up to date, and again when the disk was full", async () => {
  const row = (id: string) =>
    `INSERT INTO device VALUES ('${id}', 1, 2, 'office', 'Acme', 'P1', 0, 0, NULL, NULL, 'null');
     INSERT INTO location VALUES ('${id}', '10.1.0.7', 161, 1, ${id === "a" ? "NULL" : "2"});`;
  using scene = openScene({ fill: (db) => db.exec(["a", "b"].map(row).join("")) });
  scene.setFull(true);
  assert.throws(() => scene.intake.reportMerges(), /the disk is full/);
  scene.setFull(false);
  scene.intake.reportMerges();
  scene.intake.reportMerges();
  const told = (await scene.records()).map(({ deviceKey, content }) =>
    content?.$case === "deviceEvent"
      ? [DeviceEventKind[content.value.kind], deviceKey, content.value.mergedDeviceKey]
      : []
  );
  const [stays] = scene.inventory.devices().map(({ deviceId }) => deviceId);
  assert.deepEqual(told, [["MERGED", stays, stays === "a" ? "b" : "a"]]);
});

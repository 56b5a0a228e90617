/** A person says that two devices are one machine, and takes it back. */
import assert from "node:assert/strict";
import { UsageError } from "../../common/core/errors.ts";
import type { AuditEntry } from "../../platform/audit/audit_log.ts";
import { listAlerts } from "../../platform/devices/alerts.ts";
import { listSupplies } from "../../platform/devices/list_supplies.ts";
import { meterPeriods } from "../../platform/devices/samples.ts";
import { listDevices } from "../../platform/devices/list_devices.ts";
import { deviceHistory, mergeDevice, undoDeviceChange } from "../../platform/devices/merge_device.ts";
import { listMeters, meterHistory, showDevice } from "../../platform/devices/show_device.ts";
import { eachDatabase } from "../fixtures/each_database.ts";
import { type DeviceScene, deviceScene, firstMs, knownOf } from "./device_changes_fixture.ts";

const hour = 3_600_000, day = 24 * hour;
const before = { serial: "AAA11111", mac: "00:1b:a9:00:00:01", address: "10.1.0.7" };
const after = { serial: "BBB22222", mac: "00:1b:a9:00:00:02", address: "10.1.0.7" };

/** A machine whose main board was replaced after a day. */
async function replaced(s: DeviceScene): Promise<{ a: string; b: string }> {
  const a = await s.upload({ ...before, total: 1000, alert: "Door open" });
  s.pass(day);
  await s.upload({ ...before, total: 1100, alert: "Door open" });
  s.pass(day);
  const b = await s.upload({ ...after, total: 1150 });
  assert.notEqual(a, b);
  return { a, b };
}

eachDatabase("device merge: lists and meters show one machine, with the id of the first", async () => {
  await using s = await deviceScene();
  const { a, b } = await replaced(s);
  await mergeDevice(s.platform, s.by, { device: a, other: b });
  const { devices, counts } = await listDevices(s.platform, s.by, {});
  assert.deepEqual(devices.map(({ row }) => [row.device_id, row.serial, row.total, row.first_seen_at]), [
    [a, "BBB22222", 1150, firstMs],
  ]);
  assert.deepEqual([counts.found, counts.all], [1, 1]);
  const period = { from: new Date(firstMs), until: new Date(firstMs + 9 * day), name: "total" };
  const [row, ...rows] = await meterPeriods(s.platform, s.by, period);
  assert.equal(rows.length, 0);
  assert.deepEqual([row!.device_id, row!.first_value, row!.last_value, row!.difference, row!.resets], [
    a,
    1000,
    1150,
    100,
    0,
  ]);
  assert.deepEqual([row!.part_changes, row!.part_jump], [1, 50]);
  const history = await meterHistory(s.platform, s.by, { device: a, name: "total", limit: 99 });
  assert.deepEqual(history.rows.map(({ device_id, value }) => [device_id, value]), [[a, 1150], [a, 1100], [a, 1000]]);
  assert.equal((await meterHistory(s.platform, s.by, { device: a, name: "total", limit: 1 })).rows.length, 1);
  // What the old board showed last is no alert that lasts.
  assert.deepEqual((await listAlerts(s.platform, s.by, { limit: 9 })).rows, []);
  assert.deepEqual(await listSupplies(s.platform, s.by, {}), []);
});

eachDatabase(
  "device merge: a reading with either serial number goes to the machine, which either name finds",
  async () => {
    await using s = await deviceScene();
    const { a, b } = await replaced(s);
    await mergeDevice(s.platform, s.by, { device: "AAA11111", other: "BBB22222", reason: "new main board" });
    s.pass(hour);
    await s.upload({ ...after, total: 1200 });
    for (const name of [a, b, "AAA11111", "BBB22222", "10.1.0.7"]) {
      const details = await showDevice(s.platform, s.by, { device: name });
      assert.deepEqual([details.view.row.device_id, details.view.row.last_seen_at], [a, s.now()], name);
      assert.equal(
        (await listMeters(s.platform, s.by, { device: name })).find(({ name }) => name === "total")!.value,
        1200,
      );
    }
    const details = await showDevice(s.platform, s.by, { device: a });
    assert.deepEqual(details.agents.map(({ readings }) => readings), [4]);
    assert.deepEqual(details.evidence.filter(({ kind }) => kind === "serial").map(({ value }) => value), [
      "BBB22222",
      "AAA11111",
    ]);
    assert.equal((await listDevices(s.platform, s.by, {})).counts.all, 1);
  },
);

eachDatabase(
  "device merge shows who, when and why, and so does its undo, in the history and in the audit log",
  async () => {
    await using s = await deviceScene();
    const { a, b } = await replaced(s);
    const { changeId } = await mergeDevice(s.platform, s.by, { device: a, other: b, reason: "new main board" });
    const mergedAt = s.now();
    s.pass(hour);
    const { parts, changes: [merge] } = await deviceHistory(s.platform, s.by, { device: b });
    assert.deepEqual(parts.map(({ deviceId, serial }) => [deviceId, serial]), [[b, "BBB22222"], [a, "AAA11111"]]);
    assert.deepEqual([merge!.change_id, merge!.device_id, merge!.other_id, merge!.at, merge!.actor, merge!.reason], [
      changeId,
      a,
      b,
      mergedAt,
      "operator:eva",
      "new main board",
    ]);
    await undoDeviceChange(s.platform, { ...s.by, actor: { kind: "operator", name: "ken" } }, {
      changeId,
      reason: "another machine",
    });
    for (const device of [a, b]) {
      const { parts, changes: [undone] } = await deviceHistory(s.platform, s.by, { device });
      assert.equal(parts.length, 1);
      assert.deepEqual([undone!.undone_at, undone!.undone_by, undone!.undone_reason], [
        s.now(),
        "operator:ken",
        "another machine",
      ]);
    }
    const log = await s.store.transaction((tx) =>
      tx.all<AuditEntry>("SELECT action, subject, actor FROM audit_log ORDER BY entry")
    );
    assert.deepEqual(log.map(({ action, subject, actor }) => [action, subject, actor]), [
      ["devicesMerged", a, "operator:eva"],
      ["deviceMergeUndone", a, "operator:ken"],
    ]);
  },
);

eachDatabase("undo of a merge leaves what would be without it, with readings that came in between", async () => {
  await using s = await deviceScene(), plain = await deviceScene();
  const { a, b } = await replaced(s);
  await replaced(plain);
  const { changeId } = await mergeDevice(s.platform, s.by, { device: a, other: b });
  for (const each of [s, plain]) {
    each.pass(hour);
    await each.upload({ ...after, total: 1300, alert: "Paper jam" });
    await each.upload({ ...before, address: "10.1.0.8", total: 1101 });
  }
  await undoDeviceChange(s.platform, s.by, { changeId });
  const shown = async (scene: DeviceScene) =>
    (await listDevices(scene.platform, scene.by, {})).devices.map(({ row, low }) => [
      row.serial,
      row.address,
      row.total,
      row.first_seen_at,
      row.last_seen_at,
      row.state,
      low.length,
    ]);
  assert.deepEqual(await shown(s), await shown(plain));
  assert.equal((await shown(s)).length, 2);
  const counts = async (scene: DeviceScene) =>
    Object.values(await knownOf(scene.tenant)).map((text) => text.split(" ")[0]);
  assert.deepEqual(await counts(s), await counts(plain));
});

eachDatabase("undo of a merge without readings in between changes no row", async () => {
  await using s = await deviceScene();
  const { a, b } = await replaced(s);
  const known = await knownOf(s.tenant);
  const { changeId } = await mergeDevice(s.platform, s.by, { device: a, other: b });
  await undoDeviceChange(s.platform, s.by, { changeId });
  assert.deepEqual(await knownOf(s.tenant), known);
  const [row] = await s.tenant.all<{ n: number }>(
    "SELECT count(*) AS n FROM devices WHERE customer_id = :customer AND merged_into IS NOT NULL",
  );
  assert.equal(row!.n, 0);
});

eachDatabase("a machine may have had three boards, and each merge is undone by itself", async () => {
  await using s = await deviceScene();
  const { a, b } = await replaced(s);
  const c = await s.upload({ serial: "CCC33333", address: "10.1.0.9", total: 1200 });
  const first = await mergeDevice(s.platform, s.by, { device: a, other: b });
  const second = await mergeDevice(s.platform, s.by, { device: b, other: c });
  assert.deepEqual([second.deviceId, second.otherId], [a, c]);
  const listed = async () => (await listDevices(s.platform, s.by, {})).devices.map(({ row }) => row.device_id).sort();
  assert.deepEqual(await listed(), [a]);
  await undoDeviceChange(s.platform, s.by, { changeId: first.changeId });
  assert.deepEqual(await listed(), [a, b].sort());
  await undoDeviceChange(s.platform, s.by, { changeId: second.changeId });
  assert.deepEqual(await listed(), [a, b, c].sort());
});

eachDatabase("an alert of an earlier part is listed once it has ended, under the id of the machine", async () => {
  await using s = await deviceScene();
  const a = await s.upload({ ...before, alert: "Paper jam" });
  s.pass(hour);
  await s.upload(before);
  s.pass(day);
  const b = await s.upload({ ...after, alert: "Door open" });
  await mergeDevice(s.platform, s.by, { device: a, other: b });
  const alerts = async (ended: boolean) =>
    (await listAlerts(s.platform, s.by, { ended, limit: 9 })).rows.map((row) => [row.device_id, row.description]);
  assert.deepEqual(await alerts(false), [[a, "Door open"]]);
  assert.deepEqual(await alerts(true), [[a, "Door open"], [a, "Paper jam"]]);
});

const nobody = /^Cannot find the device "[^"]+"$/;
eachDatabase("device merge and undo refuse what cannot be meant, in one sentence", async () => {
  await using s = await deviceScene(), other = await deviceScene("Other", s.store);
  const { a, b } = await replaced(s);
  const c = await s.upload({ serial: "CCC33333", address: "10.1.0.9" });
  const d = await s.upload({ serial: "DDD44444", address: "10.1.0.10" });
  const foreign = await other.upload({ serial: "EEE55555", address: "10.9.0.1" });
  const refused = async (pattern: RegExp, work: Promise<unknown>) => {
    await assert.rejects(work, (error) => error instanceof UsageError && pattern.test(error.message));
  };
  const merge = (device: string, other: string) => mergeDevice(s.platform, s.by, { device, other });
  await refused(nobody, merge(a, foreign));
  await refused(nobody, merge(foreign, a));
  await refused(nobody, merge(a, "dev-000000000000"));
  await refused(/^Cannot merge "dev-\w+" with itself$/, merge(a, a));
  await refused(/^Cannot merge "dev-\w+" with itself$/, merge(a, "AAA11111"));
  const { changeId } = await merge(a, b);
  await refused(/^Cannot merge them as both are parts of "dev-\w+" already$/, merge(a, b));
  await refused(/^Cannot merge them as both are parts of "dev-\w+" already$/, merge(b, a));
  await refused(/^Cannot merge "dev-\w+" into another device as it has other devices merged into it$/, merge(c, b));
  await merge(c, d);
  await refused(/^Cannot merge "dev-\w+" into another device as it has other devices merged into it$/, merge(a, c));
  const undo = (scene: DeviceScene, changeId: string) => undoDeviceChange(scene.platform, scene.by, { changeId });
  await refused(/^Cannot find the change "chg-\w+"$/, undo(other, changeId));
  await refused(/^Cannot find the change "chg-000000000000"$/, undo(s, "chg-000000000000"));
  await undo(s, changeId);
  await refused(/^Cannot undo "chg-\w+" as it was undone at 2026-03-\d\dT[\d:.]+Z$/, undo(s, changeId));
  await refused(nobody, deviceHistory(s.platform, s.by, { device: foreign }));
});

const parts = [
  { what: "another counter that is higher", totals: [100, 110, null, 64_000, 64_020], want: [30, 0, 1, 63_890] },
  { what: "another counter that is lower", totals: [64_000, 64_020, null, 5, 9], want: [24, 0, 1, -64_015] },
  { what: "a counter that was taken over", totals: [100, 110, null, 110, 115], want: [15, 0, 0, 0] },
  { what: "a reset of the new part", totals: [100, 110, null, 500, 3, 5], want: [12, 1, 1, 390] },
];
for (const { what, totals, want } of parts) {
  eachDatabase(`meter export of a merge: ${what}`, async () => {
    await using s = await deviceScene();
    let board = before, a = "", b = "";
    for (const total of totals) {
      if (total === null) board = after;
      else if (board === before) a = await s.upload({ ...board, total });
      else b = await s.upload({ ...board, total });
      s.pass(hour);
    }
    await s.upload({ serial: "CCC33333", mac: "00:1b:a9:00:00:03", address: "10.1.0.9", total: 1 });
    await mergeDevice(s.platform, s.by, { device: a, other: b });
    const period = { from: new Date(firstMs), until: new Date(firstMs + 9 * day), name: "total" };
    const row = (await meterPeriods(s.platform, s.by, period)).find(({ device_id }) => device_id === a)!;
    assert.deepEqual([row.difference, row.resets, row.part_changes, row.part_jump], want);
    // Each half of the period has one part, and nothing of the step.
    const halves = [[firstMs, firstMs + 2 * hour], [firstMs + 2 * hour, firstMs + 9 * day]] as const;
    for (const [from, until] of halves) {
      const half = { from: new Date(from), until: new Date(until), name: "total" };
      const [part] = (await meterPeriods(s.platform, s.by, half)).filter(({ device_id }) => device_id === a);
      assert.deepEqual([part!.part_changes, part!.part_jump], [0, 0]);
    }
  });
}

eachDatabase("meter export of two parts that are seen in turns counts their one counter once", async () => {
  await using s = await deviceScene();
  const ids: string[] = [];
  for (const [i, total] of [100, 105, 110, 115].entries()) {
    ids.push(await s.upload({ ...(i % 2 === 0 ? before : { ...after, address: "10.1.0.8" }), total }));
    s.pass(hour);
  }
  await mergeDevice(s.platform, s.by, { device: ids[0]!, other: ids[1]! });
  for (const hours of [4, 3, 2]) {
    const period = { from: new Date(firstMs), until: new Date(firstMs + hours * hour), name: "total" };
    const [row] = await meterPeriods(s.platform, s.by, period);
    assert.deepEqual([row!.difference, row!.part_changes], [5 * (hours - 1), 0], `${hours} hours`);
  }
});

/* Who is seen each hour, and its total; what is dropped of the first hours; steps between counters that are left. */
const turns: { what: string; seen: [part: number, total: number][]; dropped: number; changes: number }[] = [
  { what: "two in turns", seen: [[0, 100], [1, 105], [0, 110], [1, 115]], dropped: 2, changes: 0 },
  { what: "one after the other", seen: [[0, 100], [0, 105], [1, 7], [1, 9]], dropped: 1, changes: 1 },
  { what: "a third one between", seen: [[0, 100], [1, 105], [0, 110], [2, 115], [1, 120]], dropped: 2, changes: 0 },
  {
    what: "a third one after two",
    seen: [[0, 100], [1, 105], [0, 110], [1, 115], [2, 7], [2, 9]],
    dropped: 3,
    changes: 1,
  },
];
for (const { what, seen, dropped, changes } of turns) {
  eachDatabase(
    `meter export tells steps between parts of a merge as before when old samples are gone: ${what}`,
    async () => {
      await using s = await deviceScene();
      const ids: string[] = [];
      for (const [part, total] of seen) {
        const own = { serial: `SER0000${part}`, mac: `00:1b:a9:00:00:1${part}`, address: `10.1.0.${part + 7}` };
        ids[part] = await s.upload({ ...own, total });
        s.pass(hour);
      }
      for (const other of ids.slice(1)) await mergeDevice(s.platform, s.by, { device: ids[0]!, other });
      const period = { from: new Date(firstMs), until: new Date(firstMs + day), name: "total" };
      const told = async () => (await meterPeriods(s.platform, s.by, period)).map((row) => row.part_changes);
      assert.deepEqual(await told(), [changes]);
      await s.store.transaction((tx) =>
        tx.run("DELETE FROM samples WHERE observed_at < :before", { before: firstMs + dropped * hour })
      );
      assert.deepEqual(await told(), [changes]);
    },
  );
}

/** A person says that one device is two machines, and takes it back. */
import assert from "node:assert/strict";
import { UsageError } from "../../common/core/errors.ts";
import type { SplitSelector } from "../../platform/devices/device_changes.ts";
import { listAlerts } from "../../platform/devices/alerts.ts";
import { meterPeriods } from "../../platform/devices/samples.ts";
import { listDevices } from "../../platform/devices/list_devices.ts";
import { deviceHistory, mergeDevice, undoDeviceChange } from "../../platform/devices/merge_device.ts";
import { meterHistory, showDevice } from "../../platform/devices/show_device.ts";
import { defaultRetention, dropOld } from "../../platform/devices/retention.ts";
import { splitDevice } from "../../platform/devices/split_device.ts";
import { eachDatabase } from "../fixtures/each_database.ts";
import { type DeviceScene, deviceScene, firstMs, knownOf, type Upload } from "./device_changes_fixture.ts";

const hour = 3_600_000, day = 24 * hour;
const mac = "00:1b:a9:00:00:01";
/** Two printers behind a print server that shows one MAC address, and of which neither tells its serial number. */
const left: Upload = { serial: "", mac, address: "10.1.0.7", network: "left", deviceKey: "one" };
const right: Upload = { serial: "", mac, address: "10.1.0.8", network: "right", deviceKey: "two" };

async function mixed(s: DeviceScene): Promise<string> {
  const ids = new Set<string>();
  for (let i = 0; i < 4; i++) {
    ids.add(await s.upload({ ...left, total: 1000 + i, alert: "Door open" }));
    s.pass(hour);
    ids.add(await s.upload({ ...right, total: 50 + i }));
    s.pass(hour);
  }
  const [id, ...others] = ids;
  assert.equal(others.length, 0);
  return id!;
}

const totals = async (s: DeviceScene, device: string) =>
  (await meterHistory(s.platform, s.by, { device, name: "total", limit: 99 })).rows.map(({ value }) => value);

const ways: { name: string; selector: (s: DeviceScene) => SplitSelector }[] = [
  { name: "the device key", selector: () => ({ deviceKey: "two" }) },
  { name: "the network", selector: () => ({ network: "Right" }) },
  { name: "all that is known", selector: (s) => ({ agentId: s.agentIds[0]!, network: "right", deviceKey: "two" }) },
];
for (const { name, selector } of ways) {
  eachDatabase(
    `device split by ${name}: readings, meters and alerts of each machine are its own, and stay so`,
    async () => {
      await using s = await deviceScene();
      const id = await mixed(s);
      const { otherId, readings } = await splitDevice(s.platform, s.by, { device: id, selector: selector(s) });
      assert.equal(readings, 4);
      assert.deepEqual(await totals(s, id), [1003, 1002, 1001, 1000]);
      assert.deepEqual(await totals(s, otherId), [53, 52, 51, 50]);
      for (let i = 0; i < 3; i++) {
        assert.equal(await s.upload({ ...left, total: 1010 + i, alert: "Door open" }), id);
        s.pass(hour);
        assert.equal(await s.upload({ ...right, total: 60 + i }), otherId);
        s.pass(day);
      }
      const period = { from: new Date(firstMs), until: new Date(firstMs + 9 * day), name: "total" };
      const rows = await meterPeriods(s.platform, s.by, period);
      assert.deepEqual(
        rows.map((row) => [row.device_id, row.first_value, row.last_value, row.difference, row.resets]),
        [
          [id, 1000, 1012, 12, 0],
          [otherId, 50, 62, 12, 0],
        ],
      );
      const { devices } = await listDevices(s.platform, s.by, {});
      assert.deepEqual(devices.map(({ row }) => [row.device_id, row.address, row.network]), [
        [id, "10.1.0.7", "left"],
        [otherId, "10.1.0.8", "right"],
      ]);
      assert.deepEqual((await listAlerts(s.platform, s.by, { limit: 9 })).rows.map((row) => row.device_id), [id]);
    },
  );
}

eachDatabase("device split by agent: a cloned serial number tells two machines apart by who reads them", async () => {
  await using s = await deviceScene();
  const serial = "AAA11111";
  const id = await s.upload({ serial, agent: 0, network: "Berlin", total: 10 });
  s.pass(hour);
  assert.equal(await s.upload({ serial, agent: 1, network: "Bonn", address: "10.2.0.7", total: 7000 }), id);
  const { otherId } = await splitDevice(s.platform, s.by, { device: id, selector: { agentId: s.agentIds[1]! } });
  s.pass(hour);
  assert.equal(await s.upload({ serial, agent: 0, network: "Berlin", total: 11 }), id);
  assert.equal(await s.upload({ serial, agent: 1, network: "Bonn", address: "10.2.0.8", total: 7001 }), otherId);
  assert.deepEqual([await totals(s, id), await totals(s, otherId)], [[11, 10], [7001, 7000]]);
});

eachDatabase("device split refuses a device that another one is merged into", async () => {
  await using s = await deviceScene();
  const one = { serial: "AAA11111", mac, network: "left" }, two = { serial: "BBB22222", network: "right" };
  const id = await s.upload(one);
  s.pass(hour);
  const other = await s.upload({ ...two, address: "10.1.0.8" });
  await mergeDevice(s.platform, s.by, { device: id, other });
  await assert.rejects(
    splitDevice(s.platform, s.by, { device: id, selector: { serial: "bbb-22222" } }),
    (error) =>
      error instanceof UsageError && /^Cannot split "dev-\w+" as another device is merged into it$/.test(error.message),
  );
});

eachDatabase("undo of a split without readings in between changes no row", async () => {
  await using s = await deviceScene();
  const id = await mixed(s);
  const known = await knownOf(s.tenant);
  const { changeId, otherId } = await splitDevice(s.platform, s.by, { device: id, selector: { deviceKey: "two" } });
  assert.notDeepEqual(await knownOf(s.tenant), known);
  await undoDeviceChange(s.platform, s.by, { changeId });
  assert.deepEqual(await knownOf(s.tenant), known);
  await assert.rejects(showDevice(s.platform, s.by, { device: otherId }), UsageError);
});

eachDatabase(
  "undo of a split gives the readings since to the one device, whose later ones are its own again",
  async () => {
    await using s = await deviceScene();
    const id = await mixed(s);
    const { changeId, otherId } = await splitDevice(s.platform, s.by, {
      device: id,
      selector: { deviceKey: "two" },
      reason: "print server",
    });
    await s.upload({ ...right, total: 90 });
    s.pass(hour);
    await undoDeviceChange(s.platform, s.by, { changeId, reason: "it was one" });
    assert.deepEqual((await totals(s, id)).slice(0, 3), [90, 53, 1003]);
    assert.equal(await s.upload({ ...right, total: 91 }), id);
    assert.equal((await listDevices(s.platform, s.by, {})).counts.all, 1);
    const { changes: [change], sources } = await deviceHistory(s.platform, s.by, { device: id });
    assert.deepEqual([change!.other_id, change!.reason, change!.undone_reason], [
      otherId,
      "print server",
      "it was one",
    ]);
    assert.deepEqual(sources.map(({ network, readings }) => [network, readings]), [["right", 6], ["left", 4]]);
  },
);

eachDatabase("device split and its undo refuse what cannot be meant, in one sentence", async () => {
  await using s = await deviceScene(), other = await deviceScene("Other", s.store);
  const id = await mixed(s);
  const refused = async (pattern: RegExp, work: Promise<unknown>) => {
    await assert.rejects(work, (error) => error instanceof UsageError && pattern.test(error.message));
  };
  const split = (device: string, selector: SplitSelector) => splitDevice(s.platform, s.by, { device, selector });
  const foreign = await other.upload({ serial: "EEE55555", address: "10.9.0.1" });
  await refused(/^Cannot find the device "dev-\w+"$/, split(foreign, { network: "right" }));
  await refused(/^Cannot split a device without knowing which/, split(id, {}));
  await refused(/^Cannot find the agent "agt-\w+"$/, split(id, { agentId: other.agentIds[0]! }));
  await refused(
    /^Cannot use --serial to tell a machine: current value is "unknown"$/,
    split(id, { serial: "unknown" }),
  );
  await refused(/as none of its 8 kept readings is one of those$/, split(id, { deviceKey: "three" }));
  await refused(/as all of its 8 kept readings are of those$/, split(id, { agentId: s.agentIds[0]! }));
  const { changeId, otherId } = await split(id, { deviceKey: "two" });
  const merged = await mergeDevice(s.platform, s.by, { device: otherId, other: id });
  const undo = (scene: DeviceScene, changeId: string) => undoDeviceChange(scene.platform, scene.by, { changeId });
  await refused(new RegExp(`^Cannot undo "${changeId}" as "${merged.changeId}" came after it$`), undo(s, changeId));
  await refused(/^Cannot find the change/, undo(other, changeId));
  await undo(s, merged.changeId);
  await undo(s, changeId);
  await refused(/^Cannot undo "chg-\w+" as it was undone at/, undo(s, changeId));
});

eachDatabase("an agent that reports two devices as one undoes neither a split nor a merge by a person", async () => {
  await using s = await deviceScene();
  const id = await mixed(s);
  const { otherId } = await splitDevice(s.platform, s.by, { device: id, selector: { deviceKey: "two" } });
  const third = await s.upload({ serial: "", address: "10.1.0.20", deviceKey: "three", model: "MX-20" });
  const fourth = await s.upload({ serial: "", address: "10.1.0.21", deviceKey: "four", model: "MX-20" });
  const fifth = await s.upload({ serial: "", address: "10.1.0.22", deviceKey: "five", model: "MX-20" });
  await mergeDevice(s.platform, s.by, { device: third, other: fourth });
  for (const [deviceKey, mergedKey] of [["one", "two"], ["two", "one"], ["five", "four"], ["five", "three"]] as const) {
    await s.upload({ deviceKey, mergedKey });
  }
  const { devices } = await listDevices(s.platform, s.by, {});
  assert.deepEqual(devices.map(({ row }) => row.device_id).sort(), [id, otherId, third, fifth].sort());
  assert.equal(await s.upload({ ...right, total: 70 }), otherId);
  assert.equal(await s.upload({ ...left, total: 1070 }), id);
});

eachDatabase("samples older than the kept records stay with a device that is split, and it says so", async () => {
  await using s = await deviceScene();
  const id = await mixed(s);
  const firstDay = s.now();
  s.pass(40 * 24 * hour);
  await dropOld(s.store, { now: new Date(s.now()), retention: defaultRetention });
  const kept = s.now();
  await s.upload({ ...left, total: 2000 });
  s.pass(hour);
  await s.upload({ ...right, total: 200 });
  const before = await totals(s, id), known = await knownOf(s.tenant);
  const split = await splitDevice(s.platform, s.by, { device: id, selector: { deviceKey: "two" } });
  assert.deepEqual([split.readings, split.undividedBefore], [1, kept]);
  assert.deepEqual(await totals(s, split.otherId), [200]);
  assert.deepEqual(await totals(s, id), before.filter((value) => value !== 200));
  // A bill for the time before is as it was, and nothing of it is on the new device's.
  const period = { from: new Date(firstMs), until: new Date(firstDay + hour), name: "total" };
  assert.deepEqual((await meterPeriods(s.platform, s.by, period)).map(({ device_id }) => device_id), [id]);
  await undoDeviceChange(s.platform, s.by, { changeId: split.changeId });
  assert.deepEqual(await knownOf(s.tenant), known);
  // All of what is kept can be divided.
  s.pass(1);
  const other = await s.upload({ serial: "EEE55555", address: "10.1.0.50", network: "one", deviceKey: "e" });
  s.pass(hour);
  assert.equal(await s.upload({ serial: "EEE55555", address: "10.1.0.50", network: "two", deviceKey: "e" }), other);
  const whole = await splitDevice(s.platform, s.by, { device: other, selector: { network: "two" } });
  assert.equal(whole.undividedBefore, null);
});

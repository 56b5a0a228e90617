/** Who a device is over time, where two agents see it or two devices show the same. */
import assert from "node:assert/strict";
import { evidenceOf, historyOf } from "../../platform/devices/devices.ts";
import { deviceRows } from "../../platform/devices/listed_devices.ts";
import { eachDatabase } from "../fixtures/each_database.ts";
import { deviceScene, firstMs, type Upload } from "./device_changes_fixture.ts";

const dayMs = 86_400_000;
const mac = "00:1b:a9:00:00:01";

interface Seen extends Upload {
  /** Number of the agent. */
  by?: number;
  /** Days after the first. */
  day: number;
  site?: string;
}

/** What the devices of one customer are after two of its agents have seen this, in this order. */
async function devicesAfter(seen: Seen[]) {
  await using scene = await deviceScene();
  const { tenant, agentIds } = scene;
  scene.pass(10 * dayMs);
  for (const { by = 0, day, site = "Berlin", ...parts } of seen) {
    await scene.upload({ observedAt: new Date(firstMs + day * dayMs), ...parts, agent: by, network: site });
  }
  return await Promise.all((await deviceRows(tenant)).map(async (device) => ({
    ...device,
    by: agentIds.indexOf(device.agent_id),
    history: (await historyOf(tenant, device.device_id)).map(({ kind }) => kind),
    knownBy: (await evidenceOf(tenant, device.device_id)).map(({ kind }) => kind),
  })));
}

eachDatabase(
  "a device that two agents see in turns is one, stays with the first, and has no endless history",
  async () => {
    const seen = [0, 0.1, 0.2, 0.3, 0.4, 0.5].map((day, i) => ({
      day,
      by: i % 2,
      site: i % 2 === 0 ? "Berlin" : "Head office",
      address: i % 2 === 0 ? "10.1.0.7" : "192.168.1.7",
      total: 100 + i,
    }));
    const [device, ...others] = await devicesAfter(seen);
    assert.equal(others.length, 0);
    assert.deepEqual([device!.by, device!.network, device!.address, device!.total], [0, "Berlin", "10.1.0.7", 105]);
    assert.deepEqual(device!.history, ["appeared"]);
  },
);

eachDatabase("a device goes over to another agent when its own has not seen it for a day", async () => {
  const [device] = await devicesAfter([{ day: 0 }, { day: 0.5, by: 1 }, { day: 0.9, by: 1 }, { day: 1, by: 1 }]);
  assert.deepEqual([device!.by, device!.history], [1, ["appeared", "agentChanged"]]);
});

eachDatabase("a MAC address that two devices show in turns tells neither, and is logged once", async () => {
  const turns = Array.from(
    { length: 8 },
    (_, i) => ({ day: i / 10, serial: i % 2 === 0 ? "AAA11111" : "BBB22222", mac }),
  );
  const devices = await devicesAfter(turns);
  assert.deepEqual(devices.map(({ serial, knownBy }) => [serial, knownBy]).toSorted(), [
    ["AAA11111", ["serial"]],
    ["BBB22222", ["serial"]],
  ]);
  assert.deepEqual(devices.map(({ history }) => history.length).toSorted(), [2, 3]);
});

eachDatabase(
  "a network card that moved tells the device that it is in now, also to a reading that comes late",
  async () => {
    const devices = await devicesAfter([
      { day: 0, serial: "AAA11111", mac },
      { day: 2, serial: "BBB22222", mac },
      { day: 1, serial: "AAA11111", mac },
    ]);
    assert.deepEqual(devices.map(({ serial, knownBy }) => [serial, knownBy]).toSorted(), [
      ["AAA11111", ["serial"]],
      ["BBB22222", ["mac", "serial"]],
    ]);
  },
);

eachDatabase("addresses that two devices exchanged are told as two changes of the same two devices", async () => {
  const [a, b] = [{ serial: "AAA11111" }, { serial: "BBB22222" }];
  const devices = await devicesAfter([
    { ...a, day: 0, address: "10.1.0.7" },
    { ...b, day: 0, address: "10.1.0.9" },
    { ...a, day: 1, address: "10.1.0.9" },
    { ...b, day: 1, address: "10.1.0.7" },
  ]);
  assert.deepEqual(devices.map(({ serial, address, history }) => [serial, address, history]), [
    ["BBB22222", "10.1.0.7", ["appeared", "addressChanged"]],
    ["AAA11111", "10.1.0.9", ["appeared", "addressChanged"]],
  ]);
});

eachDatabase("a board with another engine id and MAC address leaves a device the same", async () => {
  const [device, ...others] = await devicesAfter([
    { day: 0, mac, engineId: "8000097d0300000001" },
    { day: 1, mac: "00:1b:a9:00:00:02", engineId: "8000097d0300000002" },
  ]);
  assert.deepEqual([device!.history, others.length], [["appeared"], 0]);
});

for (const serial of ["00000", "X", "unknown"]) {
  eachDatabase(`two devices that say "${serial}" as their serial number are two`, async () => {
    const devices = await devicesAfter([
      { day: 0, serial, mac, address: "10.1.0.7" },
      { day: 0, serial, mac: "00:1b:a9:00:00:02", address: "10.1.0.8" },
    ]);
    assert.equal(devices.length, 2);
  });
}

eachDatabase(
  "devices of which the policy masks serial number and address are told apart by the agent's own ids",
  async () => {
    const masked = { serial: "", address: "" };
    const devices = await devicesAfter([
      { ...masked, day: 0, deviceKey: "key-1", total: 100 },
      { ...masked, day: 0, deviceKey: "key-2", total: 200 },
      { ...masked, day: 1, deviceKey: "key-1", total: 110 },
    ]);
    assert.equal(devices.length, 2);
    assert.deepEqual(devices.map(({ knownBy, address }) => [knownBy, address]), [[["key"], ""], [["key"], ""]]);
  },
);

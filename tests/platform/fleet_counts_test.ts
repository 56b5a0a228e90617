/** The numbers of the overview are those of the lists. */
import assert from "node:assert/strict";
import { closeSite } from "../../platform/customers/close.ts";
import { mergeDevice, undoDeviceChange } from "../../platform/devices/merge_device.ts";
import { fleetCounts } from "../../platform/devices/fleet_counts.ts";
import { listDevices } from "../../platform/devices/list_devices.ts";
import { eachDatabase } from "../fixtures/each_database.ts";
import { readingOf } from "../fixtures/platform_uploads.ts";
import { checkCounts } from "./checked_counts.ts";
import { deviceScene } from "./device_changes_fixture.ts";
import { portalScene } from "./portal_scene.ts";
import { operator } from "./users_fixture.ts";

eachDatabase(
  "fleetCounts() is what listDevices() counts, also of merged devices and closed sites, for one dealer",
  async () => {
    await using scene = await portalScene();
    const { platform: { platform, queries }, acme, other, berlin, bonn } = scene;
    const { dealer_id: dealerId } = (await queries.get<{ dealer_id: string }>(
      "SELECT dealer_id FROM customers WHERE customer_id = :acme",
      { acme },
    ))!;
    const readings = (from: number) =>
      [0, 1, 2].map((n) => readingOf({ address: `10.1.0.${from + n}`, serial: `SERIAL${from + n}` }));
    const [one, two] = await scene.devices(acme, berlin, readings(1));
    await scene.devices(acme, bonn, readings(11));
    await queries.run("UPDATE devices SET last_seen_at = last_seen_at - 172800000");
    await scene.devices(acme, bonn, readings(21));
    const same = async () => {
      const counted = await fleetCounts(platform, operator, { dealerId, bySite: true });
      const whole = await fleetCounts(platform, operator, { dealerId, bySite: false });
      const totals = (all: typeof counted) => [...all].map(([id, { sites: _, ...sums }]) => [id, sums]);
      assert.deepEqual(totals(whole), totals(counted));
      assert.equal(whole.get(acme)!.sites.size, 0);
      assert.notEqual(counted.get(acme)!.sites.size, 0);
      const { counts } = await listDevices(platform, { ...operator, tenant: acme }, { limit: 1 });
      const { devices, silent, low } = counted.get(acme)!;
      assert.deepEqual([devices, silent, low], [counts.found, counts.silent, counts.low]);
      assert.equal(counted.get(other), undefined);
      assert.equal(counted.get(scene.foreign), undefined);
      return [devices, silent];
    };
    assert.deepEqual(await same(), [9, 6]);
    await mergeDevice(platform, { ...operator, tenant: acme }, { device: one!, other: two!, reason: "one printer" });
    assert.deepEqual(await same(), [8, 5]);
    await closeSite(platform, { ...operator, tenant: acme }, { site: "Bonn", reason: "moved", revokeAgents: true });
    assert.deepEqual(await same(), [2, 2]);
    assert.equal((await fleetCounts(platform, operator, { dealerId, bySite: false })).get(acme)!.agents, 1);

    // Late by what the platform set, by the usual interval, and by one of its own configuration.
    const late = async (minutes: number, poll: number | null, config: string | null) => {
      await queries.run(
        `UPDATE agents SET last_seen_at = :at, poll_seconds = :poll, effective_config = :config
         WHERE customer_id = :acme AND state = 'active'`,
        { at: platform.clock.now().getTime() - minutes * 60_000, poll, config, acme },
      );
      const told = await Promise.all(
        [true, false].map(async (bySite) => (await fleetCounts(platform, operator, { dealerId, bySite })).get(acme)!),
      );
      assert.equal(told[0]!.silentAgents, told[1]!.silentAgents);
      return told[0]!.silentAgents;
    };
    assert.deepEqual([await late(3, 60, null), await late(5, 60, null)], [0, 1]);
    assert.deepEqual([await late(15, null, null), await late(17, 0, "site: x")], [0, 1]);
    const hourly = "poll:\n  interval: 1h";
    assert.deepEqual([await late(170, null, hourly), await late(190, 0, hourly)], [0, 1]);
  },
);

eachDatabase(
  "kept counts follow a device from agent to agent, into a merge and out of it",
  async () => {
    await using scene = await deviceScene();
    const { platform, by } = scene, address = "10.1.0.1";
    const two = { serial: "SERIAL02", address: "10.1.0.2" };
    const first = await scene.upload({ serial: "SERIAL01", address, low: true });
    scene.pass(3_600_000);
    const other = await scene.upload({ ...two, agent: 1, low: true });
    await checkCounts(scene);
    scene.pass(1000);
    await scene.upload({ ...two, agent: 1, low: false });
    await scene.upload({ ...two, agent: 1, offline: true });
    await checkCounts(scene);
    await scene.upload({ ...two, agent: 0, low: true });
    await checkCounts(scene);
    scene.pass(1000);
    await scene.upload({ ...two, agent: 1, low: undefined });
    await checkCounts(scene);
    const { changeId } = await mergeDevice(platform, by, { device: first, other });
    await checkCounts(scene);
    await undoDeviceChange(platform, by, { changeId });
    await checkCounts(scene);
    // As a low device that goes to another agent with the supplies that it had.
    await scene.tenant.run(
      "UPDATE devices SET agent_id = :agent WHERE customer_id = :customer AND device_id = :first",
      {
        first,
        agent: scene.agentIds[1]!,
      },
    );
    await checkCounts(scene);
  },
);

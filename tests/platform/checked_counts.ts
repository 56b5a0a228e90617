/** Counts of devices that the store keeps, against a recount. */
import assert from "node:assert/strict";
import { fleetCounts, noCounts } from "../../platform/devices/fleet_counts.ts";
import { listDevices } from "../../platform/devices/list_devices.ts";
import type { DeviceScene } from "./device_changes_fixture.ts";

/** What is kept is what there is, and what is told is what the list of devices finds. */
export async function checkCounts(scene: DeviceScene): Promise<void> {
  await checkKept(scene);
  await checkTold(scene);
}

async function checkKept({ tenant }: DeviceScene): Promise<void> {
  const same = async (kept: string, counted: string) =>
    assert.deepEqual(await tenant.all(kept), await tenant.all(counted));
  await same(
    `SELECT agent_id, seen_hour, devices, offline FROM device_counts WHERE customer_id = :customer
     ORDER BY agent_id, seen_hour`,
    `SELECT agent_id, last_seen_at / 3600000 AS seen_hour, count(*) AS devices,
       count(*) FILTER (WHERE state = 'offline') AS offline
     FROM devices WHERE customer_id = :customer GROUP BY agent_id, last_seen_at / 3600000 ORDER BY agent_id, seen_hour`,
  );
  await same(
    "SELECT agent_id, low FROM low_counts WHERE customer_id = :customer ORDER BY agent_id",
    `SELECT d.agent_id, count(*) AS low FROM devices d
     JOIN device_state s ON s.customer_id = d.customer_id AND s.device_id = d.device_id
     WHERE d.customer_id = :customer AND s.low > 0 GROUP BY d.agent_id ORDER BY d.agent_id`,
  );
}

/* The list looks at each device. */
async function checkTold({ platform, by, tenant }: DeviceScene): Promise<void> {
  const { dealer_id: dealerId } = (await tenant.get<{ dealer_id: string }>(
    "SELECT dealer_id FROM customers WHERE customer_id = :customer",
  ))!;
  const told = (await fleetCounts(platform, by, { dealerId, bySite: true })).get(by.tenant) ??
    { ...noCounts, sites: [] };
  const { sites: _, ...whole } = (await fleetCounts(platform, by, { dealerId, bySite: false })).get(by.tenant) ??
    { ...noCounts, sites: [] };
  const { sites: _sites, ...sums } = told;
  assert.deepEqual(whole, sums);
  const listed = async (filters: { site?: string }) => {
    const { counts: { found, silent, low } } = await listDevices(platform, by, { ...filters, limit: 1 });
    return [found, silent, low];
  };
  assert.deepEqual([told.devices, told.silent, told.low], await listed({}));
  for (const [site, { devices, silent, low }] of told.sites) {
    assert.deepEqual([devices, silent, low], await listed({ site }), site);
  }
}

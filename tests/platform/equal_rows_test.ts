/** Pages of lists whose rows have the same time and name, as after merges. */
import assert from "node:assert/strict";
import { alertRows } from "../../platform/devices/alerts.ts";
import { meterHistoryRows } from "../../platform/devices/samples.ts";
import type { Page } from "../../platform/store/page.ts";
import { eachDatabase } from "../fixtures/each_database.ts";
import { deviceScene } from "./device_changes_fixture.ts";

const rows = Array.from({ length: 60 }, (_, i) => i);

/** All pages, of a length that changes, as people do it. */
async function paged<T>(ask: (page: Page) => Promise<T[]>): Promise<T[]> {
  const all: T[] = [];
  for (let limit = 1; all.length < rows.length; limit = limit % 11 + 1) {
    const page = await ask({ limit, offset: all.length });
    if (page.length === 0) break;
    all.push(...page);
  }
  return all;
}

eachDatabase("pages of values and alerts of the same moment repeat none and leave out none", async () => {
  await using scene = await deviceScene();
  const { tenant } = scene, deviceId = await scene.upload({}), at = scene.now();
  for (const i of rows) {
    const parameters = { device_id: deviceId, at, origin: `dev-${i * 7 % 60}`, i };
    await tenant.run(
      `INSERT INTO samples (customer_id, device_id, kind, name, observed_at, origin, value, unit, level)
       VALUES (:customer, :device_id, 'meter', 'same', :at, :origin, :i, 'pages', '')`,
      parameters,
    );
    await tenant.run(
      `INSERT INTO alerts (customer_id, device_id, alert_key, first_seen_at, origin, severity, alert_group, description,
         last_seen_at)
       VALUES (:customer, :device_id, 'same', :at, :origin, 'warning', 'marker', CAST(:i AS TEXT), :at)`,
      parameters,
    );
  }
  const values = await paged((page) => meterHistoryRows(tenant, { deviceId, name: "same", ...page }));
  assert.deepEqual(values.map(({ value }) => value).sort((a, b) => a - b), rows);
  const alerts = await paged(async (page) => (await alertRows(tenant, { filters: {}, ended: true, ...page })).rows);
  assert.deepEqual(alerts.map(({ description }) => Number(description)).sort((a, b) => a - b), rows);
});

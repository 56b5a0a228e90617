/** What is billed at the ends of periods: daylight saving time, readings at one time, and what a statement remembers. */
import assert from "node:assert/strict";
import { makeStatement, previewStatement } from "../../platform/billing/make_statement.ts";
import { daysOfMonth, timesOf } from "../../platform/billing/period.ts";
import { basisOf } from "../../platform/billing/series.ts";
import { changeBillingSettings } from "../../platform/billing/settings.ts";
import type { StatementRow } from "../../platform/billing/statement.ts";
import { statementRows, storedBasis } from "../../platform/billing/statements.ts";
import { eachDatabase } from "../fixtures/each_database.ts";
import { type BillingScene, billingScene } from "./billing_scene.ts";

const billed = (rows: readonly StatementRow[]) => rows.reduce((sum, row) => sum + row.billed, 0);
const hourMs = 3_600_000;

/** A page an hour, read at half past, over these days of the zone and three hours before and after. */
async function hourly(scene: BillingScene, period: { from: number; until: number }): Promise<number> {
  const device = await scene.device(), values: Record<string, number> = {};
  let pages = 0;
  for (let at = period.from - 2.5 * hourMs; at < period.until + 3 * hourMs; at += hourMs) {
    values[new Date(at).toISOString()] = 1000 + pages++;
  }
  await scene.read(device, values);
  return (period.until - period.from) / hourMs;
}

for (
  const { zone, days, hours } of [
    { zone: "Europe/Berlin", days: ["2026-03-28", "2026-03-29", "2026-03-30"], hours: [24, 23, 24] },
    { zone: "Europe/Berlin", days: ["2025-10-25", "2025-10-26", "2025-10-27"], hours: [24, 25, 24] },
    // Midnight is left out, or comes twice.
    { zone: "Asia/Beirut", days: ["2026-03-28", "2026-03-29", "2026-03-30"], hours: [24, 23, 24] },
    { zone: "America/Havana", days: ["2025-11-01", "2025-11-02", "2025-11-03"], hours: [24, 25, 24] },
    { zone: "Australia/Lord_Howe", days: ["2026-04-04", "2026-04-05", "2026-04-06"], hours: [24, 24.5, 24] },
  ]
) {
  eachDatabase(`each hour is billed once where the clocks change: ${zone}, ${days[1]}`, async () => {
    await using scene = await billingScene();
    const { platform, by } = scene;
    platform.clock.advance(30 * 24 * hourMs);
    await changeBillingSettings(platform, by, { zone });
    const all = timesOf({ fromDay: days[0]!, toDay: days[2]! }, zone);
    assert.equal(await hourly(scene, all), hours.reduce((a, b) => a + b));
    const ofDays: number[] = [];
    for (const [i, day] of days.entries()) {
      const { number } = await makeStatement(platform, by, { fromDay: day, toDay: day });
      const pages = billed(await Array.fromAsync(statementRows(platform, by, number)));
      // A page is counted by the reading after it, which may be half an hour away.
      assert.ok(Math.abs(pages - hours[i]!) <= 0.5, `${day}: ${pages}`);
      ofDays.push(pages);
    }
    const whole = (await previewStatement(platform, by, { fromDay: days[0]!, toDay: days[2]! })).rows;
    assert.equal(ofDays.reduce((a, b) => a + b), whole[0]!.counted);
  });
}

eachDatabase("a reading at the last moment of a month of a zone is billed in that month, and once", async () => {
  await using scene = await billingScene();
  const { platform, by } = scene;
  platform.clock.advance(40 * 24 * hourMs);
  await changeBillingSettings(platform, by, { zone: "Europe/Berlin" });
  const device = await scene.device();
  // The clocks go forward in March: its end is two hours before that of UTC.
  await scene.read(device, {
    "2026-02-28T23:00:00Z": 1000,
    "2026-03-31T22:00:00Z": 1400,
    "2026-03-31T22:00:00.001Z": 1401,
    "2026-04-30T22:00:00Z": 1900,
  });
  const of = async (month: string) => {
    const { number } = await makeStatement(platform, by, daysOfMonth(month));
    return billed(await Array.fromAsync(statementRows(platform, by, number)));
  };
  assert.deepEqual([await of("2026-03"), await of("2026-04")], [400, 500]);
});

eachDatabase("two readings of one time count in the same order, whichever came first", async () => {
  await using scene = await billingScene();
  const { platform, by, tenant } = scene;
  const at = Date.parse("2026-03-10T12:00:00Z");
  for (const origins of [["", "b"], ["b", ""]]) {
    const device = await scene.device({ serial: `S${origins[0]}`, address: `10.1.0.${origins[0] === "" ? 7 : 8}` });
    await scene.read(device, { "2026-02-28": 1000, "2026-03-20": 1300 });
    for (const origin of origins) {
      await tenant.run(
        `INSERT INTO samples (customer_id, device_id, kind, name, observed_at, origin, value, unit, level)
         VALUES (:customer, :device, 'meter', 'total', :at, :origin, :value, 'impressions', '')`,
        { device, at, origin, value: origin === "" ? 1200 : 1190 },
      );
    }
  }
  const { rows } = await previewStatement(platform, by, daysOfMonth("2026-03"));
  const what = rows.map((
    { counted, marks },
  ) => [counted, marks.filter(({ kind }) => kind === "reset" || kind === "dip")]);
  assert.deepEqual(what[0], what[1]);
  assert.deepEqual((what[0]![1] as { kind: string; before: number }[])[0]!.before, 1200);
});

eachDatabase("what a statement remembers of its samples is what it is compared with later", async () => {
  await using scene = await billingScene();
  const { platform, by } = scene;
  const device = await scene.device(), other = await scene.device({ address: "10.1.0.8", serial: "S2" });
  await scene.read(device, { "2026-02-20": 900, "2026-02-28": 1000, "2026-03-05": 1100, "2026-04-02": 1200 });
  await scene.read(device, { "2026-03-05": 10.25, "2026-03-06": 11.5 }, "metres", "metres");
  await scene.read(other, { "2026-02-28": 5, "2026-04-02": 6 });
  const march = daysOfMonth("2026-03"), period = timesOf(march, "UTC");
  const of = (number: number) => platform.store.transaction((tx) => storedBasis(tx.tenant(by.tenant), number));
  const now = () => platform.store.transaction((tx) => basisOf(tx.tenant(by.tenant), period));
  await makeStatement(platform, by, march);
  assert.deepEqual([...await of(1)], [...await now()]);
  assert.deepEqual([...(await of(1)).keys()], [device]);
  // By some meters alone, the same is remembered.
  await makeStatement(platform, by, { ...march, meters: ["metres"], supersede: 1 });
  assert.deepEqual([...await of(2)], [...await now()]);
  await scene.read(device, { "2026-03-07": 1150 });
  assert.notDeepEqual([...await of(2)], [...await now()]);
});

eachDatabase("a counter with many digits is billed as it was read", async () => {
  await using scene = await billingScene();
  const { platform, by } = scene, [first, last] = [0.1 + 0.2, 12_345_678.901234567];
  await scene.read(await scene.device(), { "2026-02-28": first, "2026-03-31": last });
  const { rows } = await previewStatement(platform, by, daysOfMonth("2026-03"));
  assert.deepEqual([rows[0]!.first!.value, rows[0]!.last!.value, rows[0]!.counted], [first, last, last - first]);
});

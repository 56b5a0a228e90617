import assert from "node:assert/strict";
import type { Reading } from "../common/reading/reading.ts";
import { listRaisedAlerts } from "../platform/alerts/list_alerts.ts";
import { openPlatform } from "../platform/compose.ts";
import { createCustomer, createSite } from "../platform/customers/customers.ts";
import { listDevices } from "../platform/devices/list_devices.ts";
import { listEmptying } from "../platform/devices/list_forecasts.ts";
import { bareReading } from "../tests/fixtures/sample_reading.ts";
import { addWeeks, onDay } from "./weeks_of_history.ts";

const now = new Date("2026-11-26T12:00:00Z"), dayMs = 86_400_000;
const source = { oid: "1.3.6.1.2.1.43.10.2.1.4.1.1", rule: "rfc3805", raw: 5000 };

function printer(n: number): Reading {
  return bareReading({
    observedAt: now.toISOString(),
    address: `127.77.0.${n + 11}`,
    manufacturer: "Example",
    model: "LX-100",
    serial: `SER${1000 + n}`,
    meters: [{ name: "total", value: 50_000 + n, unit: "impressions", source }],
    supplies: [12, 55, 90].map((percent, i) => ({
      index: `1.${i + 1}`,
      kind: "toner",
      colorant: "black",
      description: "Toner",
      partNumber: "TN-1",
      serial: null,
      level: { kind: "exact", percent, level: percent, capacity: 100, unit: "percent" },
      source,
    })),
  });
}

Deno.test("made-up weeks: meters grow until today, levels fall and jump up, and both end where the printer is", () => {
  for (let n = 0; n < 8; n++) {
    let before = onDay(printer(n), { day: 71, n, at: now, now });
    for (let day = 70; day >= 0; day--) {
      const reading = onDay(printer(n), { day, n, at: new Date(now.getTime() - day * dayMs), now });
      assert(reading.meters[0]!.value >= before.meters[0]!.value);
      for (const { level } of reading.supplies) assert(level.percent! >= 0 && level.percent! <= 100);
      before = reading;
    }
    assert.deepEqual(before.meters, printer(n).meters);
    assert.deepEqual(before.supplies.map(({ level }) => level.percent), [12, 55, 90]);
  }
});

Deno.test("addWeeks() fills a platform with devices, forecasts, and alerts that came, went and last", async () => {
  const dataDirectory = await Deno.makeTempDir();
  try {
    const open = () => openPlatform({ dataDirectory, clock: { now: () => now, monotonicMs: () => 0 }, log() {} });
    const operator = { actor: { kind: "operator", name: "eva" } } as const;
    let tenant: string;
    {
      await using platform = await open();
      tenant = (await createCustomer(platform, operator, { name: "Acme" })).customer_id;
      await createSite(platform, { ...operator, tenant }, { name: "Head office" });
    }
    const printers = Array.from({ length: 4 }, (_, n) => printer(n)), { signal } = new AbortController();
    assert.equal(await addWeeks({ dataDirectory, printers, now, signal }), 4 * 70 + 4 * 67);
    await using platform = await open();
    const by = { ...operator, tenant };
    assert.equal((await listDevices(platform, by, {})).counts.all, 8);
    assert((await listEmptying(platform, by, { withinDays: 90 })).rows.length >= 3);
    const kinds = async (state: "open" | "acknowledged" | "ended") =>
      new Set((await listRaisedAlerts(platform, by, { state })).map(({ kind }) => kind));
    assert((await kinds("open")).has("agentSilent"));
    assert((await kinds("acknowledged")).has("supplyLow"));
    assert((await kinds("ended")).has("supplyLow"));
    const explained = await listRaisedAlerts(platform, by, { kind: "deviceSilent", explained: true });
    assert.equal(explained.filter(({ cause_id }) => cause_id !== null).length, 4);
  } finally {
    await Deno.remove(dataDirectory, { recursive: true });
  }
});

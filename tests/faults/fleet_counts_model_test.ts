/**
 * Counts that the store keeps, against a recount, over random uploads, merges, splits, undos, closings and retention.
 * `OPENDCA_COUNT_RUNS` is how many sequences are tried.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { UsageError } from "../../common/core/errors.ts";
import { closeSite, reopenSite } from "../../platform/customers/close.ts";
import { addSite } from "../../platform/customers/customers.ts";
import { listDevices } from "../../platform/devices/list_devices.ts";
import { mergeDevice, undoDeviceChange } from "../../platform/devices/merge_device.ts";
import { defaultRetention, dropOld } from "../../platform/devices/retention.ts";
import { splitDevice } from "../../platform/devices/split_device.ts";
import { eachDatabase, isPostgres } from "../fixtures/each_database.ts";
import { type DeviceScene, deviceScene } from "../platform/device_changes_fixture.ts";
import { checkCounts } from "../platform/checked_counts.ts";

const number = fc.nat({ max: 4 }), agent = fc.nat({ max: 1 });
type Step =
  | { type: "upload"; machine: number; agent: number; low: boolean | undefined; offline: boolean; late: number }
  | { type: "pass"; minutes: number }
  | { type: "merge" | "split" | "undo" | "close" | "drop"; a: number; b: number };
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant("upload" as const),
      machine: number,
      agent,
      low: fc.constantFrom(true, false, undefined),
      offline: fc.boolean(),
      late: fc.constantFrom(0, 0, 90, 1500),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constant("pass" as const), minutes: fc.constantFrom(7, 59, 300, 1441) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constantFrom("merge" as const, "split" as const, "undo" as const, "close" as const, "drop" as const),
      a: number,
      b: number,
    }),
  },
);

eachDatabase("what the overview counts is what a recount finds, whatever happens to devices", async () => {
  const numRuns = Number(Deno.env.get("OPENDCA_COUNT_RUNS") ?? (isPostgres() ? 4 : 50));
  const did = { uploads: 0, merge: 0, split: 0, undo: 0, close: 0, drop: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 6, maxLength: 30 }), async (steps) => {
      await using s = await deviceScene();
      const bonn = await addSite(s.tenant, { name: "Bonn", at: new Date(s.now()) });
      await s.tenant.run("UPDATE agents SET site_id = :site WHERE customer_id = :customer AND agent_id = :id", {
        site: bonn.site_id,
        id: s.agentIds[1]!,
      });
      const changes: string[] = [];
      for (const each of steps) {
        if (each.type === "pass") s.pass(each.minutes * 60_000);
        else if (each.type === "upload") {
          did.uploads++;
          await uploadOf(s, each);
        } else {
          try {
            await change(s, each, changes);
            did[each.type]++;
          } catch (error) {
            if (!(error instanceof UsageError)) throw error;
          }
        }
        await checkCounts(s);
      }
    }),
    { numRuns },
  );
  if (numRuns >= 1000) assert.ok(Object.values(did).every((times) => times > 0), JSON.stringify(did));
});

/* Machines 0 and 1 are one row by their MAC address. */
async function uploadOf(s: DeviceScene, { machine, late, ...how }: Step & { type: "upload" }): Promise<void> {
  const identity = machine < 2 ? { serial: "", mac: "00:1b:a9:00:00:01" } : { serial: `SER1000${machine}` };
  const observedAt = new Date(s.now() - late * 60_000);
  await s.upload({ ...identity, ...how, address: `10.1.0.${machine}`, deviceKey: `key-${machine}`, observedAt });
  s.pass(1000);
}

async function change(
  s: DeviceScene,
  { type, a, b }: { type: string; a: number; b: number },
  changes: string[],
): Promise<void> {
  const deviceAt = async (n: number) => {
    const { devices } = await listDevices(s.platform, s.by, {});
    return devices[n % devices.length]?.row.device_id ?? "dev-000000000000";
  };
  switch (type) {
    case "merge": {
      const ids = { device: await deviceAt(a), other: await deviceAt(b) };
      changes.push((await mergeDevice(s.platform, s.by, ids)).changeId);
      break;
    }
    case "split": {
      const device = await deviceAt(a), selector = { deviceKey: `key-${b % 2}` };
      changes.push((await splitDevice(s.platform, s.by, { device, selector })).changeId);
      break;
    }
    case "undo":
      await undoDeviceChange(s.platform, s.by, { changeId: changes[a % changes.length] ?? "chg-000000000000" });
      break;
    case "close": {
      const site = a % 2 === 0 ? "Berlin" : "Bonn";
      if (b % 2 === 0) await closeSite(s.platform, s.by, { site, reason: "moved", revokeAgents: true });
      else await reopenSite(s.platform, s.by, { site });
      break;
    }
    case "drop":
      await dropOld(s.store, { now: new Date(s.now()), retention: { ...defaultRetention, recordDays: 1 } });
  }
}

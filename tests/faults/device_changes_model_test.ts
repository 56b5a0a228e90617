/** Random merges, splits and undos among uploads. `OPENDCA_CHANGE_RUNS` is how many sequences are tried. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { UsageError } from "../../common/core/errors.ts";
import { listDevices } from "../../platform/devices/list_devices.ts";
import { mergeDevice, undoDeviceChange } from "../../platform/devices/merge_device.ts";
import { showDevice } from "../../platform/devices/show_device.ts";
import { splitDevice } from "../../platform/devices/split_device.ts";
import { eachDatabase, isPostgres } from "../fixtures/each_database.ts";
import { type DeviceScene, deviceScene, knownOf, type Upload } from "../platform/device_changes_fixture.ts";

const hour = 3_600_000;
const mac = "00:1b:a9:00:00:01";

/* Which machine, which change, and of which of the devices that there are. */
type Step =
  | { type: "upload"; machine: number; pages: number; late: boolean }
  | { type: "merge"; a: number; b: number }
  | { type: "split"; device: number; machine: number }
  | { type: "undo"; change: number };
const number = fc.nat({ max: 4 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ type: fc.constant("upload" as const), machine: number, pages: number, late: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("merge" as const), a: number, b: number }) },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant("split" as const), device: number, machine: fc.nat({ max: 1 }) }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("undo" as const), change: number }) },
);

/** Machines 0 and 1 are one row by their MAC address; the others have serial numbers. */
function machine(number: number): Upload {
  const address = `10.1.0.${number}`, deviceKey = `key-${number}`;
  return number < 2
    ? { serial: "", mac, address, deviceKey, network: `net${number}` }
    : { serial: `SER1000${number}`, address, deviceKey, network: "office", alert: number === 3 ? "Door open" : "" };
}

eachDatabase(
  "merges, splits and undos lose no reading and double none, and undo gives back what was there",
  async () => {
    const numRuns = Number(Deno.env.get("OPENDCA_CHANGE_RUNS") ?? (isPostgres() ? 4 : 50));
    const did = { merges: 0, splits: 0, undos: 0 };
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 6, maxLength: 30 }), async (steps) => {
        await using s = await deviceScene();
        let uploads = 0;
        const changes: { changeId: string; known: Record<string, string>; uploads: number; changes: number }[] = [];
        let made = 0;
        const deviceAt = async (n: number) => {
          const { devices } = await listDevices(s.platform, s.by, {});
          return devices[n % devices.length]?.row.device_id ?? "dev-000000000000";
        };
        const change = async (kind: "merges" | "splits", work: () => Promise<{ changeId: string }>) => {
          const known = await knownOf(s.tenant);
          try {
            const { changeId } = await work();
            changes.push({ changeId, known, uploads, changes: ++made });
            did[kind]++;
          } catch (error) {
            if (!(error instanceof UsageError)) throw error;
            assert.deepEqual(await knownOf(s.tenant), known);
          }
        };
        for (const each of steps) {
          s.pass(hour);
          if (each.type === "upload") {
            const observedAt = new Date(s.now() - (each.late ? 5 * hour + each.machine : 0));
            await s.upload({ ...machine(each.machine), total: 100 * each.machine + each.pages, observedAt });
            uploads++;
          } else if (each.type === "merge") {
            const device = await deviceAt(each.a), other = await deviceAt(each.b);
            await change("merges", () => mergeDevice(s.platform, s.by, { device, other }));
          } else if (each.type === "split") {
            const device = await deviceAt(each.device), selector = { deviceKey: `key-${each.machine}` };
            await change("splits", () => splitDevice(s.platform, s.by, { device, selector }));
          } else if (changes.length > 0) {
            const at = each.change % changes.length, undone = changes[at]!;
            try {
              await undoDeviceChange(s.platform, s.by, { changeId: undone.changeId });
              changes.splice(at, 1);
              did.undos++;
              const isLast = undone.uploads === uploads && undone.changes === made;
              if (isLast) assert.deepEqual(await knownOf(s.tenant), undone.known);
              made++;
            } catch (error) {
              if (!(error instanceof UsageError)) throw error;
            }
          }
          await checkReadings(s, uploads);
        }
      }),
      { numRuns },
    );
    if (numRuns >= 50) assert.ok(did.merges > 0 && did.splits > 0 && did.undos > 0, JSON.stringify(did));
  },
);

/** Each reading is of one device that there is, and its meters are among the samples of that device. */
async function checkReadings(s: DeviceScene, uploads: number): Promise<void> {
  const records = await s.tenant.all<{ device_id: string; observed_at: number }>(
    `SELECT r.device_id, r.observed_at FROM records r JOIN devices d ON d.customer_id = r.customer_id AND d.device_id = r.device_id
     WHERE r.customer_id = :customer AND r.kind = 'reading'`,
  );
  assert.equal(records.length, uploads);
  const { devices, counts } = await listDevices(s.platform, s.by, {});
  assert.deepEqual([counts.found, counts.all], [devices.length, devices.length]);
  let readings = 0;
  for (const { row } of devices) {
    const { agents, view } = await showDevice(s.platform, s.by, { device: row.device_id });
    readings += agents.reduce((sum, { readings }) => sum + readings, 0);
    assert.equal(view.meters?.values.find(({ name }) => name === "total")?.value, row.total ?? undefined);
  }
  assert.equal(readings, uploads, "each reading is shown with one device");
  const lost = await s.tenant.all(
    `SELECT r.record_id FROM records r WHERE r.customer_id = :customer AND NOT EXISTS (SELECT 1 FROM samples x
       WHERE x.customer_id = r.customer_id AND x.device_id = r.device_id AND x.observed_at <= r.observed_at
         AND x.observed_at >= r.observed_at - r.observed_at % 86400000)`,
  );
  assert.deepEqual(lost, []);
}

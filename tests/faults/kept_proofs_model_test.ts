/**
 * Random histories: after the records are gone, a statement of any month, quarter or year is proved as it was before.
 * `PROOF_RUNS` is how many are tried.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { changeBillingSettings } from "../../platform/billing/settings.ts";
import { mergeDevice } from "../../platform/devices/merge_device.ts";
import { type ProofScene, proofScene, type SentReading, verdictOf } from "../platform/proof_scene.ts";

const day = 86_400_000, minute = 60_000;
const begin = Date.parse("2025-01-10T08:00:00Z");

/** One upload: when it arrives, and of which agent. */
interface Upload {
  arrivesAt: number;
  agent: number;
  readings: SentReading[];
}

interface History {
  zone: string;
  uploads: Upload[];
  isMerged: boolean;
}

const zones = [
  "UTC",
  "Europe/Berlin",
  "America/New_York",
  "Asia/Kolkata",
  "Pacific/Auckland",
  "America/Santiago",
  "Pacific/Kiritimati",
];
const days = 420;

/* Near the begins of months by any clock, or at any time; some devices are read once in weeks. */
const time = fc.oneof(
  fc.tuple(fc.integer({ min: 0, max: 13 }), fc.integer({ min: -15 * 60, max: 15 * 60 })).map(([month, minutes]) =>
    Date.UTC(2025, 1 + month, 1) + minutes * minute
  ),
  fc.integer({ min: 0, max: days * 24 * 60 }).map((minutes) => begin + minutes * minute),
);

const kinds = ["counts", "counts", "counts", "counts", "resets", "low", "jumps", "wraps"] as const;

const reading = fc.record({
  at: time,
  kind: fc.constantFrom(...kinds),
  total: fc.integer({ min: 0, max: 60 }),
  color: fc.integer({ min: 0, max: 20 }),
  isLate: fc.integer({ min: 0, max: 4 }).map((n) => n === 0),
  lateDays: fc.integer({ min: 1, max: 85 }),
});

const device = fc.record({
  readings: fc.array(reading, { minLength: 1, maxLength: 45 }),
  first: fc.integer({ min: 0, max: 65_000 }),
  /* When it goes to the other site. */
  movesAt: fc.option(fc.integer({ min: 60, max: 350 })),
});

const history: fc.Arbitrary<History> = fc.record({
  zone: fc.constantFrom(...zones),
  devices: fc.array(device, { minLength: 1, maxLength: 3 }),
  /* Readings that come later than the records of their time are kept must not be the false ones. */
  isCalm: fc.boolean(),
  isMerged: fc.boolean(),
}).map(({ zone, devices, isCalm, isMerged }) => ({
  zone,
  uploads: devices.flatMap((each, n) => uploadsOf(each, { n, isCalm })).sort((a, b) => a.arrivesAt - b.arrivesAt),
  isMerged: isMerged && !isCalm,
}));

type Device = typeof device extends fc.Arbitrary<infer T> ? T : never;

function uploadsOf({ readings, first, movesAt }: Device, { n, isCalm }: { n: number; isCalm: boolean }): Upload[] {
  let total = first, color = 0;
  const inOrder = readings.filter(({ at }) => at >= begin).sort((a, b) => a.at - b.at);
  return inOrder.map(({ at: observedAt, kind, isLate, lateDays, ...more }): Upload => {
    let shown = total += more.total;
    color += more.color;
    if (!isCalm && kind === "resets") shown = total = more.total;
    if (!isCalm && kind === "low") shown = Math.floor(total / 3);
    if (!isCalm && kind === "jumps") shown = total + 1e8;
    if (!isCalm && kind === "wraps") shown = total = total > 65_000 ? total - 65_000 : total;
    const delay = isLate ? lateDays * day / (isCalm ? 1 : 4) : minute;
    return {
      arrivesAt: observedAt + delay,
      agent: !isCalm && movesAt !== null && observedAt > begin + movesAt * day ? 1 : 0,
      readings: [{
        serial: `SER1234${n}`,
        address: `10.1.0.${n + 1}`,
        observedAt,
        meters: { total: shown, "print.color": color },
      }],
    };
  });
}

/* As they were before anything was dropped. */
const whole = ["records", "batch_seals"] as const;

async function copyAll({ store }: ProofScene): Promise<void> {
  await store.transaction(async (tx) => {
    for (const table of whole) {
      await tx.run(`INSERT INTO all_${table} SELECT * FROM ${table} WHERE 1 = 1 ON CONFLICT DO NOTHING`);
    }
  });
}

async function restoreAll({ store }: ProofScene): Promise<void> {
  await store.transaction(async (tx) => {
    for (const table of whole) {
      await tx.run(`DELETE FROM ${table}`);
      await tx.run(`INSERT INTO ${table} SELECT * FROM all_${table}`);
    }
    await tx.run("DELETE FROM kept_readings");
    await tx.run("DELETE FROM kept_seals");
  });
}

async function play(scene: ProofScene, { zone, uploads, isMerged }: History): Promise<void> {
  await changeBillingSettings(scene.platform, scene.by, { zone });
  let next = begin + 20 * day;
  for (const { arrivesAt, agent, readings } of uploads) {
    for (; next < arrivesAt; next += 13 * day) {
      scene.at(next);
      await copyAll(scene);
      await scene.drop({ proofDays: 4000 });
    }
    scene.at(arrivesAt);
    await scene.send(agent, readings);
    if (!isMerged) continue;
    const ids = await scene.tenant.all<{ device_id: string; merged_into: string | null }>(
      "SELECT device_id, merged_into FROM devices WHERE customer_id = :customer ORDER BY first_seen_at",
    );
    const [a, b] = ids;
    if (b !== undefined && ids.every(({ merged_into }) => merged_into === null)) {
      await mergeDevice(scene.platform, scene.by, { device: a!.device_id, other: b.device_id });
    }
  }
}

function* periods(): Generator<{ fromDay: string; toDay: string }> {
  const first = Temporal.PlainDate.from("2025-01-01");
  for (const months of [1, 3, 12]) {
    for (let n = 0; n <= 15 - months; n += months === 1 ? 1 : 2) {
      const from = first.add({ months: n });
      yield { fromDay: from.toString(), toDay: from.add({ months }).subtract({ days: 1 }).toString() };
    }
  }
}

Deno.test("a statement of any month, quarter or year is proved after the records are gone as before", async () => {
  await fc.assert(
    fc.asyncProperty(history, async (played) => {
      await using scene = await proofScene(begin);
      for (const sql of whole.flatMap(copyOf)) await scene.store.transaction((tx) => tx.run(sql));
      await play(scene, played);
      await copyAll(scene);
      scene.at(begin + 700 * day);
      await scene.drop({ proofDays: 4000 });
      assert.deepEqual(await scene.tenant.all("SELECT 1 FROM records WHERE customer_id = :customer"), []);
      const after = [];
      for (const period of periods()) after.push(await scene.statement(period));
      await restoreAll(scene);
      for (const [i, period] of [...periods()].entries()) {
        const { preview, lines } = await scene.statement(period);
        assert.deepEqual(after[i]!.preview.rows, preview.rows, period.fromDay);
        assert.deepEqual(after[i]!.lines, lines, `${period.fromDay} to ${period.toDay}`);
        const { problems, rows } = verdictOf(scene, after[i]!);
        assert.deepEqual(problems, []);
        // Parts of a merged device have serial numbers of their own, and steps between them.
        const bad = rows.filter(({ kind, why }) => kind === "wrong" || /no longer keeps/.test(why));
        assert.ok(played.isMerged || bad.length === 0, JSON.stringify(bad));
      }
    }),
    { numRuns: Number(Deno.env.get("PROOF_RUNS") ?? 8) },
  );
});

function copyOf(table: string): string[] {
  const key = table === "records" ? "agent_id, record_id" : "agent_id, received_at, epoch, sequence";
  return [
    `CREATE TABLE all_${table} AS SELECT * FROM ${table} WHERE 1 = 0`,
    `CREATE UNIQUE INDEX all_${table}_key ON all_${table} (customer_id, ${key})`,
  ];
}

/**
 * What is billed, against printers that are played: each knows what it has printed from one reading to the next, whatever
 * its counter showed. And what came late, against all of it computed at once.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { correctMeter, undoCorrection } from "../../platform/billing/corrections.ts";
import { makeStatement, previewStatement } from "../../platform/billing/make_statement.ts";
import { type DayPeriod, daysOfMonth, timesOf } from "../../platform/billing/period.ts";
import { changeBillingSettings } from "../../platform/billing/settings.ts";
import { statementRows } from "../../platform/billing/statements.ts";
import { mergeDevice, undoDeviceChange } from "../../platform/devices/merge_device.ts";
import { eachDatabase, isPostgres } from "../fixtures/each_database.ts";
import { type ProofScene, proofScene } from "./proof_scene.ts";

const minute = 60_000, hour = 60 * minute, day = 24 * hour;
const begin = Date.parse("2026-01-20T00:00:00Z");
const zones = [
  "UTC",
  "Europe/Berlin",
  "Pacific/Kiritimati",
  "Pacific/Pago_Pago",
  "America/Havana",
  "Australia/Lord_Howe",
];
/** A month of 28 days, months and days at whose ends clocks change, and days alone. */
const periods: DayPeriod[] = [
  daysOfMonth("2026-02"),
  daysOfMonth("2026-03"),
  { fromDay: "2026-03-08", toDay: "2026-03-08" },
  { fromDay: "2026-03-29", toDay: "2026-03-29" },
  { fromDay: "2026-04-05", toDay: "2026-04-05" },
  { fromDay: "2026-01-20", toDay: "2026-01-31" },
  { fromDay: "2026-01-20", toDay: "2026-04-05" },
];

interface Step {
  /** Since the reading before. */
  afterMs: number;
  printed: number;
  kind: "counts" | "reset" | "low";
  delayMs: number;
  isTwice: boolean;
}

const step: fc.Arbitrary<Step> = fc.record({
  afterMs: fc.oneof(fc.integer({ min: 5 * minute, max: 8 * hour }), fc.integer({ min: hour, max: 5 * day })),
  printed: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 90 })),
  kind: fc.constantFrom("counts", "counts", "counts", "counts", "counts", "counts", "reset", "low"),
  delayMs: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.integer({ min: minute, max: 60 * day })),
  isTwice: fc.integer({ max: 9, min: 0 }).map((n) => n === 0),
});

const printer = fc.record({
  steps: fc.array(step, { minLength: 1, maxLength: 40 }),
  // A counter of 32 bits that is about to begin again, one of six digits, and others.
  first: fc.constantFrom(20_000, 2 ** 32 - 60, 1_000_000 - 40, 48_000),
  /** The reading after which it is at the other site. */
  movesAfter: fc.option(fc.nat(40)),
});

type Printer = typeof printer extends fc.Arbitrary<infer T> ? T : never;

interface PlayedReading {
  at: number;
  shown: number;
  /** What is to be billed for the time since the reading before. */
  counts: number;
  agent: number;
  arrivesAt: number;
  isTwice: boolean;
}

function played({ steps, first, movesAfter }: Printer): PlayedReading[] {
  const modulus = first > 2 ** 31 ? 2 ** 32 : first > 900_000 ? 1_000_000 : Infinity;
  let at = begin, total = first, waiting = 0, lowSince: number | undefined;
  return steps.map(({ afterMs, printed, delayMs, isTwice, ...own }, n): PlayedReading => {
    at += afterMs;
    // Near its end, a fall is a wrap; soon after a fall, a rise may be the way back of false values.
    let kind = modulus === Infinity ? own.kind : "counts";
    if (lowSince !== undefined && (kind === "reset" || at - lowSince > 3 * day)) kind = "counts";
    total += printed;
    waiting += printed;
    let shown = total, counts = waiting;
    if (kind === "low") {
      [shown, counts] = [0, 0];
      lowSince ??= at;
    } else if (lowSince !== undefined && at - lowSince > 7 * day) {
      // It was low for more than a week: what it shows is a counter that has counted.
      counts = total;
      waiting = 0;
      lowSince = undefined;
    } else {
      if (kind === "reset") [total, shown, counts] = [20, 20, 0];
      waiting = 0;
      lowSince = undefined;
    }
    if (total >= modulus) shown = total -= modulus;
    const agent = movesAfter !== null && n > movesAfter ? 1 : 0;
    return { at, shown, counts: n === 0 ? 0 : counts, agent, arrivesAt: at + 1000 + delayMs, isTwice };
  });
}

/** A printer whose resets are so far apart that none is taken for the way back of another. */
const isClear = ({ steps, first }: Printer) => {
  if (first > 900_000) return true;
  let since = Infinity;
  return steps.every(({ kind, afterMs }) => {
    since += afterMs;
    if (kind === "counts") return true;
    const isFar = since > 8 * day;
    since = 0;
    return isFar;
  }) && steps[0]!.kind === "counts";
};

const serialOf = (n: number) => `SERIAL0${n}`;

async function sendAll(scene: ProofScene, printers: readonly PlayedReading[][]): Promise<void> {
  const all = printers.flatMap((readings, n) => readings.map((reading) => ({ ...reading, n })))
    .sort((a, b) => a.arrivesAt - b.arrivesAt);
  for (const { n, at, shown, agent, arrivesAt, isTwice } of all) {
    scene.at(arrivesAt);
    const sent = { serial: serialOf(n), address: `10.1.0.${n + 1}`, observedAt: at, meters: { total: shown } };
    for (let times = isTwice ? 2 : 1; times > 0; times--) await scene.send(agent, [sent], { isSigned: false });
  }
}

async function billedOf(scene: ProofScene, period: DayPeriod): Promise<number[]> {
  const { rows } = await previewStatement(scene.platform, scene.by, period), billed: number[] = [];
  for (const { device, billed: pages } of rows) {
    const n = Number(device.serial!.slice(-1));
    billed[n] = (billed[n] ?? 0) + pages;
  }
  return billed;
}

eachDatabase("what is billed of any days is what the printers have printed, but for what nobody can know", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(printer.filter(isClear), { minLength: 1, maxLength: 3 }),
      fc.constantFrom(...zones),
      async (printers, zone) => {
        await using scene = await proofScene(begin);
        await changeBillingSettings(scene.platform, scene.by, { zone });
        const all = printers.map(played);
        await sendAll(scene, all);
        scene.at(Date.parse("2026-12-01T00:00:00Z"));
        for (const period of periods) {
          const { from, until } = timesOf(period, zone), billed = await billedOf(scene, period);
          for (const [n, readings] of all.entries()) {
            const printed = readings.filter(({ at }) => at > from && at <= until).reduce(
              (sum, { counts }) => sum + counts,
              0,
            );
            assert.equal(billed[n] ?? 0, printed, `printer ${n}, ${period.fromDay} to ${period.toDay}, ${zone}`);
          }
        }
        await changesAndBack(scene, printers.length);
      },
    ),
    { numRuns: Number(Deno.env.get("PRINTED_RUNS") ?? (isPostgres() ? 4 : 15)) },
  );
});

/** A correction counts in place of the readings in it; once it and a merge are taken back, all is as before. */
async function changesAndBack(scene: ProofScene, printers: number): Promise<void> {
  const { platform, by } = scene, march = daysOfMonth("2026-03");
  const before = await previewStatement(platform, by, march);
  const [from, until] = [new Date("2026-03-05T00:00:00Z"), new Date("2026-03-12T00:00:00Z")];
  const { correction_id: correctionId } = await correctMeter(platform, by, {
    device: serialOf(0),
    meter: "total",
    from,
    until,
    pages: 7,
    reason: "test prints",
  });
  const rows = (await previewStatement(platform, by, march)).rows;
  assert.equal(rows.filter(({ corrected }) => corrected !== 0).reduce((sum, row) => sum + row.corrected, 0) % 7, 0);
  await undoCorrection(platform, by, { correctionId });
  if (printers > 1) {
    const { changeId } = await mergeDevice(platform, by, { device: serialOf(0), other: serialOf(1) });
    await previewStatement(platform, by, march);
    await undoDeviceChange(platform, by, { changeId });
  }
  assert.deepEqual((await previewStatement(platform, by, march)).rows, before.rows);
}

/** Months that are billed as they end; hours from the end to the statement. */
const months = ["2026-02", "2026-03", "2026-04", "2026-05", "2026-06"];
const wait = fc.oneof(fc.integer({ min: 1, max: 3 * 60 }), fc.integer({ min: 60, max: 6 * 24 * 60 }))
  .map((minutes) => minutes * minute);

eachDatabase("months that are billed as they end add up to all that was printed, whatever comes late", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(printer, { minLength: 1, maxLength: 3 }),
      fc.tuple(wait, wait, wait, wait, wait),
      fc.boolean(),
      async (printers, waits, estimate) => {
        await using scene = await proofScene(begin);
        const { platform, by } = scene;
        const all = printers.map(played).flatMap((readings, n) => readings.map((reading) => ({ ...reading, n })))
          .filter(({ at }) => at > Date.parse("2026-02-01T00:00:00Z")).sort((a, b) => a.arrivesAt - b.arrivesAt);
        const ends = months.map((month, i) => ({ month, at: timesOf(daysOfMonth(month), "UTC").until + waits[i]! }));
        let billed = 0, sent = 0;
        for (const { month, at } of ends) {
          for (; sent < all.length && all[sent]!.arrivesAt <= at; sent++) {
            const { n, shown, agent, arrivesAt, ...reading } = all[sent]!;
            scene.at(arrivesAt);
            const printed = { serial: serialOf(n), address: `10.1.0.${n + 1}`, observedAt: reading.at };
            await scene.send(agent, [{ ...printed, meters: { total: shown } }], { isSigned: false });
          }
          scene.at(at);
          const { number } = await makeStatement(platform, by, { ...daysOfMonth(month), estimate });
          for await (const row of statementRows(platform, by, number)) billed += row.billed;
        }
        const whole = { fromDay: "2026-02-01", toDay: "2026-06-30" };
        // Statements that there are say what they left to later ones: none is looked at here.
        await scene.tenant.run("DELETE FROM statements WHERE customer_id = :customer");
        const { rows } = await previewStatement(platform, by, { ...whole, estimate });
        assert.equal(billed, rows.reduce((sum, row) => sum + row.billed, 0));
      },
    ),
    { numRuns: Number(Deno.env.get("PRINTED_RUNS") ?? (isPostgres() ? 4 : 15)) },
  );
});

import type { Level, Meter, Reading, ReadingScope } from "../../common/reading/reading.ts";

/**
 * The last good values after a reading. An awake device is believed in everything it says, unknowns included; a sleeping
 * one answers with −2, zeros and missing rows for what its controller has switched off, and these replace nothing. What
 * was kept is named in `problems` with the code `kept-while-asleep`. A status read says nothing of what it did not ask for.
 */
export function mergeReading(lastGood: Reading | null, reading: Reading, scope: ReadingScope = "full"): Reading {
  if (lastGood === null) return reading;
  const asleep = isAsleep(reading);
  if (!asleep) return scope === "full" ? reading : withMissing(lastGood, reading);
  const meters = mergeMeters(lastGood.meters, reading.meters);
  const supplies = mergeRows(lastGood.supplies, reading.supplies, {
    samePlace: (a, b) => a.index === b.index && a.kind === b.kind && a.colorant === b.colorant,
    sameThing: (a, b) => a.serial === null || b.serial === null || a.serial === b.serial,
  });
  const trays = mergeRows(lastGood.trays, reading.trays, {
    samePlace: (a, b) => a.index === b.index,
    sameThing: () => true,
  });
  const texts = keptTexts(lastGood, reading);
  const kept = meters.kept + supplies.kept + trays.kept + Object.keys(texts).length;
  if (kept === 0) return reading;
  const problem = {
    code: "kept-while-asleep",
    message: `The device sleeps: ${kept} values are those of ${lastGood.observedAt}`,
  };
  return {
    ...reading,
    ...texts,
    meters: meters.rows,
    supplies: supplies.rows,
    trays: trays.rows,
    problems: scope === "full" ? [...reading.problems, problem] : reading.problems,
  };
}

function withMissing(lastGood: Reading, reading: Reading): Reading {
  const missing = lastGood.meters.filter((good) => !reading.meters.some(({ name, unit }) => isMeter(good, name, unit)));
  return {
    ...reading,
    ...keptTexts(lastGood, reading),
    meters: [...reading.meters, ...missing],
    supplies: reading.supplies.length > 0 ? reading.supplies : lastGood.supplies,
    trays: reading.trays.length > 0 ? reading.trays : lastGood.trays,
  };
}

function isMeter(meter: Meter, name: string, unit: string): boolean {
  return meter.name === name && meter.unit === unit;
}

/** Whether the device reports that it sleeps, so that unknown values replace nothing. */
export function isAsleep(reading: Reading): boolean {
  return reading.status.state === "sleeping";
}

const keptFields = ["hostname", "manufacturer", "model", "serial", "mac", "firmware", "location", "contact"] as const;

function keptTexts(lastGood: Reading, reading: Reading): Partial<Reading> {
  const missing = keptFields.filter((field) => reading[field] === null && lastGood[field] !== null);
  return Object.fromEntries(missing.map((field) => [field, lastGood[field]]));
}

/** A lower counter of a sleeping device is ignored: its controller could not read it. */
function mergeMeters(before: readonly Meter[], after: readonly Meter[]): { rows: Meter[]; kept: number } {
  const rows = [...after];
  let kept = 0;
  for (const good of before) {
    const index = rows.findIndex((row) => isMeter(row, good.name, good.unit));
    if (index >= 0 && rows[index]!.value >= good.value) continue;
    if (index >= 0) rows[index] = good;
    else rows.push(good);
    kept++;
  }
  return { rows, kept };
}

/** A cartridge that was replaced does not get the level of the former one. */
function mergeRows<Row extends { level: Level }>(
  before: readonly Row[],
  after: readonly Row[],
  is: { samePlace(a: Row, b: Row): boolean; sameThing(a: Row, b: Row): boolean },
): { rows: Row[]; kept: number } {
  const rows = [...after];
  let kept = 0;
  for (const good of before) {
    const index = rows.findIndex((row) => is.samePlace(good, row));
    const now = rows[index];
    if (now === undefined) rows.push(good);
    else if (now.level.kind === "unknown" && good.level.kind !== "unknown" && is.sameThing(good, now)) {
      rows[index] = { ...now, level: good.level };
    } else continue;
    kept++;
  }
  return { rows, kept };
}

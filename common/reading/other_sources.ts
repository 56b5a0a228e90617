/** Sources that were answered and not taken: what they mean for the value that was. Pure. */
import type { OtherSource, RawValue, WhyNotTaken } from "./reading.ts";

/** Sources that are kept of one meter or level. */
export const mostOthers = 4;
/** A longer answer is left out, and not cut: a cut one could hold half of a value that the policy masks. */
const mostRawText = 64;

/** In words, such as "not valid". */
export const whyNotTakenWords: Readonly<Record<WhyNotTaken, string>> = {
  lowerPriority: "an earlier one won",
  zero: "it is 0, and another one counts",
  idleColours: "black and colour are 0, and pages are counted",
  incomplete: "a part is not answered or not valid",
  totalNotRead: "the device's own total may not have been read",
  implausible: "implausible: no device has counted that far",
  notACount: "not valid",
  levelSome: "only says that some is left",
  levelUnknown: "says that it does not know",
  levelUnlimited: "says that there is no limit",
  unknown: "not taken",
};

/**
 * Whether two page counts are equal except for blank and maintenance pages, which some totals include, and pages
 * printed between two requests: tolerance 2 %, at least 20.
 */
export function agree(a: number, b: number): boolean {
  return Math.abs(a - b) <= Math.max(20, Math.max(a, b) * 0.02);
}

/** Levels in percent: some printers tell one supply in steps of ten in one place, and exactly in another. */
const levelTolerance = 10;

type Other = Pick<OtherSource, "unit"> & { value: number | null | undefined };

/** Whether the source counts the same unit and does not agree with the meter. A counter of 0 may not be maintained. */
export function contradictsMeter(meter: { value: number; unit: string }, { value, unit = meter.unit }: Other): boolean {
  return isNumber(value) && value !== 0 && unit === meter.unit && !agree(meter.value, value);
}

/** Whether the source tells a percentage that is more than ten points from the one that was taken. */
export function contradictsLevel(level: { percent?: number | null | undefined }, { value }: Other): boolean {
  return isNumber(value) && isNumber(level.percent) && Math.abs(level.percent - value) > levelTolerance;
}

function isNumber(value: number | null | undefined): value is number {
  return value !== null && Number.isFinite(value);
}

/** The answer in the form of `OtherSource.raw`: of a row, its level or value. */
export function briefRaw(raw: RawValue): { raw?: number | string } {
  const answer = typeof raw === "object" && raw !== null ? raw.level ?? raw.value : raw;
  if (typeof answer === "string" && answer.length <= mostRawText) return { raw: answer };
  return typeof answer === "number" ? { raw: answer } : {};
}

/** Names of the standard objects that counts and levels are in, for those who know the Printer MIB. */
const objects: readonly [name: string, column: string][] = [
  ["prtMarkerLifeCount", "1.3.6.1.2.1.43.10.2.1.4."],
  ["prtMarkerSuppliesLevel", "1.3.6.1.2.1.43.11.1.1.9."],
];

/** `prtMarkerLifeCount.1.1`; an object of a maker stays a number. */
export function objectText(oid: string): string {
  const known = objects.find(([, column]) => oid.startsWith(column));
  return known === undefined ? oid : `${known[0]}.${oid.slice(known[1].length)}`;
}

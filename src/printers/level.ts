import { percentUnit, SupplyClass } from "./printer_mib.ts";
import type { StandardSupplyQuirks } from "./profile.ts";
import type { Level } from "../../common/reading/reading.ts";

/** Numbers of one row as the device answered them; undefined if it did not. */
export interface RawLevel {
  level: number | undefined;
  capacity: number | undefined;
  unit?: number | undefined;
  /** PrtMarkerSuppliesClassTC. */
  supplyClass?: number | undefined;
}

/**
 * Interprets a level (RFC 3805 prtMarkerSuppliesLevel, prtInputCurrentLevel): −1 no restriction, −2 unknown, −3 at
 * least one unit. The level of a receptacle is its free space, so that 0 is full and `empty` means that no space is
 * left. A percentage is always within 0 to 100, and null if the level is unknown.
 */
export function interpretLevel(raw: RawLevel, quirks: StandardSupplyQuirks = {}): Level {
  const level = finite(raw.level);
  const capacity = finite(raw.capacity);
  const known: Level = {
    kind: "unknown",
    percent: null,
    level: level !== undefined && level >= 0 ? level : null,
    capacity: capacity !== undefined && capacity > 0 ? capacity : null,
  };
  if (level === undefined) return known;
  const code = quirks.codes?.find((it) => it.level === level && (it.capacity ?? capacity) === capacity);
  if (code !== undefined) return { ...known, kind: code.kind, percent: code.kind === "empty" ? 0 : null, level: null };
  if (level === -1) return { ...known, kind: "unlimited" };
  if (level === -3) return { ...known, kind: "some" };
  if (level < 0) return known;
  const whole = wholeOf(raw.unit, { level, capacity, quirks });
  if (whole === undefined) return known;
  if (level > whole * plausibleExcess) return known;
  const share = Math.min(100, level / whole * 100);
  const left = raw.supplyClass === SupplyClass.receptacle && quirks.receptacle === "fill" ? 100 - share : share;
  return { ...known, kind: left === 0 ? "empty" : "exact", percent: Math.round(left) };
}

/**
 * Largest plausible ratio of level to capacity: high-yield cartridges are reported with the capacity of standard ones.
 * With a higher ratio the level has another unit than the capacity, such as pages and percent.
 */
const plausibleExcess = 2;

/** Whether the level exceeds the capacity: it then counts as full, or as unknown if it is implausible. */
export function exceedsCapacity(raw: RawLevel): boolean {
  const whole = wholeOf(raw.unit, { level: raw.level ?? 0, capacity: finite(raw.capacity), quirks: {} });
  return whole !== undefined && (finite(raw.level) ?? 0) > whole;
}

/** The amount that is 100 %; undefined if the device does not report it. */
function wholeOf(
  unit: number | undefined,
  seen: { level: number; capacity: number | undefined; quirks: StandardSupplyQuirks },
): number | undefined {
  if (seen.capacity !== undefined && seen.capacity > 0) return seen.capacity;
  if (unit === percentUnit) return 100;
  return seen.quirks.percentWithoutCapacity && seen.level <= 100 ? 100 : undefined;
}

function finite(number: number | undefined): number | undefined {
  return number !== undefined && Number.isFinite(number) ? number : undefined;
}

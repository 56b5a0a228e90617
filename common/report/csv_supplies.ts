/** The columns of the supplies that the printers of one fleet have. */
import { safeText } from "../core/safe_text.ts";
import type { Level, Reading, Supply } from "../reading/reading.ts";
import type { CsvColumn } from "./csv_rows.ts";
import { longName, shownPercent, verdictOf } from "../reading/supply_verdict.ts";

/** What devices name freely must not make a table that no spreadsheet opens; the others stand under `parts`. */
const mostColumns = 300;
const colours = ["black", "cyan", "magenta", "yellow"];
const withoutNumber = ["some", "unknown", "unlimited"] as const;

/**
 * A column for each supply of any printer, such as `supply.toner.black.percent`: in the order of kinds by name, black, cyan,
 * magenta, yellow, other colours by name. A second one of a printer is `supply.toner.black.2.percent`.
 */
export function fleetSupplyColumns(printers: readonly Reading[]): CsvColumn[] {
  const levels = new Map(printers.map((reading) => [reading, levelsByName(reading)]));
  const names = new Map<string, string>();
  for (const byName of levels.values()) for (const [name, { order }] of byName) names.set(name, order);
  const inOrder = [...names].sort(([, a], [, b]) => a < b ? -1 : a > b ? 1 : 0).slice(0, mostColumns);
  return inOrder.map(([name]) => ({
    name,
    meaning: "percent left",
    valueOf: (reading) => {
      const supply = levels.get(reading)?.get(name);
      return supply === undefined ? null : lowestOf([supply.level]);
    },
  }));
}

function levelsByName({ supplies }: Reading): Map<string, { level: Level; order: string }> {
  const byName = new Map<string, { level: Level; order: string }>();
  const counts = new Map<string, number>();
  for (const supply of supplies) {
    const { path, rank } = keyOf(supply);
    const base = path.join(".");
    const count = (counts.get(base) ?? 0) + 1;
    counts.set(base, count);
    const name = `supply.${base}${count === 1 ? "" : `.${count}`}.percent`;
    const [kind = "", ...what] = path;
    byName.set(name, { level: supply.level, order: [kind, rank, ...what, String(count).padStart(6, "0")].join("\0") });
  }
  return byName;
}

function keyOf(supply: Supply): { path: string[]; rank: string } {
  const kind = safeText(supply.kind, 60), colorant = safeText(supply.colorant, 60);
  if (kind === "other" || kind === "unknown") return { path: [kind, safeText(longName(supply), 60)], rank: "" };
  const colour = colours.indexOf(colorant);
  return { path: colorant === "none" ? [kind] : [kind, colorant], rank: colour < 0 ? "9" : String(colour) };
}

/** The lowest percent, or the word for what is known instead of a number; null for no level at all. */
export function lowestOf(levels: readonly Level[]): number | string | null {
  const percents = levels.filter((level) =>
    level.kind === "empty" || (level.kind === "exact" && level.percent !== null)
  ).map((level) => level.kind === "empty" ? 0 : shownPercent(level.percent!));
  if (percents.length > 0) return Math.min(...percents);
  return withoutNumber.find((kind) => levels.some((level) => verdictOf(level) === kind)) ?? null;
}

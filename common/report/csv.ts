import { csvText } from "./csv_text.ts";
import { type Cell, type CsvColumn, type CsvRows, itemRows } from "./csv_rows.ts";
import type { Level, Reading, ScanDocument, Supply, UnreadDevice } from "../reading/reading.ts";
import { meterOf, whyUnread } from "./fleet.ts";
import { safeText } from "../core/safe_text.ts";
import { inShownOrder, isColorant, longName, shownPercent, verdictOf, words } from "../reading/supply_verdict.ts";

const colourOf = (colorant: string) => ({
  meaning: `${colorant} toner or ink`,
  matches: (supply: Supply) => isColorant(supply) && supply.colorant === colorant,
});

/** Supplies with their own column. */
const ownColumns: Record<string, { meaning: string; matches: (supply: Supply) => boolean }> = {
  black: colourOf("black"),
  cyan: colourOf("cyan"),
  magenta: colourOf("magenta"),
  yellow: colourOf("yellow"),
  drum: { meaning: "drums", matches: (supply) => supply.kind === "drum" },
  waste: { meaning: "free space for waste", matches: (supply) => supply.kind.startsWith("waste") },
};

/* The most that a spreadsheet keeps in one cell. */
const maxCellLength = 32_767;

/**
 * Fixed columns in order; names and order are stable, new ones are added at the end. A level is the remaining
 * percentage as a number (remaining room for waste), the lowest if a printer has several; `some`, `unknown` or
 * `unlimited` if there is no number; and empty if there is no such supply.
 */
export const csvColumns: readonly CsvColumn[] = [
  { name: "address", meaning: "IP address", valueOf: (reading) => reading.address },
  { name: "hostname", meaning: "name as targeted, else sysName", valueOf: (reading) => reading.hostname },
  { name: "manufacturer", meaning: "maker", valueOf: (reading) => reading.manufacturer },
  { name: "model", meaning: "model without maker", valueOf: (reading) => reading.model },
  { name: "serial", meaning: "serial number", valueOf: (reading) => reading.serial },
  { name: "mac", meaning: "hardware address", valueOf: (reading) => reading.mac },
  { name: "firmware", meaning: "firmware version", valueOf: (reading) => reading.firmware },
  { name: "location", meaning: "sysLocation", valueOf: (reading) => reading.location },
  { name: "observedAt", meaning: "when it was read, UTC", valueOf: (reading) => reading.observedAt },
  meterColumn("total", "pages of the printer's life"),
  meterColumn("mono", "of these, black and white"),
  meterColumn("color", "of these, colour"),
  meterColumn("print.total", "printed pages"),
  meterColumn("copy.total", "copied pages"),
  meterColumn("fax.total", "fax pages"),
  meterColumn("scan.total", "scanned pages"),
  meterColumn("duplex", "two-sided sheets"),
  ...Object.entries(ownColumns).map(([name, { meaning, matches }]) => supplyColumn(name, meaning, matches)),
  { name: "state", meaning: "idle, printing, … as in the JSON", valueOf: (reading) => reading.status.state },
  { name: "errors", meaning: "detected errors", valueOf: (reading) => reading.status.errors.map(words).join("; ") },
  { name: "alerts", meaning: "number of active alerts", valueOf: (reading) => reading.alerts.length },
  { name: "problems", meaning: "what could not be read", valueOf: (reading) => joinedProblems(reading) },
  { name: "parts", meaning: "further supplies by name: percent left", valueOf: (reading) => furtherSupplies(reading) },
  {
    name: "deviceIndex",
    meaning: "which of several printers at the address",
    valueOf: (reading) => reading.deviceIndex ?? null,
  },
];

export interface CsvOptions {
  /** Kind of the rows; default: printers. */
  rows?: CsvRows;
  /** A byte order mark, without which Excel guesses the encoding. */
  bom?: boolean;
}

/**
 * RFC 4180 with a heading row. With one row per printer, there is a column for each supply of any printer after the
 * fixed columns. Devices that were found but not read are rows at the end.
 */
export function renderCsv(document: ScanDocument, options: CsvOptions = {}): string {
  const { rows = "printers" } = options;
  const [headings, cells] = rows === "printers" ? printerRows(document) : itemRows(document, rows);
  const unread = document.unread.map((device, index) => {
    const known = unreadCells(device, { index, count: document.unread.length });
    return headings.map((name) => known[name] ?? null);
  });
  return csvText([headings, ...[...cells, ...unread].map((row) => row.map(cellOf))], { bom: options.bom ?? false });
}

function printerRows(document: ScanDocument): [headings: string[], cells: Cell[][]] {
  const columns = [...csvColumns, ...fleetSupplyColumns(document.printers)];
  return [
    columns.map(({ name }) => name),
    document.printers.map((reading) => columns.map(({ valueOf }) => valueOf(reading))),
  ];
}

/** Cells of a device that was found but not read, by column; the reason is under `problems`. */
function unreadCells(
  { address, hostname, description, reason }: UnreadDevice,
  { index, count }: { index: number; count: number },
): Record<string, string | null> {
  const known = description === null ? "" : `; it says ${description}`;
  return { address, hostname, problems: `found but not read (${index + 1} of ${count}): ${whyUnread[reason]}${known}` };
}

function cellOf(value: string | number | null): string | number | null {
  return typeof value === "string" ? safeText(value, maxCellLength - 1) : value;
}

function meterColumn(name: string, meaning: string): CsvColumn {
  return { name, meaning, valueOf: (reading) => meterOf(reading, name) ?? null };
}

function supplyColumn(name: string, meaning: string, matches: (supply: Supply) => boolean): CsvColumn {
  return {
    name,
    meaning: `${meaning}: percent left`,
    valueOf: (reading) => lowestOf(reading.supplies.filter(matches).map((supply) => supply.level)),
  };
}

/** "fuser: 80; Tray 1 Roller: 55" of the supplies without a column. */
function furtherSupplies(reading: Reading): string {
  const further = inShownOrder(reading.supplies)
    .filter((supply) => !Object.values(ownColumns).some(({ matches }) => matches(supply)));
  return further.map((supply) => `${longName(supply)}: ${lowestOf([supply.level]) ?? "unknown"}`).join("; ");
}

function joinedProblems(reading: Reading): string {
  return reading.problems.map((problem) => problem.message).join("; ");
}

/**
 * Limit of columns, as supply names of devices are arbitrary and spreadsheets limit columns; the others are under
 * `parts`.
 */
const mostColumns = 300;
const colours = ["black", "cyan", "magenta", "yellow"];
const withoutNumber = ["some", "unknown", "unlimited"] as const;

/**
 * A column for each supply of any printer, such as `supply.toner.black.percent`: ordered by name of the kind, then
 * black, cyan, magenta, yellow, other colours by name. A printer's second one is `supply.toner.black.2.percent`.
 */
function fleetSupplyColumns(printers: readonly Reading[]): CsvColumn[] {
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

/** The lowest percentage, or a word if there is no number; null without any level. */
function lowestOf(levels: readonly Level[]): number | string | null {
  const percents = levels.filter((level) =>
    level.kind === "empty" || (level.kind === "exact" && level.percent !== null)
  ).map((level) => level.kind === "empty" ? 0 : shownPercent(level.percent!));
  if (percents.length > 0) return Math.min(...percents);
  return withoutNumber.find((kind) => levels.some((level) => verdictOf(level) === kind)) ?? null;
}

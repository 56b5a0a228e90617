import type { OtherDevice, Problem, Reading, ScanDocument, Supply, UnreadDevice } from "../reading/reading.ts";
import {
  counted,
  type Fleet,
  fleetOf,
  grouped,
  hasProblem,
  lowInWords,
  type LowSupply,
  nameOf,
  placeOf,
  totalInWords,
  totalText,
} from "./fleet.ts";
import { safeText } from "../core/safe_text.ts";
import {
  inShownOrder,
  isLow,
  isReceptacle,
  shortName,
  shownPercent,
  type SupplyVerdict,
  verdictOf,
} from "../reading/supply_verdict.ts";
import { cut, flow, lineCells, padLeft, padRight, renderLine, type Span, type Style } from "./terminal_line.ts";
import { type Note, notesOf } from "./printer_notes.ts";

export interface TableOptions {
  /** Width of the terminal in cells; no line is wider. */
  columns: number;
  color: boolean;
  /** False for ASCII signs only; texts of devices are shown unchanged. */
  unicode: boolean;
}

const mostProblems = 10;
const mostNamed = 12;
/* Empty lines between printers help the eye as long as they do not push the first one off the screen. */
const mostAiry = 20;

/** The default output of `opendca scan`: printers by address, then what needs attention, then one line of counts. */
export function renderTable(document: ScanDocument, options: TableOptions): string {
  const fleet = fleetOf(document);
  const lines = printerLines(fleet.printers, options);
  if (document.others !== undefined) lines.push(...otherLines(document.others));
  lines.push(
    ...unreadLines(document.unread),
    ...problemLines(document.problems, options),
    ...attentionLines(fleet, options),
    ...summaryLines(document, fleet, options),
  );
  if (fleet.printers.length === 0) lines.push(...hintLines(document));
  return textOf(lines, options);
}

/** Only the printers, in the given order: for readings that are not from a scan. */
export function renderPrinters(printers: Reading[], options: TableOptions): string {
  return textOf(printerLines(printers, options), options);
}

function textOf(lines: Span[][], options: TableOptions): string {
  return lines.map((line) => `${renderLine(line, options)}\n`).join("");
}

function printerLines(printers: Reading[], options: TableOptions): Span[][] {
  const layout = layoutFor(printers, options);
  const airy = printers.length <= mostAiry;
  return [
    ...(printers.length > 0 ? [headingSpans(layout)] : []),
    ...printers.flatMap((reading) => [...printerBlock(reading, layout), ...(airy ? [[]] : [])]),
    ...(airy ? [] : [[]]),
  ];
}

function otherLines(others: OtherDevice[]): Span[][] {
  if (others.length === 0) return [];
  const lines: Span[][] = [[{ text: "Other devices", style: "bold" }]];
  for (const { address, description, objectId } of others) {
    lines.push([{ text: `  ${safeText(address)}  ${safeText(description ?? objectId ?? "no description")}` }]);
  }
  return [...lines, []];
}

function unreadLines(unread: UnreadDevice[]): Span[][] {
  if (unread.length === 0) return [];
  const lines: Span[][] = [[{ text: `Found but not read: ${counted(unread.length, "device")}`, style: "bold" }]];
  for (const { address, hostname, description, objectId } of unread) {
    const known = description ?? objectId ?? "answered, unknown device";
    const name = hostname === null ? "" : `  ${safeText(hostname)}`;
    lines.push([{ text: `  ${safeText(address)}${name}  ${safeText(known)}` }]);
  }
  return [...lines, []];
}

function problemLines(problems: Problem[], options: TableOptions): Span[][] {
  if (problems.length === 0) return [];
  const lines: Span[][] = [[{ text: "Problems of this scan", style: "bold" }]];
  for (const { address, message } of problems.slice(0, mostProblems)) {
    const where = address === undefined || message.includes(address) ? "" : `${safeText(address)}: `;
    const words = `${where}${safeText(message)}`.split(" ").map((text): Span[] => [{ text }]);
    // Not cut, as the advice is at the end of the sentence.
    const wrapped = flow([[{ text: "!", style: "warn" }], ...words], { width: options.columns - 2, gap: 1 });
    lines.push(...wrapped.map((line, index) => index === 0 ? line : [{ text: "  " }, ...line]));
  }
  const missing = problems.length - mostProblems;
  if (missing > 0) lines.push([{ text: `  and ${missing} more: see --format json`, style: "dim" }]);
  return [...lines, []];
}

/* The last lines are what stays on the screen after 500 printers have scrolled by. */
function attentionLines(fleet: Fleet, options: TableOptions): Span[][] {
  const bad = options.unicode ? "✖" : "X";
  const lines = [
    ...namedLines(
      { text: `${bad} Stopped or in error:`, style: "bad" },
      fleet.troubled.map((reading) => safeText(placeOf(reading))),
      options,
    ),
    ...namedLines(
      { text: `${verdictSign("low", options.unicode)} Low supplies:`, style: "warn" },
      lowByPrinter(fleet.lowSupplies, options.unicode),
      options,
    ),
  ];
  return lines.length === 0 ? [] : [...lines, []];
}

function namedLines(title: Span, names: string[], options: TableOptions): Span[][] {
  if (names.length === 0) return [];
  const shown = names.slice(0, mostNamed);
  const missing = names.length - shown.length;
  const items = shown.map((text, index): Span[] => [{ text: index < shown.length - 1 ? `${text},` : text }]);
  if (missing > 0) items.push([{ text: `and ${missing} more`, style: "dim" }]);
  const width = options.columns - 2;
  return flow([[title], ...items], { width, gap: 1 }).map((line, index) =>
    index === 0 ? line : [{ text: "  " }, ...line]
  );
}

/** "10.1.0.7 C 12% Y 0%", the printer with the lowest supply first. */
function lowByPrinter(lowSupplies: LowSupply[], unicode: boolean): string[] {
  const byPlace = new Map<string, string[]>();
  for (const { reading, supply } of lowSupplies) {
    const percent = verdictOf(supply.level) === "empty" ? 0 : shownPercent(supply.level.percent ?? 0);
    const sign = verdictSign(verdictOf(supply.level), unicode);
    const place = placeOf(reading);
    const levels = byPlace.get(place) ?? [];
    const room = isReceptacle(supply) ? " free" : "";
    byPlace.set(place, [...levels, `${safeText(shortName(supply), 24)} ${percent}%${room}${sign}`]);
  }
  return [...byPlace].map(([place, levels]) => `${safeText(place)} ${levels.join(" ")}`);
}

function summaryLines(document: ScanDocument, fleet: Fleet, options: TableOptions): Span[][] {
  const { addresses, answered, durationMs } = document.stats;
  const parts: Span[] = [
    { text: counted(addresses, "address") },
    { text: `${grouped(answered)} answered` },
    { text: counted(fleet.printers.length, "printer"), style: "bold" },
    { text: lowInWords(fleet), style: fleet.lowSupplies.length > 0 ? "warn" : "plain" },
    { text: `${grouped(fleet.troubled.length)} in error`, style: fleet.troubled.length > 0 ? "bad" : "plain" },
    { text: `${grouped(fleet.partlyRead.length)} partly read`, style: fleet.partlyRead.length > 0 ? "warn" : "plain" },
    ...(document.unread.length === 0
      ? []
      : [{ text: `${grouped(document.unread.length)} not read`, style: "warn" } as const]),
    { text: `${(durationMs / 1000).toFixed(1)} s` },
  ];
  const items = parts.map((part, index): Span[] => index < parts.length - 1 ? [part, { text: "," }] : [part]);
  return flow(items, { width: options.columns, gap: 1 });
}

function hintLines(document: ScanDocument): Span[][] {
  const hints = document.stats.answered === 0
    ? [
      "hint: nothing answered SNMP; check the ranges, the community or user,",
      "      and that UDP port 161, or that of --port, is open from this machine",
    ]
    : [`hint: devices answered, but none is a printer${document.others === undefined ? "; --all lists them" : ""}`];
  return hints.map((text) => [{ text, style: "dim" }]);
}

/** Widths of the columns in cells; a column of width 0 is on separate lines. */
interface BlockLayout {
  columns: number;
  address: number;
  name: number;
  serial: number;
  pages: number;
  unicode: boolean;
}

const stateCells = 8;
const markCells = 2;
const gap = 2;
const mostNotes = 6;
const leastName = 16;

/** Column widths for a set of printers, limited by the terminal. */
function layoutFor(printers: Reading[], options: { columns: number; unicode: boolean }): BlockLayout {
  const { columns, unicode } = options;
  const address = widest(printers.map((reading) => safeText(placeOf(reading))), 9, 44);
  const pages = widest(printers.map(pagesText), 5, 16);
  const serial = widest(printers.map((reading) => safeText(reading.serial ?? "")), 6, 20);
  const name = widest(printers.map((reading) => safeText(nameOf(reading))), 7, 48);
  const fixed = markCells + address + gap + pages + gap + stateCells + gap;
  const free = columns - fixed;
  if (free - serial - gap >= Math.min(name, 28)) {
    return { columns, unicode, address, pages, serial, name: Math.min(name, free - serial - gap) };
  }
  if (free >= leastName) return { columns, unicode, address, pages, serial: 0, name: Math.min(name, free) };
  return { columns, unicode, address, pages: 0, serial: 0, name: 0 };
}

function widest(texts: string[], least: number, most: number): number {
  return Math.min(most, texts.reduce((width, text) => Math.max(width, lineCells([{ text }])), least));
}

function pagesText(reading: Reading): string {
  return safeText(totalText(reading) ?? "?");
}

/** The line over all blocks. */
function headingSpans(layout: BlockLayout): Span[] {
  const columns = [padRight("ADDRESS", layout.address)];
  if (layout.name > 0) columns.push(padRight("PRINTER", layout.name));
  if (layout.serial > 0) columns.push(padRight("SERIAL", layout.serial));
  if (layout.pages > 0) columns.push(padLeft("PAGES", layout.pages));
  columns.push("STATE");
  return [{ text: " ".repeat(markCells) + columns.join(" ".repeat(gap)), style: "dim" }];
}

/** A printer: one line with name and state, then its supplies, then its problems. */
function printerBlock(reading: Reading, layout: BlockLayout): Span[][] {
  const { unicode } = layout;
  const separator = { text: " ".repeat(gap) };
  const cell = (text: string, width: number, style: Style = "plain"): Span[] =>
    width === 0 ? [] : [{ text: padRight(safeText(text), width, unicode), style }, separator];
  const head: Span[] = [
    markOf(reading, unicode),
    ...cell(placeOf(reading), layout.address),
    ...cell(nameOf(reading), layout.name, "bold"),
    ...cell(reading.serial ?? "-", layout.serial),
  ];
  if (layout.pages > 0) head.push({ text: padLeft(pagesText(reading), layout.pages, unicode) }, separator);
  head.push({ text: reading.status.state, style: reading.status.state === "stopped" ? "bad" : "plain" });
  return [head, ...detailLines(reading, layout), ...supplyLines(reading, layout), ...noteLines(reading, layout)];
}

/** The details that did not fit into the first line. */
function detailLines(reading: Reading, layout: BlockLayout): Span[][] {
  const lines: Span[][] = [];
  if (layout.name === 0) lines.push([{ text: safeText(nameOf(reading)), style: "bold" }]);
  if (layout.pages === 0) lines.push([{ text: safeText(totalInWords(reading)) }]);
  if (layout.serial === 0 && reading.serial !== null) {
    lines.push([{ text: "serial ", style: "dim" }, { text: safeText(reading.serial) }]);
  }
  return lines.map((line) => [{ text: " ".repeat(indentOf(layout)) }, ...line]);
}

function indentOf(layout: BlockLayout): number {
  const underName = markCells + layout.address + gap;
  return layout.columns - underName >= 70 ? underName : markCells + gap;
}

function supplyLines(reading: Reading, layout: BlockLayout): Span[][] {
  const indent = indentOf(layout);
  const bars = inShownOrder(reading.supplies).map((supply) => supplySpans(supply, layout.unicode));
  const width = layout.columns - indent;
  return flow(bars.map(inRaster), { width, gap: 1 }).map((line) => [{ text: " ".repeat(indent) }, ...line]);
}

/* Cells of K, C, M and Y are equally wide, signs or not, so that bars stand under bars. */
function inRaster(bar: Span[]): Span[] {
  const raster = 16;
  const missing = raster - lineCells(bar);
  return missing > 0 ? [...bar, { text: " ".repeat(missing) }] : [...bar, { text: "  " }];
}

function noteLines(reading: Reading, layout: BlockLayout): Span[][] {
  const indent = { text: " ".repeat(indentOf(layout)) };
  const notes = notesOf(reading);
  const shown = notes.length > mostNotes ? notes.slice(0, mostNotes - 1) : notes;
  const lines = shown.map(({ weight, text }): Span[] => [
    indent,
    { text: `${signText(weight, layout.unicode)} `, style: weight === "info" ? "dim" : weight },
    { text: safeText(text), style: weight === "bad" ? "bad" : "plain" },
  ]);
  const missing = notes.length - shown.length;
  if (missing > 0) lines.push([indent, { text: `  and ${missing} more: see --format json or html`, style: "dim" }]);
  return lines;
}

function signText(weight: Note["weight"], unicode: boolean): string {
  if (weight === "info") return unicode ? "·" : "-";
  return weight === "bad" ? (unicode ? "✖" : "X") : "!";
}

/** The most severe problem of a printer as a sign at the start of its line. */
function markOf(reading: Reading, unicode: boolean): Span {
  if (hasProblem(reading)) return { text: unicode ? "✖ " : "X ", style: "bad" };
  if (reading.supplies.some((supply) => isLow(supply.level))) return { text: unicode ? "▼ " : "! ", style: "warn" };
  const warned = reading.problems.length + reading.alerts.length + reading.status.errors.length > 0;
  return warned ? { text: "! ", style: "warn" } : { text: "  " };
}

const barCells = 5;
const eighths = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/** Signs for the urgency of a level, for output without colour. */
function verdictSign(verdict: SupplyVerdict, unicode: boolean): string {
  if (verdict === "empty") return unicode ? "✖" : "X";
  if (verdict === "veryLow") return unicode ? "▼▼" : "!!";
  return verdict === "low" ? (unicode ? "▼" : "!") : "";
}

/** A supply as a short bar: label, bar, percent (or `some`, `?`, `∞`) and a sign when it is low. */
function supplySpans(supply: Supply, unicode: boolean): Span[] {
  const verdict = verdictOf(supply.level);
  const sign = verdictSign(verdict, unicode);
  const alarming = verdict === "empty" || verdict === "veryLow";
  const valueStyle: Style = alarming ? "bad" : verdict === "low" ? "warn" : verdict === "unknown" ? "dim" : "plain";
  const room = isReceptacle(supply) && (verdict !== "unknown" && verdict !== "unlimited") ? " free" : "";
  const tail = `${padLeft(valueText(supply, verdict, unicode), 4, unicode)}${room}`;
  return [
    { text: `${cut(safeText(shortName(supply)), 24, unicode)} `, style: "bold" },
    ...barSpans(supply, verdict, unicode),
    { text: ` ${tail}${sign === "" ? "" : ` ${sign}`}`, style: valueStyle },
  ];
}

/** The level of a supply in four cells at most. */
function valueText(supply: Supply, verdict: SupplyVerdict, unicode: boolean): string {
  if (verdict === "some" || verdict === "unknown") return verdict === "some" ? "some" : "?";
  if (verdict === "unlimited") return unicode ? "∞" : "inf";
  return `${verdict === "empty" ? 0 : shownPercent(supply.level.percent ?? 0)}%`;
}

function barSpans(supply: Supply, verdict: SupplyVerdict, unicode: boolean): Span[] {
  const style = colorantStyle(supply.colorant);
  if (verdict === "unknown") return [{ text: (unicode ? "·" : ".").repeat(barCells), style: "dim" }];
  if (verdict === "some") return [{ text: (unicode ? "▒" : "~").repeat(barCells), style }];
  const percent = verdict === "unlimited" ? 100 : verdict === "empty" ? 0 : supply.level.percent ?? 0;
  const units = Math.round(Math.min(100, Math.max(0, percent)) / 100 * barCells * 8);
  // A supply that is not empty shows at least one unit.
  const drawn = percent > 0 ? Math.max(1, units) : 0;
  const filled = unicode
    ? "█".repeat(drawn >> 3) + eighths[drawn & 7]!
    : "#".repeat(percent > 0 ? Math.max(1, Math.round(drawn / 8)) : 0);
  return [{ text: filled, style }, { text: (unicode ? "░" : "-").repeat(barCells - filled.length), style: "dim" }];
}

function colorantStyle(colorant: string): Style {
  return colorant === "cyan" || colorant === "magenta" || colorant === "yellow" ? colorant : "plain";
}

import type { Reading } from "../reading/reading.ts";
import { isTroubled, nameOf, placeOf, totalInWords, totalText } from "./fleet.ts";
import { type Note, notesOf } from "./printer_notes.ts";
import { safeText } from "../core/safe_text.ts";
import { supplySpans } from "./supply_bar.ts";
import { inShownOrder, isLow } from "../reading/supply_verdict.ts";
import { flow, lineCells, padLeft, padRight, type Span, type Style } from "./terminal_line.ts";

/** Widths of the columns in cells; what is 0 wide stands on lines of its own. */
export interface BlockLayout {
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

/** Column widths for a set of printers: what they need, within what the terminal has. */
export function layoutFor(printers: Reading[], options: { columns: number; unicode: boolean }): BlockLayout {
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
export function headingSpans(layout: BlockLayout): Span[] {
  const columns = [padRight("ADDRESS", layout.address)];
  if (layout.name > 0) columns.push(padRight("PRINTER", layout.name));
  if (layout.serial > 0) columns.push(padRight("SERIAL", layout.serial));
  if (layout.pages > 0) columns.push(padLeft("PAGES", layout.pages));
  columns.push("STATE");
  return [{ text: " ".repeat(markCells) + columns.join(" ".repeat(gap)), style: "dim" }];
}

/** A printer: one line of who and how it is, then its supplies, then what is wrong with it. */
export function printerBlock(reading: Reading, layout: BlockLayout): Span[][] {
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

/** What had no room on the first line. */
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

/** The worst of a printer as one sign at the start of its line. */
function markOf(reading: Reading, unicode: boolean): Span {
  if (isTroubled(reading)) return { text: unicode ? "✖ " : "X ", style: "bad" };
  if (reading.supplies.some((supply) => isLow(supply.level))) return { text: unicode ? "▼ " : "! ", style: "warn" };
  const warned = reading.problems.length + reading.alerts.length + reading.status.errors.length > 0;
  return warned ? { text: "! ", style: "warn" } : { text: "  " };
}

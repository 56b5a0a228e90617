import type { OtherDevice, Problem, Reading, ScanDocument, UnreadDevice } from "../reading/reading.ts";
import { counted, type Fleet, fleetOf, grouped, lowInWords, type LowSupply, placeOf } from "./fleet.ts";
import { headingSpans, layoutFor, printerBlock } from "./printer_block.ts";
import { safeText } from "../core/safe_text.ts";
import { verdictSign } from "./supply_bar.ts";
import { isReceptacle, shortName, shownPercent, verdictOf } from "../reading/supply_verdict.ts";
import { flow, renderLine, type Span } from "./terminal_line.ts";

export interface TableOptions {
  /** Width of the terminal in cells; no line is wider. */
  columns: number;
  color: boolean;
  /** False where only ASCII can be shown; what devices say is still shown as they say it. */
  unicode: boolean;
}

const mostProblems = 10;
const mostNamed = 12;
/* Empty lines between printers help the eye as long as they do not push the first one off the screen. */
const mostAiry = 20;

/** The default screen of `opendca scan`: printers by address, then what needs somebody, then one line of counts. */
export function renderTable(document: ScanDocument, options: TableOptions): string {
  const fleet = fleetOf(document);
  const lines = printerLines(fleet.printers, options);
  if (document.others !== undefined) lines.push(...otherLines(document.others));
  lines.push(
    ...unreadLines(document.unread),
    ...problemLines(document.problems, options),
    ...attentionLines(fleet, options),
    summaryLine(document, fleet),
  );
  if (fleet.printers.length === 0) lines.push(...hintLines(document));
  return textOf(lines, options);
}

/** The printers alone, in this order: for readings that come from no scan. */
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
    // Whole, as what to do about it stands at the end of the sentence.
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

function summaryLine(document: ScanDocument, fleet: Fleet): Span[] {
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
  return parts.flatMap((part, index) => index === 0 ? [part] : [{ text: ", " }, part]);
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

import stringWidth from "string-width";
import { markInvisible } from "../../../common/core/escape_invisible.ts";
import { safeText } from "../../../common/core/safe_text.ts";
import { fitColumns } from "./fit_columns.ts";
import { cutCell, wrapped } from "../../../common/core/terminal_text.ts";

export type Cell = string | number | null;

export interface Column {
  heading: string;
  /** The cell may be cut to this many characters if the line is too short. */
  shrink?: number;
  /** Left out if the line is too short. */
  optional?: true;
  /** A sentence about the row: printed below it if the line is too short. */
  note?: true;
}

export interface Screen {
  /** Width of a line in cells; Infinity if the output is not a terminal. */
  width: number;
  /** All columns in full width, regardless of the terminal. */
  wide: boolean;
}

/** Whether times are shown in full, not as the short age for terminals. */
export function hasRoom({ width, wide }: Screen): boolean {
  return wide || width === Infinity;
}

const gap = "  ", indent = "    ";
/** Longest text of a cell, and of a cell on a separate line. */
const mostCell = 60, mostLine = 400;

/**
 * Columns as wide as their widest cell, separated by two spaces; numbers are right-aligned, null is a dash. On a narrow
 * screen, optional columns are left out and named at the end, long cells are cut, and columns that still do not fit are
 * printed below their row.
 */
export function renderTable(columns: readonly (string | Column)[], rows: Cell[][], screen: Screen): string {
  const all = columns.map((column): Column => typeof column === "string" ? { heading: column } : column);
  const texts = rows.map((row) =>
    row.map((cell, i) => cellText(cell, all[i]!.note || screen.wide ? mostLine : mostCell))
  );
  const natural = all.map(({ heading, note }, i) =>
    Math.max(stringWidth(heading), ...texts.map((row) => note && row[i] === "-" ? 0 : stringWidth(row[i]!)))
  );
  const isEmptyNote = all.map(({ note }, i) => note === true && texts.every((row) => row[i] === "-"));
  const fit = fitColumns(
    all.map((column, i) => ({ ...column, width: natural[i]!, gone: isEmptyNote[i]! })),
    screen.wide ? Infinity : screen.width,
  );
  const isNumeric = all.map((_, i) =>
    rows.length > 0 && rows.every((row) => typeof row[i] !== "string") && rows.some((row) => typeof row[i] === "number")
  );
  const lineOf = (cells: string[]) =>
    fit.onLine.map(({ at, width }) => {
      const text = cutCell(all[at]!.note && cells[at] === "-" ? "" : cells[at]!, width);
      const room = " ".repeat(Math.max(0, width - stringWidth(text)));
      return isNumeric[at] ? room + text : text + room;
    }).join(gap).trimEnd();
  const belowOf = (cells: string[]) => {
    const items = fit.below.filter((at) => cells[at] !== "-")
      .map((at) => all[at]!.note ? cells[at]! : `${all[at]!.heading.toLowerCase()} ${cells[at]}`);
    return wrapped(items, screen.width - indent.length).map((line) => indent + line);
  };
  const lines = [lineOf(all.map(({ heading }) => heading)), ...texts.flatMap((row) => [lineOf(row), ...belowOf(row)])];
  if (fit.leftOut.length > 0) {
    const names = fit.leftOut.map((at) => all[at]!.heading).join(", ");
    lines.push(...wrapped([`columns left out: ${names} (--wide shows them)`], screen.width));
  }
  return lines.map((line) => `${line}\n`).join("");
}

/** Names and values, one per line, with values wrapped; entries without a value are left out. */
export function renderFacts(facts: readonly [name: string, value: Cell | undefined][], screen: Screen): string {
  const known = facts.filter(([, value]) => value !== null && value !== undefined && value !== "");
  const width = Math.max(0, ...known.map(([name]) => name.length)) + gap.length;
  return known.flatMap(([name, value]) => {
    const lines = wrapped([oneLine(String(value))], screen.wide ? Infinity : screen.width - width);
    return lines.map((line, i) => `${(i === 0 ? name : "").padEnd(width)}${line}\n`);
  }).join("");
}

/** Text of a device or an agent on one line, without terminal control characters. */
export function oneLine(text: string): string {
  return safeText(markInvisible(text), mostLine);
}

/** `2026-03-02 08:00:00`, UTC. */
export function timeText(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString().replace("T", " ").slice(0, 19);
}

/** `2026-03-02 08:00`, UTC. */
export function minuteText(ms: number | null): string | null {
  return timeText(ms)?.slice(0, 16) ?? null;
}

const units = [["d", 86_400_000], ["h", 3_600_000], ["min", 60_000], ["s", 1000]] as const;

/** Age in the largest unit with a value of at least two: `45 s`, `6 min`, `30 h`, `9 d`. */
export function ageText(ms: number | null, now: number): string | null {
  if (ms === null) return null;
  const age = Math.max(0, now - ms);
  const [unit, unitMs] = units.find(([, each]) => age >= 2 * each) ?? units.at(-1)!;
  return `${Math.round(age / unitMs)} ${unit}`;
}

function cellText(cell: Cell, most: number): string {
  if (cell === null || cell === "") return "-";
  return typeof cell === "number" ? String(cell) : safeText(markInvisible(cell), most) || "-";
}

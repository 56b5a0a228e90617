import stringWidth from "string-width";
import { safeText } from "../../src/core/safe_text.ts";

export type Cell = string | number | null;

/** Columns as wide as their widest cell, two spaces between; numbers to the right, null as a dash. */
export function renderRows(headings: string[], rows: Cell[][]): string {
  const texts = [headings, ...rows.map((row) => row.map(cellText))];
  const widths = headings.map((_, column) => Math.max(...texts.map((row) => stringWidth(row[column] ?? ""))));
  const isNumeric = headings.map((_, column) =>
    rows.length > 0 && rows.every((row) => typeof row[column] !== "string") &&
    rows.some((row) => typeof row[column] === "number")
  );
  return texts.map((row) => `${renderRow(row, { widths, isNumeric })}\n`).join("");
}

function renderRow(row: string[], { widths, isNumeric }: { widths: number[]; isNumeric: boolean[] }): string {
  const cells = row.map((text, column) => {
    const room = " ".repeat(widths[column]! - stringWidth(text));
    return isNumeric[column] ? room + text : text + room;
  });
  return cells.join("  ").trimEnd();
}

/** Text of a device or an agent on one line, without what could steer a terminal. */
export function oneLine(text: string): string {
  return safeText(text, 400);
}

/** `2026-03-02 08:00:00`, UTC. */
export function timeText(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString().replace("T", " ").slice(0, 19);
}

function cellText(cell: Cell): string {
  if (cell === null || cell === "") return "-";
  return typeof cell === "number" ? String(cell) : safeText(cell, 60);
}

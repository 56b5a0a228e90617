import type { CsvCell } from "../../../common/report/csv_text.ts";

/**
 * CSV cells of a list: a heading for each key of its rows; nested lists and objects as JSON. An empty list has no
 * headings.
 */
export function csvCells(rows: readonly object[]): CsvCell[][] {
  if (rows.length === 0) return [];
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return [names, ...rows.map((row) => names.map((name) => cellOf((row as Record<string, unknown>)[name])))];
}

function cellOf(value: unknown): CsvCell {
  if (value === null || value === undefined) return null;
  if (typeof value === "number") return value;
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

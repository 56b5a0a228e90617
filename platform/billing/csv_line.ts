/** One line of CSV that no spreadsheet evaluates, whichever separator it is told. Pure. */
import { escapeInvisible } from "../../common/core/escape_invisible.ts";
import type { FileCell } from "./columns.ts";

export interface Separators {
  field: string;
  decimal: string;
}

/* `=1+1`, and the same in full width, which spreadsheets take for it; also after what they may take for a separator. */
const formula = /(^|[,;|\t\r\n]\s*|^\s+)(?=[=+\-@\uFF1D\uFF0B\uFF0D\uFF20])/g;

/** A text that is no formula, and has no invisible characters. */
export function harmless(text: string): string {
  return escapeInvisible(text.replaceAll(/[\t\r\n]+/g, " ")).replaceAll(formula, "$1'");
}

/** RFC 4180, with CRLF. Numbers stay numbers; texts that hold any usual separator are quoted. */
export function csvLine(cells: readonly FileCell[], { field, decimal }: Separators): string {
  const texts = cells.map((cell) => {
    if (cell === null) return "";
    if (typeof cell === "number") return String(cell).replace(".", decimal);
    const text = harmless(cell);
    return /[",;|\t]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  });
  return `${texts.join(field)}\r\n`;
}

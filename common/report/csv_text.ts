import { stringify } from "csv-stringify/sync";

export type CsvCell = string | number | null;

/**
 * RFC 4180. Text that a spreadsheet would evaluate, such as a model "=cmd|…", is marked as text; numbers stay numbers.
 */
export function csvText(rows: readonly (readonly CsvCell[])[], { bom = false }: { bom?: boolean } = {}): string {
  return stringify(rows as CsvCell[][], { bom, record_delimiter: "\r\n", escape_formulas: true });
}

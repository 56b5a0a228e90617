/** A statement as a workbook of Excel, row by row. */
import type { BillingSettings } from "./settings.ts";
import type { StatementRecord, StatementRow } from "./statement.ts";

export async function* xlsxParts(
  _record: StatementRecord,
  _settings: BillingSettings,
  _rows: AsyncIterable<StatementRow>,
): AsyncGenerator<Uint8Array> {
}

/** A statement as PDF. */
import type { BillingSettings } from "./settings.ts";
import type { StatementRecord, StatementRow } from "./statement.ts";

export async function* pdfParts(
  _record: StatementRecord,
  _settings: BillingSettings,
  _rows: AsyncIterable<StatementRow>,
): AsyncGenerator<Uint8Array> {
}

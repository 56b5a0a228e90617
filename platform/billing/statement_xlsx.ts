/** A statement as a workbook of Excel, row by row: large ones need little memory. */
import { PassThrough } from "node:stream";
import type ExcelJS from "exceljs";
// The rest of the library reads workbooks, and asks for more permissions than the platform has.
import WorkbookWriter from "exceljs/lib/stream/xlsx/workbook-writer.js";
import { harmless } from "./csv_line.ts";
import { cellOf, headingOf, titleOf } from "./columns.ts";
import { periodText } from "./period.ts";
import type { BillingSettings } from "./settings.ts";
import type { StatementRecord, StatementRow } from "./statement.ts";

/* What an Excel sheet holds, without the heading. */
const mostRows = 1_048_575;
const widths: Record<string, number> = { notes: 80, model: 24, site: 20, device: 20, serial: 20 };

export async function* xlsxParts(
  { number, head, hash }: StatementRecord,
  { columns, language }: BillingSettings,
  rows: AsyncIterable<StatementRow>,
): AsyncGenerator<Uint8Array> {
  const stream = new PassThrough();
  const workbook: ExcelJS.stream.xlsx.WorkbookWriter = new WorkbookWriter({
    stream,
    useStyles: true,
    useSharedStrings: false,
  });
  const written = (async () => {
    const { zone } = head.period;
    const title = `${titleOf(number, language)}, ${periodText(head.period)} (${zone})`;
    workbook.title = title;
    workbook.description = `SHA-256 ${hash}`;
    let sheet: ExcelJS.Worksheet | undefined;
    for await (const row of rows) {
      if (sheet === undefined || (row.row - 1) % mostRows === 0) {
        sheet?.commit();
        sheet = sheetOf(workbook, { number, part: Math.floor((row.row - 1) / mostRows), columns, language });
      }
      // A text is a text for Excel, whatever it begins with; it is made harmless for what else may read the file.
      sheet.addRow(columns.map((column) => {
        const cell = cellOf(row, column, zone);
        return typeof cell === "string" ? harmless(cell) : cell;
      })).commit();
      // Lets the reader of the stream take what was written.
      if (stream.readableLength > 1024 * 1024) await new Promise((resolve) => setTimeout(resolve));
    }
    (sheet ?? sheetOf(workbook, { number, part: 0, columns, language })).commit();
    await workbook.commit();
  })();
  written.catch((error) => stream.destroy(error));
  for await (const part of stream) yield new Uint8Array(part);
  await written;
}

function sheetOf(
  workbook: ExcelJS.stream.xlsx.WorkbookWriter,
  { number, part, columns, language }: Pick<BillingSettings, "columns" | "language"> & { number: number; part: number },
): ExcelJS.Worksheet {
  const name = `${titleOf(number, language)}${part === 0 ? "" : ` (${part + 1})`}`;
  const sheet = workbook.addWorksheet(name, { views: [{ state: "frozen", ySplit: 1 }] });
  sheet.columns = columns.map((column) => ({ width: widths[column] ?? 14 }));
  const heading = sheet.addRow(columns.map((column) => headingOf(column, language)));
  heading.font = { bold: true };
  heading.commit();
  return sheet;
}

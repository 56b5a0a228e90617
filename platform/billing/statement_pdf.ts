/** A statement as PDF. */
import { UsageError } from "../../common/core/errors.ts";
import { safeText } from "../../common/core/safe_text.ts";
import { type PdfCell, pdfLocales, pdfParts, printable } from "../pdf/pdf_document.ts";
import type { Language } from "../users/users.ts";
import { cellOf, headingOf, titleOf } from "./columns.ts";
import { periodText } from "./period.ts";
import type { BillingSettings, ColumnName } from "./settings.ts";
import { type StatementRecord, type StatementRow, totalsOf } from "./statement.ts";

/* A document is made as a whole, in memory. */
const mostRows = 20_000;

const columns = ["site", "model", "serial", "meter", "firstAt", "first", "lastAt", "last", "billed"] as const;
const numeric: readonly ColumnName[] = ["first", "last", "billed"];
const shown = (text: string, maxLength?: number) => printable(safeText(text, maxLength));

const words = {
  total: ["Total", "Summe", "Totale"],
  made: ["made {at} by {by}", "erstellt {at} von {by}", "creato il {at} da {by}"],
  page: ["page {page} of {pages}", "Seite {page} von {pages}", "pagina {page} di {pages}"],
} as const;
const wordOf = (name: keyof typeof words, language: Language) => words[name][["en", "de", "it"].indexOf(language)]!;

export async function* statementPdf(
  record: StatementRecord,
  { language }: BillingSettings,
  rows: AsyncIterable<StatementRow>,
): AsyncGenerator<Uint8Array> {
  if (record.rows > mostRows) {
    throw new UsageError(
      `Cannot make a PDF of ${record.rows} rows: it may have ${mostRows}`,
      "a statement of one site has fewer; xlsx and csv have no such limit",
    );
  }
  yield* pdfParts(definitionOf(record, language, await Array.fromAsync(rows)));
}

function definitionOf(
  { number, head, hash, madeAt }: StatementRecord,
  language: Language,
  rows: readonly StatementRow[],
): Record<string, unknown> {
  const { zone } = head.period, locale = pdfLocales[language];
  const title = titleOf(number, language), format = new Intl.NumberFormat(locale);
  const at = new Intl.DateTimeFormat(locale, { dateStyle: "long", timeStyle: "short", timeZone: zone }).format(madeAt);
  const made = wordOf("made", language).replace("{at}", at).replace("{by}", head.madeBy);
  const body: PdfCell[][] = [columns.map((column) => ({ text: headingOf(column, language), bold: true }))];
  for (const row of rows) {
    body.push(columns.map((column): PdfCell => {
      const cell = cellOf(row, column, zone);
      if (typeof cell !== "number") return { text: shown(cell ?? "") };
      return { text: format.format(cell), alignment: numeric.includes(column) ? "right" : "left" };
    }));
    if (row.notes.length === 0) continue;
    const note = {
      text: shown(row.notes.join(" "), 2000),
      colSpan: columns.length,
      color: "#555555",
      italics: true,
    };
    body.push([note, ...columns.slice(1).map(() => "")]);
  }
  const totals = [...totalsOf(rows)].map(([meter, pages]) => `${shown(meter)}: ${format.format(pages)}`);
  return {
    info: { title, author: "OpenDCA", subject: `SHA-256 ${hash}`, creationDate: new Date(madeAt) },
    language: locale,
    pageOrientation: "landscape",
    pageMargins: [36, 36, 36, 48],
    defaultStyle: { fontSize: 8 },
    footer: (page: number, pages: number) => ({
      text: `${title} · ${
        wordOf("page", language).replace("{page}", String(page)).replace("{pages}", String(pages))
      } · SHA-256 ${hash}`,
      fontSize: 6,
      margin: [36, 12, 36, 0],
    }),
    content: [
      { text: title, fontSize: 16, bold: true },
      {
        text: [head.customer.name, head.site?.name].filter((text) => text !== undefined).map((text) => shown(text))
          .join(", "),
        fontSize: 11,
      },
      { text: `${periodText(head.period)} (${zone}), ${made}`, margin: [0, 2, 0, 10] },
      {
        table: { headerRows: 1, widths: ["auto", "*", "auto", "auto", "auto", "auto", "auto", "auto", "auto"], body },
        layout: "lightHorizontalLines",
      },
      { text: wordOf("total", language), bold: true, margin: [0, 10, 0, 2] },
      ...totals.map((text) => ({ text })),
    ],
  };
}

/** A file of comma-separated values that is made while it is sent, so that a long list takes no memory. */
import type { Context } from "hono";
import { type CsvCell, csvText } from "../../../common/report/csv_text.ts";

/** Columns by their headings. */
export async function* csvOf<Row>(
  lots: AsyncIterable<readonly Row[]>,
  columns: Record<string, (row: Row) => CsvCell>,
): AsyncGenerator<string> {
  const cells = Object.values(columns);
  yield csvText([Object.keys(columns)], { bom: true });
  for await (const lot of lots) yield csvText(lot.map((row): CsvCell[] => cells.map((cell) => cell(row))));
}

/** The next part is asked for only when the one before has been taken. */
export function csvResponse(c: Context, name: string, parts: AsyncGenerator<string>): Response {
  const encoder = new TextEncoder();
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await parts.next();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(value));
    },
    async cancel() {
      await parts.return(undefined);
    },
  }, { highWaterMark: 0 });
  return c.body(stream, 200, {
    "content-type": "text/csv; charset=utf-8",
    "content-disposition": `attachment; filename="${name}"`,
  });
}

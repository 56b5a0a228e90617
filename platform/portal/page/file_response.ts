/** Files that are made while they are sent, so that a long list takes no memory. */
import type { HttpBindings } from "@hono/node-server";
import { messageOf } from "../../../common/core/errors.ts";
import { type CsvCell, csvText } from "../../../common/report/csv_text.ts";
import { streamedBody } from "../../edge/connections/streamed_body.ts";
import type { PublicRequest } from "./route.ts";

/** Columns by their headings. */
export async function* csvOf<Row>(
  lots: AsyncIterable<readonly Row[]>,
  columns: Record<string, (row: Row) => CsvCell>,
): AsyncGenerator<string> {
  const cells = Object.values(columns);
  yield csvText([Object.keys(columns)], { bom: true });
  for await (const lot of lots) yield csvText(lot.map((row): CsvCell[] => cells.map((cell) => cell(row))));
}

interface FileParts {
  name: string;
  mediaType: string;
  parts: AsyncIterable<string | Uint8Array>;
}

/** What fails in the middle cuts the connection, so that nobody takes a part of the file for the whole. */
export function fileResponse(
  { c, platform }: Pick<PublicRequest, "c" | "platform">,
  { name, mediaType, parts }: FileParts,
): Response {
  const body = streamedBody(parts, {
    cut: () => void (c.env as HttpBindings).outgoing.destroy(),
    failed: (error) => platform.log("downloadEnded", { path: c.req.path, message: messageOf(error) }),
  });
  return c.body(body, 200, { "content-type": mediaType, "content-disposition": `attachment; filename="${name}"` });
}

export function csvResponse(request: PublicRequest, name: string, parts: AsyncIterable<string>): Response {
  return fileResponse(request, { name, mediaType: "text/csv; charset=utf-8", parts });
}

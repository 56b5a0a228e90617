/** A statement as a file, in parts, so that large ones need little memory. */
import { Buffer } from "node:buffer";
import { UsageError } from "../../common/core/errors.ts";
import type { SigningKey } from "../../common/protocol/signature.ts";
import { type Base, readTenant, type TenantBy } from "../audit/use_case.ts";
import { cellOf, headingOf } from "./columns.ts";
import { csvLine } from "./csv_line.ts";
import { type BillingSettings, type FileForm, separatorsOf, settingsOf } from "./settings.ts";
import { publicKeyOf as keptPublicKey } from "./known_keys.ts";
import { lineOf, type StatementHead, type StatementRecord, type StatementRow } from "./statement.ts";
import { linesOf, partKinds, statementOf, statementRows } from "./statements.ts";

export interface StatementFile {
  name: string;
  mediaType: string;
  parts: AsyncIterable<Uint8Array>;
}

export type ExportPlatform = Base & { signingKey: SigningKey };

const mediaTypes: Record<FileForm, string> = {
  csv: "text/csv; charset=utf-8",
  erp: "text/csv; charset=utf-8",
  json: "application/json",
  xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
  pdf: "application/pdf",
};

/** Throws UsageError for an unknown statement. */
export async function exportStatement(
  platform: ExportPlatform,
  by: TenantBy,
  { number, form }: { number: number; form: FileForm },
): Promise<StatementFile> {
  const { record, settings } = await readTenant(platform, by, async (tenant) => ({
    record: await statementOf(tenant, number),
    settings: await settingsOf(tenant),
  }));
  const rows = () => statementRows(platform, by, number);
  const { fromDay, toDay } = record.head.period;
  const parts = {
    csv: () => encoded(csvTexts(record.head, settings, rows())),
    erp: () => encoded(erpTexts(record.head, rows())),
    json: () => encoded(jsonTexts(platform, by, record)),
    xlsx: () => fromModule(async () => (await import("./statement_xlsx.ts")).xlsxParts(record, settings, rows())),
    pdf: () => fromModule(async () => (await import("./statement_pdf.ts")).statementPdf(record, settings, rows())),
  }[form];
  const ending = form === "erp" ? "erp.csv" : form;
  return {
    name: `statement-${number}-${fromDay}-${toDay}.${ending}`,
    mediaType: mediaTypes[form],
    parts: parts(),
  };
}

/* Loaded when it is needed: the libraries are large. */
async function* fromModule(load: () => Promise<AsyncIterable<Uint8Array>>): AsyncGenerator<Uint8Array> {
  yield* await load();
}

/* A write for each line would take longer than the line. */
const partLength = 65_536;

async function* encoded(texts: AsyncIterable<string>): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  let waiting = "";
  for await (const text of texts) {
    waiting += text;
    if (waiting.length < partLength) continue;
    yield encoder.encode(waiting);
    waiting = "";
  }
  if (waiting !== "") yield encoder.encode(waiting);
}

/* With a byte order mark, without which Excel takes it for another encoding. */
export async function* csvTexts(
  { period: { zone } }: Pick<StatementHead, "period">,
  settings: BillingSettings,
  rows: Iterable<StatementRow> | AsyncIterable<StatementRow>,
): AsyncGenerator<string> {
  const { columns, language } = settings, separators = separatorsOf(settings);
  yield `\uFEFF${csvLine(columns.map((column) => headingOf(column, language)), separators)}`;
  for await (const row of rows) yield csvLine(columns.map((column) => cellOf(row, column, zone)), separators);
}

/** The columns of the template for ERP systems: see docs/billing.md. They never change; further ones come behind. */
export const erpColumns = [
  "statement",
  "row",
  "customer_id",
  "site_id",
  "device_id",
  "serial",
  "meter",
  "unit",
  "period_from",
  "period_to",
  "first_at",
  "first_value",
  "last_at",
  "last_value",
  "pages",
  "is_estimated",
  "is_corrected",
  "is_late",
] as const;

export async function* erpTexts(
  { number, ...head }: Pick<StatementHead, "number" | "customer" | "period">,
  rows: Iterable<StatementRow> | AsyncIterable<StatementRow>,
): AsyncGenerator<string> {
  const separators = { field: ";", decimal: "." };
  const { fromDay, toDay } = head.period;
  yield csvLine(erpColumns, separators);
  for await (const { row, device, meter, unit, first, last, billed, estimated, corrected, adjusted } of rows) {
    yield csvLine([
      number,
      row,
      head.customer.id,
      device.siteId,
      device.id,
      device.serial,
      meter,
      unit,
      fromDay,
      toDay,
      first?.at ?? null,
      first?.value ?? null,
      last?.at ?? null,
      last?.value ?? null,
      billed,
      Number(estimated !== 0),
      Number(corrected !== 0),
      Number(adjusted !== 0),
    ], separators);
  }
}

/* The lines stand in it as they were hashed. */
async function* jsonTexts(platform: ExportPlatform, by: TenantBy, record: StatementRecord) {
  const { number, head, hash, signature, keyId } = record;
  const publicKey = await publicKeyOf(platform, by, record);
  yield `{"statement":${lineOf(head)},\n"hash":${JSON.stringify(hash)},\n"signature":{"keyId":${
    JSON.stringify(keyId)
  },`;
  yield `"publicKey":"${Buffer.from(publicKey).toString("base64")}",`;
  yield `"value":"${Buffer.from(signature).toString("base64")}"}`;
  for (const kind of partKinds) {
    yield `,\n"${kind}":[`;
    let separator = "\n";
    for await (const lines of linesOf(platform, by, { number, kind })) {
      yield `${separator}${lines.join(",\n")}`;
      separator = ",\n";
    }
    yield "\n]";
  }
  yield "}\n";
}

/** That by which the statement was signed, which may have been replaced since. Throws UsageError. */
async function publicKeyOf(
  platform: ExportPlatform,
  by: TenantBy,
  { number, keyId }: StatementRecord,
): Promise<Uint8Array> {
  if (keyId === platform.signingKey.keyId) return platform.signingKey.publicKey;
  const known = await readTenant(platform, by, ({ transaction }) => keptPublicKey(transaction, keyId));
  if (known !== undefined) return known;
  throw new UsageError(
    `Cannot export statement ${number} with its proof: it was signed by the platform's key ${keyId}, which is no longer known`,
    "csv, xlsx, pdf and erp have its numbers; billing make --supersede makes it again, signed today",
  );
}

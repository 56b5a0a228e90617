/** Stored statements. A row never changes, except for the number of the statement that came in place of it. */
import { gunzipSync, gzipSync } from "node:zlib";
import { UsageError } from "../../common/core/errors.ts";
import { type Base, readTenant, type TenantBy } from "../audit/use_case.ts";
import type { RowsOf, Tenant } from "../store/store.ts";
import {
  lineOf,
  linesPerPart,
  packLines,
  type StatementHead,
  type StatementRecord,
  type StatementRow,
  type StatementScope,
  unpackLines,
} from "./statement.ts";

const columns = `number, site_id AS "siteId", device_id AS "deviceId", from_at AS "from", until_at AS "until",
  made_at AS "madeAt", supersedes, superseded_by AS "supersededBy", rows, head, hash, signature, key_id AS "keyId", is_noted AS "isNoted"`;

type StatementStored = Omit<StatementRecord, "head" | "isNoted"> & { head: string; isNoted: number };

const recordOf = (row: StatementStored): StatementRecord => ({
  ...row,
  head: JSON.parse(row.head) as StatementHead,
  isNoted: row.isNoted === 1,
});

/** Latest first; with a scope, those of exactly this scope. */
export async function statementRecords(tenant: Tenant, scope?: StatementScope): Promise<StatementRecord[]> {
  const rows = await tenant.all<StatementStored>(
    `SELECT ${columns} FROM statements WHERE customer_id = :customer${
      scope === undefined ? "" : " AND site_id = :siteId AND device_id = :deviceId"
    } ORDER BY number DESC`,
    { ...scope },
  );
  return rows.map(recordOf);
}

/** Throws UsageError. */
export async function statementOf(tenant: Tenant, number: number): Promise<StatementRecord> {
  const row = await tenant.get<StatementStored>(
    `SELECT ${columns} FROM statements WHERE customer_id = :customer AND number = :number`,
    { number },
  );
  if (row !== undefined) return recordOf(row);
  throw new UsageError(`Cannot find statement ${number}`, "opendca-platform billing list shows them");
}

/** In the order in which they are hashed. */
export const partKinds = ["rows", "readings", "batches", "certificates"] as const;
export type PartKind = typeof partKinds[number];

const partTable: RowsOf = {
  table: "statement_parts",
  key: ["number", "kind", "part"],
  columns: ["number", "kind", "part", "content"],
};

export async function addLines(
  tenant: Tenant,
  { number, kind, lines }: { number: number; kind: PartKind; lines: readonly string[] },
): Promise<void> {
  const parts: object[] = [];
  for (let i = 0; i < lines.length; i += linesPerPart) {
    parts.push({ number, kind, part: parts.length, content: packLines(lines.slice(i, i + linesPerPart)) });
  }
  if (parts.length > 0) await tenant.insertMany(partTable, parts);
}

export async function addStatement(
  tenant: Tenant,
  record: StatementRecord,
  basis: ReadonlyMap<string, string>,
): Promise<void> {
  const { number, siteId, deviceId, from, until, madeAt, supersedes, rows, head, hash, signature, keyId, isNoted } =
    record;
  await tenant.run(
    `INSERT INTO statements (customer_id, number, site_id, device_id, from_at, until_at, made_at, supersedes, rows, head,
       hash, signature, key_id, basis, is_noted)
     VALUES (:customer, :number, :siteId, :deviceId, :from, :until, :madeAt, :supersedes, :rows, :head, :hash, :signature,
       :keyId, :basis, :isNoted)`,
    {
      number,
      siteId,
      deviceId,
      from,
      until,
      madeAt,
      supersedes,
      rows,
      head: lineOf(head),
      hash,
      signature,
      keyId,
      isNoted: Number(isNoted),
      basis: new Uint8Array(gzipSync(JSON.stringify([...basis]), { level: 1 })),
    },
  );
  if (supersedes === null) return;
  await tenant.run(
    "UPDATE statements SET superseded_by = :number WHERE customer_id = :customer AND number = :supersedes",
    { number, supersedes },
  );
}

export async function storedBasis(tenant: Tenant, number: number): Promise<Map<string, string>> {
  const row = await tenant.get<{ basis: Uint8Array }>(
    "SELECT basis FROM statements WHERE customer_id = :customer AND number = :number",
    { number },
  );
  return new Map(JSON.parse(new TextDecoder().decode(gunzipSync(row!.basis))));
}

/** Some hundred lines at a time, so that large statements need little memory. */
export async function* linesOf(
  { store }: Base,
  { tenant }: TenantBy,
  { number, kind }: { number: number; kind: PartKind },
): AsyncGenerator<string[]> {
  for (let part = 0;; part++) {
    const row = await store.transaction((tx) => partOf(tx.tenant(tenant), { number, kind, part }), { readOnly: true });
    if (row === undefined) return;
    yield unpackLines(row.content);
  }
}

function partOf(
  tenant: Tenant,
  key: { number: number; kind: PartKind; part: number },
): Promise<{ content: Uint8Array } | undefined> {
  return tenant.get(
    `SELECT content FROM statement_parts
     WHERE customer_id = :customer AND number = :number AND kind = :kind AND part = :part`,
    key,
  );
}

/** All rows, within a transaction. */
export async function rowsOf(tenant: Tenant, number: number): Promise<StatementRow[]> {
  const rows: StatementRow[] = [];
  for (let part = 0;; part++) {
    const found = await partOf(tenant, { number, kind: "rows", part });
    if (found === undefined) return rows;
    for (const line of unpackLines(found.content)) rows.push(JSON.parse(line));
  }
}

export async function* statementRows(platform: Base, by: TenantBy, number: number): AsyncGenerator<StatementRow> {
  for await (const lines of linesOf(platform, by, { number, kind: "rows" })) {
    for (const line of lines) yield JSON.parse(line);
  }
}

export function listStatements(platform: Base, by: TenantBy): Promise<StatementRecord[]> {
  return readTenant(platform, by, (tenant) => statementRecords(tenant));
}

/** Throws UsageError. */
export function showStatement(platform: Base, by: TenantBy, number: number): Promise<StatementRecord> {
  return readTenant(platform, by, (tenant) => statementOf(tenant, number));
}

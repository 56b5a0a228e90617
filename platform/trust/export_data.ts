/**
 * Everything that the platform has about a customer, or about a person, as lines of JSON (GDPR articles 15 and 20): first
 * what it is, then each row with its table, at the end the number of rows of each table. Readings also as they can be
 * read. What is a secret or its digest is left out, and named.
 */
import { UnavailableError } from "../../common/core/errors.ts";
import { type Base, type By, changePlatform } from "../audit/use_case.ts";
import { customerOf } from "../customers/customers.ts";
import { Record as UploadedRecord } from "../../proto/gen/opendca/v1/batch.ts";
import type { Queries, Transaction } from "../store/store.ts";
import { unpackRecord } from "../store/stored_record.ts";
import { type TableFacts, tableFacts } from "./tables.ts";

type Row = Record<string, unknown>;

/** Of one query, so that an export holds up nobody and is flat in memory. */
const pageRows = 500;
/** Columns that let somebody in, or tell by comparison what does. */
const secrets =
  /(?:^|_)(?:password|totp_secret|secret|digest|sealed|kept|token|forward_key|key_digest|code_hash)(?:_|$)/;

/** A line for each row. Throws UnavailableError in the middle if the customer is erased meanwhile. */
export async function* exportCustomer(
  platform: Base,
  by: By,
  { customer }: { customer: string },
): AsyncGenerator<string> {
  const { customer_id: id, name } = await changePlatform(platform, by, async (tx) => {
    const row = await customerOf(tx, customer);
    return {
      answer: row,
      customerId: row.customer_id,
      audit: { action: "customerExported", subject: row.customer_id },
    };
  });
  const { store, clock } = platform;
  const all = await store.transaction((tx) => tableFacts(tx), { readOnly: true });
  const tables = all.filter(({ columns }) => columns.includes("customer_id"));
  yield line({ export: "customer", customerId: id, name, at: clock.now().toISOString(), leftOut: leftOut(tables) });
  const counts: Record<string, number> = {};
  for (const table of tables) {
    counts[table.name] = 0;
    for await (const row of rowsOf(platform, { table, where: "customer_id = :customer", customerId: id })) {
      counts[table.name]!++;
      yield line({ table: table.name, row: shown(table.name, row) });
    }
  }
  for await (const part of personsOf(platform, id)) yield part;
  yield line({ end: true, rows: counts });
}

/** Users that belong to the customer alone. */
async function* personsOf(platform: Base, customerId: string): AsyncGenerator<string> {
  const users = await platform.store.transaction((tx) =>
    tx.all<{ user_id: string }>("SELECT user_id FROM users WHERE of_customer = :id ORDER BY user_id", {
      id: customerId,
    })
  );
  for (const { user_id: userId } of users) yield* personRows(platform, userId);
}

/** Everything about a user: what is stored of it, and what it did. Throws UsageError if there is none. */
export async function* exportPerson(platform: Base, by: By, { userId }: { userId: string }): AsyncGenerator<string> {
  await changePlatform(platform, by, () =>
    Promise.resolve({
      answer: undefined,
      customerId: null,
      audit: { action: "userExported", subject: userId },
    }));
  yield line({ export: "person", userId, at: platform.clock.now().toISOString() });
  yield* personRows(platform, userId);
  yield line({ end: true });
}

async function* personRows(platform: Base, userId: string): AsyncGenerator<string> {
  const all = await platform.store.transaction((tx) => tableFacts(tx), { readOnly: true });
  for (const table of all.filter(({ columns }) => columns.includes("user_id"))) {
    for await (const row of rowsOf(platform, { table, where: "user_id = :user", userId })) {
      yield line({ table: table.name, row: shown(table.name, row) });
    }
  }
  const audit = all.find(({ name }) => name === "audit_log")!;
  const where = "actor = (SELECT 'user:' || email FROM users WHERE user_id = :user) OR subject = :user";
  for await (const row of rowsOf(platform, { table: audit, where, userId })) {
    yield line({ table: "audit_log", row: shown("audit_log", row) });
  }
}

interface Wanted {
  table: TableFacts;
  where: string;
  customerId?: string;
  userId?: string;
}

/** In transactions of their own, page by page along the primary key; a table without one is read at once. */
async function* rowsOf({ store }: Base, { table, where, customerId, userId }: Wanted): AsyncGenerator<Row> {
  let last: Row | undefined;
  for (;;) {
    const rows = await store.transaction(async (tx) => {
      if (customerId !== undefined) await refuseErased(tx, customerId);
      const from: Queries = customerId === undefined ? tx : tx.tenant(customerId);
      const { key, name } = table;
      const after = last === undefined
        ? ""
        : ` AND (${key.join(", ")}) > (${key.map((_, at) => `:k${at}`).join(", ")})`;
      const order = key.length === 0 ? "" : ` ORDER BY ${key.join(", ")} LIMIT ${pageRows}`;
      const bound = Object.fromEntries(key.map((column, at) => [`k${at}`, last?.[column]])) as Record<string, string>;
      const parameters = { ...(last === undefined ? {} : bound), ...(userId === undefined ? {} : { user: userId }) };
      return await from.all<Row>(`SELECT * FROM ${name} WHERE (${where})${after}${order}`, parameters);
    }, { readOnly: true });
    yield* rows;
    last = rows.at(-1);
    if (table.key.length === 0 || rows.length < pageRows) return;
  }
}

async function refuseErased(tx: Transaction, id: string): Promise<void> {
  const row = await tx.get("SELECT 1 FROM customers WHERE customer_id = :id", { id });
  if (row === undefined) throw new UnavailableError("The export ended as the customer was erased meanwhile");
}

function leftOut(tables: readonly TableFacts[]): string[] {
  return tables.flatMap(({ name, columns }) =>
    columns.filter((column) => isSecret(name, column)).map((column) => `${name}.${column}`)
  );
}

function isSecret(table: string, column: string): boolean {
  return table !== "audit_log" && secrets.test(column);
}

/** Bytes in base64; a reading as it was uploaded and as it can be read. */
function shown(table: string, row: Row): Row {
  const entries = Object.entries(row).filter(([column]) => !isSecret(table, column)).map(([column, value]) => [
    column,
    value instanceof Uint8Array ? value.toBase64() : typeof value === "bigint" ? String(value) : value,
  ]);
  const { record } = row;
  if (record instanceof Uint8Array) entries.push(["reads", readable(record)]);
  return Object.fromEntries(entries);
}

function readable(stored: Uint8Array): unknown {
  try {
    return UploadedRecord.toJSON(UploadedRecord.decode(unpackRecord(stored)));
  } catch {
    return null;
  }
}

function line(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}

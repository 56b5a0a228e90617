/**
 * The interface of the platform's store: transactions, and queries within one. Everything that a customer owns is
 * accessed through `tenant()`, which binds `:customer` and refuses a statement that does not use it.
 */

import { UnavailableError } from "../../common/core/errors.ts";

export type SqlValue = string | number | bigint | null | Uint8Array;
/** By name: `:name` in the text. */
export type Parameters = Record<string, SqlValue>;

export interface Queries {
  all<Row>(sql: string, parameters?: Parameters): Promise<Row[]>;
  get<Row>(sql: string, parameters?: Parameters): Promise<Row | undefined>;
  /** Returns the number of changed rows. */
  run(sql: string, parameters?: Parameters): Promise<number>;
}

/**
 * Queries without a customer: finding the customer of a code or a certificate, the audit log, lists of all customers.
 * Valid until the work of its transaction settles; later use is an error. It cannot begin another transaction.
 */
export interface Transaction extends Queries {
  /** For the few SQL texts that differ. */
  readonly engine: "sqlite" | "postgres";
  tenant(customerId: string): Tenant;
  /**
   * Notifies listeners of the channel, in this process and all others, after the transaction is committed. The payload
   * is short, such as the id of a changed row. Equal notifications are sent once.
   */
  notify(channel: string, payload: string): void;
  /**
   * Calls `work` once the transaction is committed, and never if it is rolled back; a run that is repeated counts as
   * rolled back. For lasting effects that are no queries, such as a line in the program's log. It must not throw.
   */
  afterCommit(work: () => void): void;
}

/** Without a payload: notifications may have been missed, so that any row may have changed. It must not throw. */
export type Listener = (payload: string | undefined) => void;

/** Columns of a table to write many rows at once; without `customer_id`. */
export interface RowsOf {
  readonly table: string;
  /** The rest of the primary key after the customer, for updates. */
  readonly key: readonly string[];
  /** All columns, including those of the key. */
  readonly columns: readonly string[];
}

/**
 * Queries of one customer: each statement must name `:customer`. Operations for many rows are one statement in
 * PostgreSQL, and a loop over a prepared one in SQLite.
 */
export interface Tenant extends Queries {
  readonly customerId: string;
  /** For data without a customer, such as the audit log. */
  readonly transaction: Transaction;
  /**
   * The rows of a SELECT for each of the parameters, all together. The parameters are texts and integers, never null.
   */
  allOf<Row>(sql: string, each: readonly Parameters[]): Promise<Row[]>;
  /**
   * Inserts rows in order; each has the columns, and maybe more. `onConflict`: clause for existing rows; without it, an
   * existing row is an error.
   */
  insertMany(of: RowsOf, rows: readonly object[], onConflict?: string): Promise<void>;
  /** Sets all columns of existing rows. */
  updateMany(of: RowsOf, rows: readonly object[]): Promise<void>;
}

export interface TransactionOptions {
  /** It sees one consistent state of the store, and does not wait for writing processes. */
  readOnly?: boolean;
}

/** A statement that the database has given up, as it took too long. */
export class SlowStatementError extends UnavailableError {}

export interface Store extends AsyncDisposable {
  readonly engine: "sqlite" | "postgres";
  /**
   * All or nothing. Every query must be awaited before `work` settles. Transactions cannot be nested. If the database
   * has rolled it back because of another one (a deadlock, a serialization failure), `work` runs again, a few times at
   * most: it must have no lasting effects but its queries and what it gives to afterCommit(). Throws UnavailableError for temporary failures, such as a full
   * disk.
   */
  transaction<T>(work: (tx: Transaction) => Promise<T>, options?: TransactionOptions): Promise<T>;
  /**
   * Listens until the returned function is called. Always check the rows: a notification may come twice, late, or
   * without a payload; one without a payload also comes when listening has begun. Call it outside of transactions.
   */
  listen(channel: string, listener: Listener): () => void;
  /** Bytes of all used pages, including changes of the transaction; the file may have further empty ones. */
  usedBytes(tx: Transaction): Promise<number>;
}

/** The parameters with the customer's id. Throws TypeError for a statement that does not name the customer. */
export function scoped(sql: string, parameters: Parameters | undefined, customerId: string): Parameters {
  if (!/:customer\b/.test(sql)) throw new TypeError(`Cannot run as a customer's query: it lacks :customer: ${sql}`);
  return { ...parameters, customer: customerId };
}

/**
 * Takes the lock of this name until the transaction ends. SQLite needs none, as it has only one writing transaction.
 */
export async function takeLock(tx: Transaction, name: string): Promise<void> {
  if (tx.engine === "postgres") await tx.get("SELECT pg_advisory_xact_lock(hashtextextended(:name, 1))", { name });
}

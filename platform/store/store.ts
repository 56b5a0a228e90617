/**
 * The platform's store as everything above it sees it: transactions, and queries within one. Everything that a customer
 * owns is asked for through `tenant()`, which binds `:customer` and refuses a statement that does not use it.
 */

export type SqlValue = string | number | bigint | null | Uint8Array;
/** By name: `:name` in the text. */
export type Parameters = Record<string, SqlValue>;

export interface Queries {
  all<Row>(sql: string, parameters?: Parameters): Promise<Row[]>;
  get<Row>(sql: string, parameters?: Parameters): Promise<Row | undefined>;
  /** Number of rows that changed. */
  run(sql: string, parameters?: Parameters): Promise<number>;
}

/**
 * Queries that are of no customer: finding out which one a code or a certificate belongs to, the audit log, lists of all
 * customers. Valid until the work of its transaction settles; later use is an error. It cannot begin another transaction.
 */
export interface Transaction extends Queries {
  /** For the few texts that differ. */
  readonly engine: "sqlite" | "postgres";
  tenant(customerId: string): Tenant;
  /**
   * Tells listeners of the channel, in this process and all others, once the transaction is committed. It is a hint at
   * rows that changed, and short: an id. The same one twice is told once.
   */
  notify(channel: string, payload: string): void;
}

/** Without a payload: notifications may have been missed, so that any row may have changed. It must not throw. */
export type Listener = (payload: string | undefined) => void;

/** Columns of a table of which many rows are written at once; without `customer_id`. */
export interface RowsOf {
  readonly table: string;
  /** The rest of the primary key behind the customer, where rows are updated. */
  readonly key: readonly string[];
  /** Those of the key included. */
  readonly columns: readonly string[];
}

/**
 * Queries of one customer: each statement must name `:customer`. What is asked or written for many at once is one statement
 * in PostgreSQL, and a loop over a prepared one in SQLite.
 */
export interface Tenant extends Queries {
  readonly customerId: string;
  /** For what belongs to no customer, such as the audit log. */
  readonly transaction: Transaction;
  /** What a SELECT finds for each of the parameters, all rows together. The parameters are texts and integers, never null. */
  allOf<Row>(sql: string, each: readonly Parameters[]): Promise<Row[]>;
  /** In their order; each row has the columns, and maybe more. `onConflict` is the clause for rows that are there; without it, such a row is an error. */
  insertMany(of: RowsOf, rows: readonly object[], onConflict?: string): Promise<void>;
  /** Sets all columns of rows that are there. */
  updateMany(of: RowsOf, rows: readonly object[]): Promise<void>;
}

export interface TransactionOptions {
  /** It sees one state of the store, and waits for no other process that writes. */
  readOnly?: boolean;
}

export interface Store extends AsyncDisposable {
  readonly engine: "sqlite" | "postgres";
  /**
   * All or nothing. Every query has to be awaited before `work` settles. Within the work of a transaction, another one is
   * an error. Throws UnavailableError for what passes by itself or by making room.
   */
  transaction<T>(work: (tx: Transaction) => Promise<T>, options?: TransactionOptions): Promise<T>;
  /**
   * Until the returned function is called. Rows decide: a notification may come twice, late, or as one without a payload,
   * which also comes once listening has begun. Call it outside of transactions.
   */
  listen(channel: string, listener: Listener): () => void;
  /** Of all pages that hold something, the transaction included; the file may have empty ones beside. */
  usedBytes(tx: Transaction): Promise<number>;
}

/** The statement and its parameters as they are run. Throws TypeError for a statement that does not name the customer. */
export function scoped(sql: string, parameters: Parameters | undefined, customerId: string): Parameters {
  if (!/:customer\b/.test(sql)) throw new TypeError(`Cannot run as a customer's query: it lacks :customer: ${sql}`);
  return { ...parameters, customer: customerId };
}

/** Until the transaction ends, no other one has the lock of this name. In SQLite there is only one transaction that writes. */
export async function takeLock(tx: Transaction, name: string): Promise<void> {
  if (tx.engine === "postgres") await tx.get("SELECT pg_advisory_xact_lock(hashtextextended(:name, 1))", { name });
}

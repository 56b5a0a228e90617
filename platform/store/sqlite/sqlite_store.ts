/**
 * The store in an SQLite file. A crash at any point leaves the last committed transaction: WAL with `synchronous=FULL`,
 * because an acknowledged batch is deleted by its agent. There is one connection, and transactions use it one after the
 * other.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { closeSync, openSync } from "node:fs";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { ConfigError, messageOf, UnavailableError } from "../../../common/core/errors.ts";
import { createListeners, noteOf } from "../listeners.ts";
import { numberParameters } from "../named_parameters.ts";
import { type Parameters, scoped, type SqlValue, type Store, type Tenant, type Transaction } from "../store.ts";
import { migrations } from "../migrations.ts";

/* SQLite's name for a database without a file. */
const inMemory = ":memory:";

/* Commands are processes of their own: how often the file is asked whether one of them has written. It takes microseconds. */
const lookMs = 100;

/** Opens or creates the store. Throws ConfigError for a file of a later version or of another program. */
export function openSqliteStore(path: string): Store {
  const database = openDatabase(path);
  const prepared = statementsOf(database), selects = selectsOf(database);
  const current = new AsyncLocalStorage<SqliteTransaction>();
  let turn: Promise<unknown> = Promise.resolve();
  let isClosed = false;
  const listeners = createListeners();
  const watch = watchOthers(prepared, listeners.tellAll);

  async function run<T>(work: (tx: Transaction) => Promise<T>, readOnly: boolean): Promise<T> {
    if (isClosed) throw new Error("Cannot begin a transaction as the store is closed");
    // IMMEDIATE takes the write lock at once: a transaction that reads first could fail later to get the lock.
    guarded(() => database.exec(readOnly ? "BEGIN" : "BEGIN IMMEDIATE"));
    const tx = new SqliteTransaction({ prepared, selects, readOnly });
    try {
      const result = await current.run(tx, () => work(tx));
      tx.end();
      guarded(() => database.exec("COMMIT"));
      for (const note of tx.notes) listeners.tell(note);
      for (const work of tx.committed) work();
      return result;
    } catch (error) {
      // After a full disk SQLite has already rolled back.
      if (database.isTransaction) database.exec("ROLLBACK");
      throw error;
    } finally {
      tx.isOpen = false;
    }
  }

  const pragma = async (tx: Transaction, name: string) =>
    Number(Object.values((await tx.get<object>(`PRAGMA ${name}`))!)[0]);

  return {
    engine: "sqlite",
    async transaction(work, { readOnly = false } = {}) {
      // It would wait for itself forever.
      if (current.getStore()?.isOpen) throw new Error("Cannot begin a transaction within another one: use its `tx`");
      const own = turn.then(() => run(work, readOnly));
      turn = own.catch(() => {});
      return await own;
    },
    listen(channel, listener) {
      const added = listeners.add(channel, listener);
      watch.start();
      added.tell();
      return () => {
        added.remove();
        if (listeners.isEmpty()) watch.stop();
      };
    },
    usedBytes: async (tx) =>
      (await pragma(tx, "page_count") - await pragma(tx, "freelist_count")) * await pragma(tx, "page_size"),
    async [Symbol.asyncDispose]() {
      await turn;
      if (isClosed) return;
      isClosed = true;
      watch.stop();
      database.close();
    },
  };
}

type Prepare = (sql: string) => StatementSync;

/** The rows for each of the parameters. */
type SelectMany = <Row>(each: readonly Parameters[], customerId: string) => Row[];

/* Numbered parameters and rows as lists take half the time of named ones. */
function selectsOf(database: DatabaseSync): (sql: string) => SelectMany {
  const selects = new Map<string, SelectMany>();
  function prepared(sql: string): SelectMany {
    const { text, names } = numberParameters(sql, "?");
    const statement = database.prepare(text);
    const columns = statement.columns().map(({ name }) => name);
    statement.setReturnArrays(true);
    return <Row>(each: readonly Parameters[], customerId: string) => {
      const rows: Row[] = [];
      for (const parameters of each) {
        const values = names.map((name) => name === "customer" ? customerId : parameters[name]!);
        for (const found of statement.all(...values) as unknown as SqlValue[][]) {
          rows.push(rowOf(columns, found) as Row);
        }
      }
      return rows;
    };
  }
  return (sql) => {
    let select = selects.get(sql);
    if (select === undefined) {
      // Throws if it does not name the customer.
      scoped(sql, undefined, "");
      selects.set(sql, select = prepared(sql));
    }
    return select;
  };
}

function rowOf(columns: readonly string[], values: readonly SqlValue[]): object {
  const row: Record<string, SqlValue> = {};
  for (let i = 0; i < columns.length; i++) row[columns[i]!] = values[i]!;
  return row;
}

function statementsOf(database: DatabaseSync): Prepare {
  const statements = new Map<string, StatementSync>();
  return (sql) => {
    let statement = statements.get(sql);
    if (statement === undefined) statements.set(sql, statement = database.prepare(sql));
    return statement;
  };
}

/* The number of data_version changes when another connection has committed. */
function watchOthers(prepare: Prepare, onChange: () => void): { start(): void; stop(): void } {
  let timer: ReturnType<typeof setInterval> | undefined;
  let seen: number | undefined;
  function look(): void {
    let version = -1;
    try {
      ({ data_version: version } = prepare("PRAGMA data_version").get() as { data_version: number });
    } catch {
      // It cannot be read now: the next value counts as changed.
    }
    const before = seen;
    seen = version;
    if (before !== undefined && before !== version && version >= 0) onChange();
  }
  return {
    start() {
      if (timer !== undefined) return;
      look();
      timer = setInterval(look, lookMs);
    },
    stop() {
      clearInterval(timer);
      timer = seen = undefined;
    },
  };
}

class SqliteTransaction implements Transaction {
  readonly engine = "sqlite";
  isOpen = true;
  /** Number of queries that were not awaited. */
  waiting = 0;
  readonly notes = new Set<string>();
  readonly committed: (() => void)[] = [];
  readonly #prepare: Prepare;
  readonly #selectMany: (sql: string) => SelectMany;
  readonly #isReadOnly: boolean;

  constructor({ prepared, selects, readOnly }: {
    prepared: Prepare;
    selects: (sql: string) => SelectMany;
    readOnly: boolean;
  }) {
    this.#prepare = prepared;
    this.#selectMany = selects;
    this.#isReadOnly = readOnly;
  }

  all<Row>(sql: string, parameters: Parameters = {}): Promise<Row[]> {
    return new Query(this, () => this.#prepare(sql).all(parameters) as Row[]);
  }

  get<Row>(sql: string, parameters: Parameters = {}): Promise<Row | undefined> {
    return new Query(this, () => this.#prepare(sql).get(parameters) as Row | undefined);
  }

  run(sql: string, parameters: Parameters = {}): Promise<number> {
    if (this.#isReadOnly) throw new TypeError(`Cannot change anything in a transaction that is read-only: ${sql}`);
    return new Query(this, () => Number(this.#prepare(sql).run(parameters).changes));
  }

  tenant(customerId: string): Tenant {
    return {
      customerId,
      transaction: this,
      all: (sql, parameters) => this.all(sql, scoped(sql, parameters, customerId)),
      get: (sql, parameters) => this.get(sql, scoped(sql, parameters, customerId)),
      run: (sql, parameters) => this.run(sql, scoped(sql, parameters, customerId)),
      allOf: (sql, each) => new Query(this, () => this.#selectMany(sql)(each, customerId)),
      insertMany: ({ table, columns }, rows, onConflict = "") => {
        const names = ["customer_id", ...columns];
        const sql = `INSERT INTO ${table} (${names.join(", ")}) VALUES (${
          names.map(() => "?").join(", ")
        }) ${onConflict}`;
        return this.#runMany(sql, rows, (row) => [customerId, ...valuesOf(row, columns)]);
      },
      updateMany: ({ table, key, columns }, rows) => {
        const changed = columns.filter((name) => !key.includes(name));
        const sql = `UPDATE ${table} SET ${changed.map((name) => `${name} = ?`).join(", ")}
          WHERE ${["customer_id", ...key].map((name) => `${name} = ?`).join(" AND ")}`;
        return this.#runMany(sql, rows, (row) => [...valuesOf(row, changed), customerId, ...valuesOf(row, key)]);
      },
    };
  }

  notify(channel: string, payload: string): void {
    if (this.#isReadOnly) throw new TypeError(`Cannot notify "${channel}" in a transaction that is read-only`);
    this.notes.add(noteOf(channel, payload));
  }

  afterCommit(work: () => void): void {
    this.committed.push(work);
  }

  #runMany(sql: string, rows: readonly object[], values: (row: object) => SqlValue[]): Promise<void> {
    if (this.#isReadOnly) throw new TypeError(`Cannot change anything in a transaction that is read-only: ${sql}`);
    return new Query(this, () => {
      const statement = this.#prepare(sql);
      for (const row of rows) statement.run(...values(row));
    });
  }

  /** Throws Error if a query was not awaited. */
  end(): void {
    if (this.waiting > 0) throw new Error(`Cannot commit as ${this.waiting} queries were not awaited`);
  }
}

function valuesOf(row: object, columns: readonly string[]): SqlValue[] {
  return columns.map((name) => (row as Record<string, SqlValue>)[name]!);
}

/** A statement that runs when it is awaited, so that a missing `await` is detected. */
class Query<T> implements Promise<T> {
  readonly [Symbol.toStringTag] = "Query";
  readonly #tx: SqliteTransaction;
  readonly #work: () => T;
  #outcome: { value: T } | { error: unknown } | undefined;

  constructor(tx: SqliteTransaction, work: () => T) {
    if (!tx.isOpen) throw new Error("Cannot ask the store as the transaction is over");
    tx.waiting++;
    this.#tx = tx;
    this.#work = work;
  }

  // `await` calls this with functions that only forward the result: no further promise is needed.
  then<A = T, B = never>(
    onValue?: ((value: T) => A | PromiseLike<A>) | null,
    onError?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    const outcome = this.#outcome ??= this.#run();
    try {
      if ("value" in outcome) return Promise.resolve(onValue ? onValue(outcome.value) : outcome.value as unknown as A);
      return onError ? Promise.resolve(onError(outcome.error)) : Promise.reject(outcome.error);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  catch<B = never>(onError?: ((error: unknown) => B | PromiseLike<B>) | null): Promise<T | B> {
    return this.then(undefined, onError);
  }

  finally(onEnd?: (() => void) | null): Promise<T> {
    return Promise.resolve<T>(this).finally(onEnd);
  }

  #run(): { value: T } | { error: unknown } {
    this.#tx.waiting--;
    try {
      if (!this.#tx.isOpen) throw new Error("Cannot ask the store as the transaction is over");
      return { value: guarded(this.#work) };
    } catch (error) {
      return { error };
    }
  }
}

/* What passes by itself or by making room; the rest is a defect. */
const passing: [pattern: RegExp, hint: string][] = [
  [/this store was moved to PostgreSQL/, "start the platform with OPENDCA_DATABASE"],
  [/database is locked|database table is locked/, "another program has locked it; try again"],
  [/database or disk is full/, "free disk space"],
  [/disk I\/O error/, "see the system's log for errors of the disk"],
  [/readonly database|unable to open database/, "give the data directory to the user that runs this"],
];

function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    const hint = passing.find(([pattern]) => pattern.test(messageOf(error)))?.[1];
    if (hint === undefined) throw error;
    throw new UnavailableError(`Cannot use the store: ${messageOf(error)}`, hint, 1000, { cause: error });
  }
}

function openDatabase(path: string): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    // SQLite creates files that everybody may read; -wal and -shm copy the mode of the main file.
    if (path !== inMemory) closeSync(openSync(path, "a", 0o600));
    database = new DatabaseSync(path, { enableForeignKeyConstraints: true, timeout: 5000 });
    // In pages of 4 KiB: a larger log is copied back less often, and a page with many changes only once.
    database.exec(
      "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-65536; PRAGMA wal_autocheckpoint=16384;",
    );
    migrate(database, path);
    return database;
  } catch (error) {
    database?.close();
    if (error instanceof ConfigError) throw error;
    const hint = "check that the folder can be written to and that the file is the platform's own";
    throw new ConfigError(`Cannot open the store "${path}": ${messageOf(error)}`, hint, { cause: error });
  }
}

/* All steps in one transaction: a crash or a full disk leaves the version that was there. */
function migrate(database: DatabaseSync, path: string): void {
  const one = (sql: string) => Number(Object.values(database.prepare(sql).get() ?? {})[0]);
  const version = () => one("PRAGMA user_version");
  // See copy_store.ts.
  if (one("SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND name LIKE 'moved_%'") > 0) {
    throw new ConfigError(
      `Cannot use "${path}" as a store as it was moved to PostgreSQL`,
      "name the database with --database or OPENDCA_DATABASE",
    );
  }
  if (version() === migrations.length) return;
  database.exec("BEGIN IMMEDIATE");
  // Another process may have done it while this one waited.
  const from = version();
  if (from > migrations.length) {
    throw new ConfigError(
      `Cannot use "${path}" as a store of version ${migrations.length}: current value is ${from}`,
      "a later release made or migrated it: install that release, or restore a backup that an earlier one made",
    );
  }
  if (from === 0 && one("SELECT count(*) FROM sqlite_schema") > 0) {
    throw new ConfigError(`Cannot use "${path}" as a store: it is a database of another program`);
  }
  for (const step of migrations.slice(from)) {
    if (typeof step === "string") database.exec(step);
    else step(database);
  }
  database.exec(`PRAGMA user_version=${migrations.length}; COMMIT;`);
}

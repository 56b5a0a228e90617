/**
 * The platform's SQLite file. Everything that a customer owns is asked for through `tenant()`, which binds `:customer`
 * and refuses a statement that does not use it. A crash at any point leaves the last committed transaction: WAL with
 * `synchronous=FULL`, because an acknowledged batch is deleted by its agent.
 */
import { closeSync, openSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import type { StatementSync } from "node:sqlite";
import { ConfigError, messageOf, UnavailableError } from "../../common/core/errors.ts";
import { migrations } from "./migrations.ts";

export type SqlValue = string | number | bigint | null | Uint8Array;
export type Parameters = Record<string, SqlValue>;

export interface Queries {
  all<Row>(sql: string, parameters?: Parameters): Row[];
  get<Row>(sql: string, parameters?: Parameters): Row | undefined;
  /** Number of rows that changed. */
  run(sql: string, parameters?: Parameters): number;
}

export interface Tenant extends Queries {
  readonly customerId: string;
}

export interface Store extends Disposable {
  /** Queries of one customer: each statement must name `:customer`. */
  tenant(customerId: string): Tenant;
  /** Queries that are of no customer: finding out which one a code or a certificate belongs to, and the audit log. */
  readonly platformWide: Queries;
  /** Of all pages that hold something, the transaction that is under way included; the file may have empty ones beside. */
  usedBytes(): number;
  /** All or nothing; a transaction inside another is part of it. */
  transaction<T>(work: () => T): T;
}

/* SQLite's name for a database without a file. */
const inMemory = ":memory:";

/** Opens or makes the store. Throws ConfigError for a file of a later version or none of ours. */
export function openStore(path: string): Store {
  const database = openDatabase(path);
  const statements = new Map<string, StatementSync>();
  let isInside = false;

  function prepared(sql: string): StatementSync {
    let statement = statements.get(sql);
    if (statement === undefined) {
      statement = database.prepare(sql);
      statements.set(sql, statement);
    }
    return statement;
  }

  const platformWide: Queries = {
    all: <Row>(sql: string, parameters: Parameters = {}) => guarded(() => prepared(sql).all(parameters) as Row[]),
    get: <Row>(sql: string, parameters: Parameters = {}) =>
      guarded(() => prepared(sql).get(parameters) as Row | undefined),
    run: (sql, parameters = {}) => guarded(() => Number(prepared(sql).run(parameters).changes)),
  };

  function tenant(customerId: string): Tenant {
    const scoped = (sql: string, parameters: Parameters = {}): Parameters => {
      if (!/:customer\b/.test(sql)) throw new TypeError(`Cannot run as a customer's query: it lacks :customer: ${sql}`);
      return { ...parameters, customer: customerId };
    };
    return {
      customerId,
      all: (sql, parameters) => platformWide.all(sql, scoped(sql, parameters)),
      get: (sql, parameters) => platformWide.get(sql, scoped(sql, parameters)),
      run: (sql, parameters) => platformWide.run(sql, scoped(sql, parameters)),
    };
  }

  function transaction<T>(work: () => T): T {
    if (isInside) return work();
    // IMMEDIATE takes the write lock at once: a transaction that reads first could not be repeated when it loses the race.
    guarded(() => database.exec("BEGIN IMMEDIATE"));
    isInside = true;
    try {
      const result = work();
      guarded(() => database.exec("COMMIT"));
      return result;
    } catch (error) {
      // A full disk has already rolled back by itself.
      if (database.isTransaction) database.exec("ROLLBACK");
      throw error;
    } finally {
      isInside = false;
    }
  }

  const pragma = (name: string) => Number(Object.values(platformWide.get<object>(`PRAGMA ${name}`)!)[0]);

  return {
    tenant,
    platformWide,
    usedBytes: () => (pragma("page_count") - pragma("freelist_count")) * pragma("page_size"),
    transaction,
    [Symbol.dispose]() {
      statements.clear();
      database.close();
    },
  };
}

/* What passes by itself or by making room; the rest is a defect. */
const passing: [pattern: RegExp, hint: string][] = [
  [/database is locked|database table is locked/, "another program holds it; try again"],
  [/database or disk is full/, "make room on the disk"],
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
    // SQLite makes files that everybody may read; -wal and -shm copy the mode of the main file.
    if (path !== inMemory) closeSync(openSync(path, "a", 0o600));
    database = new DatabaseSync(path, { enableForeignKeyConstraints: true, timeout: 5000 });
    // Pages of 4 KiB: a larger log is copied back less often, and a page that changed many times only once.
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
  if (version() === migrations.length) return;
  database.exec("BEGIN IMMEDIATE");
  // Another process may have done it while this one waited.
  const from = version();
  if (from > migrations.length) {
    throw new ConfigError(
      `Cannot use "${path}" as a store of version ${migrations.length}: current value is ${from}`,
      "it was made by a later release; run that release",
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

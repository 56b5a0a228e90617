/**
 * The only access to node:sqlite: transactions, cached statements, and errors by how the caller handles them. Databases
 * are opened with WAL and synchronous=FULL: a transaction is on the disk when it returns.
 */
import { closeSync, openSync } from "node:fs";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { messageOf, UnavailableError } from "../core/errors.ts";
import { ensureOwnFile } from "./own_file.ts";
import { descriptorShortage, maybeShortage } from "../core/shortage.ts";
import { maybeWriteFault } from "../core/write_fault.ts";

export type SqlValue = number | string | Uint8Array | null;

export interface Database {
  readonly path: string;
  /** Runs statements without parameters and results. */
  exec(sql: string): void;
  /** Runs one statement; returns the number of changed rows. */
  run(sql: string, ...values: SqlValue[]): number;
  /** All rows of one query. There is no row-by-row form: `iterate()` of Deno 2.9.3 ends silently at a damaged page. */
  all<Row>(sql: string, ...values: SqlValue[]): Row[];
  /** The first row of one query. */
  get<Row>(sql: string, ...values: SqlValue[]): Row | undefined;
  /** Commits the work of `body`, or rolls it back if it throws. Cannot be nested. */
  transaction<T>(body: () => T): T;
  close(): void;
}

/** Why a read or write failed; `full`, `locked` and `noDescriptors` are temporary, the others need a person. */
export type StorageReason = "full" | "readOnly" | "locked" | "cannotOpen" | "io" | "noDescriptors";

/** The operation failed because of the disk, and changed nothing. */
export class StorageError extends UnavailableError {
  override readonly name = "StorageError";
  constructor(message: string, readonly reason: StorageReason, options?: ErrorOptions) {
    super(message, storageHints[reason], 0, options);
  }
}

/**
 * Whether more disk space may help: on a full disk SQLite cannot even create the index of its journal, and reports "I/O
 * error".
 */
export function mayBeRoom({ reason }: StorageError): boolean {
  return reason !== "locked" && reason !== "readOnly" && reason !== "noDescriptors";
}

/** Tries a write that can be repeated later; returns whether it succeeded. */
export function tryStore(write: () => unknown): boolean {
  try {
    write();
    return true;
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    return false;
  }
}

/** The database file is damaged: move it aside and save what can be read. */
export class DamagedDatabaseError extends Error {
  override readonly name = "DamagedDatabaseError";
}

const storageHints: Record<StorageReason, string> = {
  full: "free disk space; the agent then continues",
  readOnly: "see whether the state directory is writable for the agent's user",
  locked: "see whether a second agent runs on this state directory",
  cannotOpen: "see whether the state directory exists and belongs to the agent's user",
  noDescriptors: descriptorShortage.hint,
  io: "see whether the disk is full, and the system's log for errors of it",
};

/** SQLite's name for a database without a file. */
const inMemory = ":memory:";

/** Opens or creates a database that only its owner may read. Throws `StorageError` or `DamagedDatabaseError`. */
export function openDatabase(path: string, options: { readOnly?: boolean } = {}): Database {
  const readOnly = options.readOnly === true;
  const connection = guarded(path, () => {
    // SQLite creates files that everybody may read; -wal and -shm copy the mode of the main file.
    if (!readOnly && path !== inMemory) ensureOwnFile(path);
    return new DatabaseSync(path, { readOnly });
  });
  const statements = new Map<string, StatementSync>();

  function prepare(sql: string): StatementSync {
    let statement = statements.get(sql);
    if (statement === undefined) statements.set(sql, statement = connection.prepare(sql));
    return statement;
  }

  const database: Database = {
    path,
    exec: (sql) => guarded(path, () => connection.exec(sql)),
    run: (sql, ...values) => guarded(path, () => Number(prepare(sql).run(...values).changes)),
    // Rows have no prototype, so they would not equal literals in tests; hence the copies.
    all: <Row>(sql: string, ...values: SqlValue[]) =>
      guarded(path, () => prepare(sql).all(...values).map((row) => ({ ...row }) as Row)),
    get<Row>(sql: string, ...values: SqlValue[]) {
      const row = guarded(path, () => prepare(sql).get(...values));
      return row === undefined ? undefined : { ...row } as Row;
    },
    transaction(body) {
      database.exec("BEGIN IMMEDIATE");
      try {
        const result = body();
        database.exec("COMMIT");
        return result;
      } catch (error) {
        // After some failures SQLite has already rolled back; then this throws "no transaction is active".
        try {
          connection.exec("ROLLBACK");
        } catch { /* the first failure is the one to report */ }
        throw error;
      }
    },
    close: () => connection.close(),
  };
  try {
    database.exec("PRAGMA busy_timeout = 5000");
    if (!readOnly) {
      database.exec("PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    }
  } catch (error) {
    connection.close();
    throw error;
  }
  return database;
}

function guarded<T>(path: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw databaseError(error, path);
  }
}

/**
 * Converts an error of SQLite to one that callers distinguish; a defect of this program (a constraint, wrong SQL) is
 * unchanged.
 */
export function databaseError(error: unknown, path: string): unknown {
  const text = messageOf(error);
  const code = primaryCode(error);
  const options = { cause: error };
  if (code === 11 || code === 26 || /malformed|not a database/.test(text)) {
    return new DamagedDatabaseError(`Cannot read "${path}" as a database: ${text}`, options);
  }
  const reason = storageReason(error, text, code);
  // SQLite only reports that it cannot open a file; a database has up to three.
  if ((reason === "cannotOpen" || reason === "io") && hasNoDescriptor(error, path)) {
    return new StorageError(`Cannot use "${path}" as ${descriptorShortage.what}`, "noDescriptors", options);
  }
  if (reason === undefined) return error;
  const fault = isSystemError(error) ? maybeWriteFault(error) : undefined;
  const why = fault === undefined ? `: ${text}` : ` as ${fault.what}`;
  return new StorageError(`Cannot use "${path}"${why}`, reason, options);
}

/** Whether it is an error of the system and not of SQLite, whose messages are more precise. */
function isSystemError(error: unknown): boolean {
  return error instanceof Error && "code" in error && typeof error.code === "string" && /^E[A-Z]+$/.test(error.code);
}

function storageReason(error: unknown, text: string, code: number): StorageReason | undefined {
  const system = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === 13 || system === "ENOSPC" || system === "EDQUOT" || /disk is full/.test(text)) return "full";
  if (code === 8 || system === "EROFS" || /readonly/.test(text)) return "readOnly";
  if (code === 5 || code === 6 || /is locked/.test(text)) return "locked";
  if (system === "EMFILE" || system === "ENFILE") return "cannotOpen";
  if (code === 14 || /unable to open/.test(text) || isSystemOpenError(error, system)) return "cannotOpen";
  if (code === 10 || system === "EIO" || system === "EFBIG" || /disk I\/O error/.test(text)) return "io";
  return undefined;
}

function hasNoDescriptor(error: unknown, path: string): boolean {
  const isShort = (what: unknown) => maybeShortage(what)?.what.endsWith("no free file descriptors") === true;
  if (isShort(error)) return true;
  try {
    if (path !== inMemory) closeSync(openSync(path, "r"));
    return false;
  } catch (reason) {
    return isShort(reason);
  }
}

function isSystemOpenError(error: unknown, system: unknown): boolean {
  // Errors of Deno's own checks have no errno.
  const names = ["NotFound", "PermissionDenied", "NotCapable", "NotADirectory"];
  const codes = ["ENOENT", "EACCES", "EPERM", "ENOTDIR", "ELOOP", "EISDIR", "ENAMETOOLONG"];
  return codes.includes(String(system)) ||
    (error instanceof Error && names.includes(error.name));
}

/** Primary result code of SQLite (https://sqlite.org/rescode.html); 0 if unknown, as `exec` only gives a text. */
function primaryCode(error: unknown): number {
  return error instanceof Error && "errcode" in error && typeof error.errcode === "number" ? error.errcode & 0xff : 0;
}

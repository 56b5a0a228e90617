/**
 * Classifies errors of PostgreSQL and the connection to it: temporary ones, those that the operator must fix, and bugs.
 */
import { ConfigError, messageOf, UnavailableError, UsageError } from "../../../common/core/errors.ts";
import { SlowStatementError } from "../store.ts";

/* By SQLSTATE, or the beginning of one (PostgreSQL's manual, appendix A). */
const passing: [codes: RegExp, hint: string][] = [
  [/^53100/, "free space on the database's disk"],
  [/^53300/, "too many programs are connected: raise max_connections, or run fewer"],
  [/^(53|58)/, "see the log of the database's server"],
  [/^(08|57P0[1235])/, "the database's server restarts or is away; see its log"],
  [/^(40|55P03|57014|25P03)/, "the database is busy; try again"],
  // A standby, before it is promoted.
  [/^25006/, "the database only reads: connect to the primary server"],
];

const refused: [codes: RegExp, hint: string][] = [
  [/^28/, "check the user and the password in the URL, and pg_hba.conf of the server"],
  [/^3D000/, "create the database: docs/database.md shows how"],
  [/^(42501|42P01|3F000)/, "run opendca-platform database migrate as the owner of the database"],
];

const away =
  /ECONN|EPIPE|ENOENT|EACCES|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|EMFILE|Connection terminated|timeout|not queryable|connection error|connection reset|broken pipe|connection refused|os error|unable to verify|certificate|SSL/i;

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

const isSqlState = (code: string) => /^[0-9A-Z]{5}$/.test(code) && /\d/.test(code);

/** Whether the server has rolled back the transaction because of another one: a repetition may succeed. */
export function isConflict(error: unknown): boolean {
  return /^40(001|P01)$/.test(codeOf(error));
}

/** Whether the statement was refused because one before it in the transaction had failed. */
export function isAborted(error: unknown): boolean {
  return codeOf(error) === "25P02";
}

/** Whether the connection is unusable after the error: it is lost, or a statement still runs on it. */
export function isConnectionLost(error: unknown): boolean {
  const code = codeOf(error);
  // 0A000: a prepared statement from before a migration by another process. 25006: a server that became a standby.
  return !isSqlState(code) || /^(08|57P|25P03|0A000|25006)/.test(code);
}

/** Whether the server closed the connection before it accepted the statement, or during it. */
export function isStaleConnection(error: unknown): boolean {
  return /^57P0[12]/.test(codeOf(error)) ||
    /Connection terminated|not queryable|ECONNRESET|EPIPE/.test(`${codeOf(error)} ${messageOf(error)}`);
}

/** The error of a query: UnavailableError if it may work later, UsageError for a text; anything else is a bug. */
export function queryError(error: unknown, shown: string, sql?: string): unknown {
  if (error instanceof UnavailableError) return error;
  const code = codeOf(error);
  const what = `Cannot use the database ${shown}: ${messageOf(error)}`;
  const hint = passing.find(([codes]) => codes.test(code))?.[1];
  // An operator cancels with the same code.
  const isSlow = code === "57014" && /statement timeout/.test(messageOf(error));
  if (hint !== undefined) {
    return new (isSlow ? SlowStatementError : UnavailableError)(what, hint, 1000, { cause: error });
  }
  if (code === "0A000" && /cached plan/.test(messageOf(error))) {
    return new UnavailableError(what, "the database was migrated just now; try again", 1000, { cause: error });
  }
  // PostgreSQL's texts have no NUL: somebody has sent one, in an address or a form.
  if (code === "22021") return new UsageError("Cannot use a text with the character NUL", undefined, { cause: error });
  // While the program runs, a changed password is a fault that an operator can fix.
  if (/^(28|3D000)/.test(code) || (!isSqlState(code) && away.test(`${code} ${messageOf(error)}`))) {
    return new UnavailableError(what, "see whether the database's server runs and can be reached", 1000, {
      cause: error,
    });
  }
  if (sql === undefined || !(error instanceof Error)) return error;
  return new Error(`Cannot run a query: ${error.message}: ${sql}`, { cause: error });
}

/** The error of the first connection: ConfigError if waiting does not help. */
export function openError(error: unknown, shown: string): unknown {
  if (error instanceof ConfigError) return error;
  const code = codeOf(error), message = messageOf(error);
  const hint = refused.find(([codes]) => codes.test(code))?.[1] ??
    (/certificate|SSL|tls/i.test(message) && !isSqlState(code)
      ? "check sslmode and sslrootcert in the URL"
      : undefined);
  if (hint !== undefined) {
    return new ConfigError(`Cannot use the database ${shown}: ${message}`, hint, { cause: error });
  }
  return queryError(error, shown);
}

/**
 * Frees the disk space of write-ahead logs of idle databases. SQLite copies such a log into its database from time to
 * time, but keeps the file at its maximum size while a connection is open.
 */
import { statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";

/** Interval between two checks. */
export const journalLookMs = 30_000;

/**
 * Returns a function to be called regularly: it truncates the log of each database that was not written since the last
 * call. If a log is in use by a reader or the disk fails, it stays until a later call.
 */
export function idleJournals(paths: readonly string[]): () => void {
  const seen = new Map<string, number>();
  return () => {
    for (const path of paths) {
      const log = statSync(`${path}-wal`, { throwIfNoEntry: false });
      const before = seen.get(path);
      if (log === undefined || log.size === 0) continue;
      seen.set(path, log.mtimeMs);
      if (log.mtimeMs === before) tryTruncate(path);
    }
  };
}

/** Uses a separate connection, so that the owner's is not involved; never waits for a lock. */
function tryTruncate(path: string): void {
  try {
    using db = new DatabaseSync(path, { timeout: 0 });
    // Makes the copied pages durable before the log is truncated.
    db.exec("PRAGMA synchronous = FULL; PRAGMA wal_checkpoint(TRUNCATE)");
  } catch {
    // Full, read-only, busy or damaged: the user of the database reports it.
  }
}

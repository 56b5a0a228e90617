/**
 * Gives back the disk that the write-ahead logs of idle databases take. SQLite empties such a log into its database now
 * and then, but keeps the file at the length that it had at its worst, for as long as a connection is open.
 */
import { statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";

/** How often it is worth a look. */
export const journalLookMs = 30_000;

/**
 * Returns what is to be called now and then: it truncates the log of each database whose log was not written since the call
 * before. A log that somebody reads from stays until a later call, and so does one on a disk that fails: nothing depends on it.
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

/** By a connection of its own, so that the owner's need not know; it waits for nobody. */
function tryTruncate(path: string): void {
  try {
    using db = new DatabaseSync(path, { timeout: 0 });
    // With this, what is copied back is on the disk before the log is cut.
    db.exec("PRAGMA synchronous = FULL; PRAGMA wal_checkpoint(TRUNCATE)");
  } catch {
    // Full, read-only, busy or damaged: whoever uses the database says so.
  }
}

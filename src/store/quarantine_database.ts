/** Databases that the agent can do without: a damaged one is quarantined and recreated. */
import { UnavailableError } from "../../common/core/errors.ts";
import { DamagedDatabaseError, mayBeRoom, openDatabase, StorageError } from "../../common/host/sqlite.ts";
import type { SpoolFiles } from "./spool_files.ts";

export interface QuarantineOptions {
  files: Pick<SpoolFiles, "rename" | "list" | "exists" | "remove">;
  now: Date;
  /** Space that the spool reserves for a full disk, since even opening needs some. */
  reserve: string;
  /** The agent no longer uses its content; the file is kept for inspection. */
  onDamage(report: { path: string; keptAs: string; reason: string }): void;
}

/** Opens a database; one with a damaged page is renamed with its journal and recreated. */
export function openOrQuarantine<T>(path: string, open: (path: string) => T, options: QuarantineOptions): T {
  const { files } = options;
  try {
    if (files.list(path).includes(path)) checkPages(path);
    return open(path);
  } catch (error) {
    if (error instanceof StorageError && mayBeRoom(error) && files.exists(options.reserve)) {
      files.remove(options.reserve);
      return openOrQuarantine(path, open, options);
    }
    if (!(error instanceof DamagedDatabaseError)) throw error;
    const keptAs = quarantineDatabase(path, { ...options, why: "damaged" });
    options.onDamage({ path, keptAs, reason: error.message });
    return open(path);
  }
}

/** Renames a closed database and its journal, and returns the new path. */
export function quarantineDatabase(
  path: string,
  { files, now, why }: Pick<QuarantineOptions, "now"> & { files: Pick<SpoolFiles, "rename" | "list">; why: string },
): string {
  const keptAs = `${path}.${why}-${now.toISOString().replace(/[:.]/g, "")}`;
  for (const suffix of ["", "-wal", "-shm"]) {
    if (files.list(path + suffix).includes(path + suffix)) files.rename(path + suffix, keptAs + suffix);
  }
  return keptAs;
}

/** Checks all pages at the start: otherwise damage is found only when its page is used, and then at each use. */
function checkPages(path: string): void {
  const db = openDatabase(path);
  try {
    const [found] = db.all<{ quick_check: string }>("PRAGMA quick_check(1)");
    if (found?.quick_check === "ok") return;
    throw new DamagedDatabaseError(`Cannot read "${path}": ${found?.quick_check.replaceAll("\n", " ")}`);
  } finally {
    db.close();
  }
}

/** Quarantines a database that is damaged in use, which would otherwise lose every write until the next start. */
export function damageError(cause: DamagedDatabaseError): UnavailableError {
  return new UnavailableError(
    `Cannot continue: ${cause.message}`,
    "restart the agent, as the service manager does: it quarantines the file and continues",
    0,
    { cause },
  );
}

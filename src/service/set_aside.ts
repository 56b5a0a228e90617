/** Databases that the agent can do without: what is damaged is put aside, and begun anew. */
import { UnavailableError } from "../../common/core/errors.ts";
import { DamagedDatabaseError, mayBeRoom, openDatabase, StorageError } from "../../common/host/sqlite.ts";
import type { SpoolFiles } from "../store/spool_files.ts";

export interface SetAsideOptions {
  files: Pick<SpoolFiles, "rename" | "list" | "exists" | "remove">;
  now: Date;
  /** Room that the spool keeps for a full disk, where even opening needs some. */
  reserve: string;
  /** Its content is lost to the agent; it is kept for a person. */
  onDamage(report: { path: string; keptAs: string; reason: string }): void;
}

/** Opens a database; one with a damaged page is renamed with its journal and begun anew. */
export function openOrSetAside<T>(path: string, open: (path: string) => T, options: SetAsideOptions): T {
  const { files } = options;
  try {
    if (files.list(path).includes(path)) checkPages(path);
    return open(path);
  } catch (error) {
    if (error instanceof StorageError && mayBeRoom(error) && files.exists(options.reserve)) {
      files.remove(options.reserve);
      return openOrSetAside(path, open, options);
    }
    if (!(error instanceof DamagedDatabaseError)) throw error;
    const keptAs = putAside(path, { ...options, why: "damaged" });
    options.onDamage({ path, keptAs, reason: error.message });
    return open(path);
  }
}

/** Renames a database that is closed, with its journal, and returns its new path. */
export function putAside(
  path: string,
  { files, now, why }: Pick<SetAsideOptions, "now"> & { files: Pick<SpoolFiles, "rename" | "list">; why: string },
): string {
  const keptAs = `${path}.${why}-${now.toISOString().replace(/[:.]/g, "")}`;
  for (const suffix of ["", "-wal", "-shm"]) {
    if (files.list(path + suffix).includes(path + suffix)) files.rename(path + suffix, keptAs + suffix);
  }
  return keptAs;
}

/** Most damage shows only when its page is used, and then with each use until somebody looks. */
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

/** A database that is damaged in use would lose everything that goes into it, until the next start sets it aside. */
export function damageError(cause: DamagedDatabaseError): UnavailableError {
  return new UnavailableError(
    `Cannot continue: ${cause.message}`,
    "restart the agent, as the service manager does: it quarantines the file and continues",
    0,
    { cause },
  );
}

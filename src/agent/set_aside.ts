import { DamagedDatabaseError, mayBeRoom, StorageError } from "../core/sqlite.ts";
import type { SpoolFiles } from "../spool/spool_files.ts";

export interface SetAsideOptions {
  files: Pick<SpoolFiles, "rename" | "list" | "exists" | "remove">;
  now: Date;
  /** Room that the spool keeps for a full disk, where even opening needs some. */
  reserve: string;
  /** Its content is lost to the agent; it is kept for a person. */
  onDamage(report: { path: string; keptAs: string; reason: string }): void;
}

/** Opens a database; a damaged one is renamed with its journal and begun anew, as the agent's work does not rest on it. */
export function openOrSetAside<T>(path: string, open: (path: string) => T, options: SetAsideOptions): T {
  const { files } = options;
  try {
    return open(path);
  } catch (error) {
    if (error instanceof StorageError && mayBeRoom(error) && files.exists(options.reserve)) {
      files.remove(options.reserve);
      return openOrSetAside(path, open, options);
    }
    if (!(error instanceof DamagedDatabaseError)) throw error;
    const keptAs = `${path}.damaged-${options.now.toISOString().replace(/[:.]/g, "")}`;
    for (const suffix of ["", "-wal", "-shm"]) {
      if (files.list(path + suffix).includes(path + suffix)) files.rename(path + suffix, keptAs + suffix);
    }
    options.onDamage({ path, keptAs, reason: error.message });
    return open(path);
  }
}

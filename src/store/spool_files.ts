import { denoDisk } from "../../common/host/disk.ts";
import { writeAllSync } from "../../common/host/own_file.ts";
import { type Database, openDatabase } from "../../common/host/sqlite.ts";

/** The file operations that the spool needs; paths are absolute. */
export interface SpoolFiles {
  openDatabase(path: string, options?: { readOnly?: boolean }): Database;
  exists(path: string): boolean;
  /** Replaces an existing file. */
  rename(from: string, to: string): void;
  /** A missing file is not an error. */
  remove(path: string): void;
  /** Paths that begin with `prefix`, sorted. */
  list(prefix: string): string[];
  /** Reserves `bytes` of the disk for a file; false, and no file, when there is no space. */
  reserve(path: string, bytes: number): boolean;
}

/** The real disk. */
export const denoSpoolFiles: SpoolFiles = {
  openDatabase,
  exists: (path) => denoDisk.size(path) !== undefined,
  rename: denoDisk.rename,
  remove: denoDisk.remove,
  list(prefix) {
    const slash = Math.max(prefix.lastIndexOf("/"), prefix.lastIndexOf("\\"));
    const folder = prefix.slice(0, slash + 1), start = prefix.slice(slash + 1);
    return denoDisk.list(folder || ".").filter((name) => name.startsWith(start)).map((name) => folder + name);
  },
  reserve(path, bytes) {
    try {
      if (denoDisk.size(path) === bytes) return true;
      const file = denoDisk.create(path);
      try {
        // Random bytes, as a compressing file system reserves no space for zeros.
        const block = crypto.getRandomValues(new Uint8Array(65_536));
        for (let left = bytes; left > 0; left -= block.length) writeAllSync(file, block.subarray(0, left));
        file.syncSync();
      } finally {
        file.close();
      }
      return true;
    } catch {
      // For any error there is no reserve; the spool then reports a full disk.
      denoDisk.remove(path);
      return false;
    }
  },
};

import { closeSync, fsyncSync, writeSync } from "node:fs";
import { openNew } from "../../common/host/own_file.ts";
import { type Database, openDatabase } from "../../common/host/sqlite.ts";

/** The disk as the spool needs it; paths are absolute. */
export interface SpoolFiles {
  openDatabase(path: string, options?: { readOnly?: boolean }): Database;
  exists(path: string): boolean;
  /** Replaces what is there. */
  rename(from: string, to: string): void;
  /** A file that is not there is no error. */
  remove(path: string): void;
  /** Paths that begin with `prefix`, sorted. */
  list(prefix: string): string[];
  /** Takes `bytes` of the disk for a file; false, and no file, when there is no room. */
  reserve(path: string, bytes: number): boolean;
}

/** The real disk. */
export const denoSpoolFiles: SpoolFiles = {
  openDatabase,
  exists(path) {
    try {
      return Deno.statSync(path).isFile;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  },
  rename: (from, to) => Deno.renameSync(from, to),
  remove(path) {
    try {
      Deno.removeSync(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  },
  list(prefix) {
    const slash = Math.max(prefix.lastIndexOf("/"), prefix.lastIndexOf("\\"));
    const folder = prefix.slice(0, slash + 1), start = prefix.slice(slash + 1);
    return [...Deno.readDirSync(folder || ".")].map(({ name }) => name)
      .filter((name) => name.startsWith(start)).sort().map((name) => folder + name);
  },
  reserve(path, bytes) {
    try {
      if (denoSpoolFiles.exists(path) && Deno.statSync(path).size === bytes) return true;
      const file = openNew(path);
      try {
        // Random bytes, as a file system that compresses would keep room for no zeros.
        const block = crypto.getRandomValues(new Uint8Array(65_536));
        for (let left = bytes; left > 0;) left -= writeSync(file, block, 0, Math.min(left, block.length));
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      return true;
    } catch {
      // Whatever the reason, there is no reserve; the spool then says that the disk is full.
      denoSpoolFiles.remove(path);
      return false;
    }
  },
};

/** The file operations of the activation state, small enough that a test can stop the process between any two. */
import { messageOf } from "../core/errors.ts";
import { hasCode, makeOwnDirectory } from "./own_directory.ts";
import { ensureOwnFile, readOwnFile, removeLeftovers, temporaryPath, writeNewFile } from "./own_file.ts";
import { databaseError, StorageError } from "./sqlite.ts";

export interface StateDisk {
  /** Undefined when there is no such file, empty for what is no file. Throws `Deno.errors.PermissionDenied` where reading is not allowed. */
  read(path: string): Promise<string | undefined>;
  /** Names in a directory; empty when there is none. */
  list(directory: string): Promise<string[]>;
  /** With its parents, mode 0700. Throws `NotPermittedError` for root in a directory that another user could change. */
  makeDirectory(path: string): Promise<void>;
  /** Takes away what a crash has left of files that were being written. */
  removeLeftovers(directory: string): Promise<void>;
  /** Writes a new file of mode 0600 and syncs it. */
  writeSynced(path: string, text: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Makes a rename last; nothing where the system cannot. */
  syncDirectory(path: string): Promise<void>;
  /** Exclusive between processes until disposed; undefined when another process holds it. */
  tryLock(path: string): Promise<Disposable | undefined>;
}

/**
 * Puts a file in place so that a crash leaves the old one or the new one, on disk and not in a cache. Throws `StorageError`
 * for a disk that does not take it.
 */
export async function replaceFile(disk: StateDisk, path: string, text: string): Promise<void> {
  const temporary = temporaryPath(path);
  try {
    await disk.writeSynced(temporary, text);
    await disk.rename(temporary, path);
    await disk.syncDirectory(path.slice(0, Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\"))));
  } catch (cause) {
    throw isNoFile(cause)
      ? new StorageError(`Cannot write "${path}": ${messageOf(cause)}`, "io", { cause })
      : databaseError(cause, path);
  }
}

/** Something else stands under the name of a file. */
export function isNoFile(error: unknown): boolean {
  const { AlreadyExists, FilesystemLoop, IsADirectory } = Deno.errors;
  return hasCode(error, "EEXIST", "ELOOP", "EISDIR") ||
    error instanceof AlreadyExists || error instanceof FilesystemLoop || error instanceof IsADirectory;
}

/** As the callers know it: `node:fs` has codes, and no classes. */
function denoError(error: unknown): unknown {
  return hasCode(error, "EACCES", "EPERM")
    ? new Deno.errors.PermissionDenied(messageOf(error), { cause: error })
    : error;
}

/** The machine's disk. */
export const denoStateDisk: StateDisk = {
  // deno-lint-ignore require-await
  async read(path) {
    try {
      return readOwnFile(path);
    } catch (error) {
      if (hasCode(error, "ENOENT", "ENOTDIR")) return undefined;
      if (isNoFile(error)) return "";
      throw denoError(error);
    }
  },
  async list(directory) {
    try {
      return (await Array.fromAsync(Deno.readDir(directory))).map((entry) => entry.name).sort();
    } catch (error) {
      if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return [];
      throw error;
    }
  },
  // deno-lint-ignore require-await
  async makeDirectory(path) {
    try {
      makeOwnDirectory(path);
    } catch (error) {
      throw denoError(error);
    }
  },
  // deno-lint-ignore require-await
  async removeLeftovers(directory) {
    removeLeftovers(directory, new Date());
  },
  // deno-lint-ignore require-await
  async writeSynced(path, text) {
    try {
      writeNewFile(path, text, { sync: true });
    } catch (error) {
      throw denoError(error);
    }
  },
  rename: (from, to) => Deno.rename(from, to),
  async syncDirectory(path) {
    // Windows cannot open a directory as a file; there a rename is written through by the file system's journal.
    if (Deno.build.os === "windows") return;
    using directory = await Deno.open(path, { read: true });
    await directory.sync();
  },
  async tryLock(path) {
    try {
      ensureOwnFile(path);
    } catch (error) {
      throw denoError(error);
    }
    // It exists and is a file, so that this makes nothing and waits for nothing.
    const file = await Deno.open(path, { write: true });
    if (await file.tryLock(true)) return file;
    file.close();
    return undefined;
  },
};

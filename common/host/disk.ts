/**
 * Access to the disk, and the only code that replaces files. After a crash, a file NAME has
 *
 *     NAME                    the old content or the new one, whole
 *     NAME.<16 hex>.new       what was being written; nothing reads it, and `removeLeftovers` removes it when it is an hour old
 */
import { randomBytes } from "node:crypto";
import { dirname } from "node:path";
import { messageOf } from "../core/errors.ts";
import { hasCode, isAbsent, isNoFile } from "../core/system_error.ts";
import { type FileLock, tryLock } from "./file_lock.ts";
import { makeOwnDirectory } from "./own_directory.ts";
import { createOwnFile, type NewFile, readOwnFile, writeAllSync } from "./own_file.ts";
import { databaseError, StorageError } from "./sqlite.ts";

/**
 * Disk operations, small enough that a test can simulate a crash between any two. System errors are thrown unchanged.
 */
export interface Disk {
  /** Undefined if it does not exist, empty if it is not a file. */
  read(path: string): string | undefined;
  /** Names in a directory, sorted; empty if it does not exist. */
  list(directory: string): string[];
  /** Size of a file in octets; undefined if it does not exist. */
  size(path: string): number | undefined;
  /**
   * Creates it and its parents, mode 0700. Throws `NotPermittedError` for root in a directory that another user could
   * change.
   */
  makeDirectory(path: string): void;
  /** See `createOwnFile`. */
  create(path: string, options?: { mode?: number }): NewFile;
  rename(from: string, to: string): void;
  /** A missing file is not an error. */
  remove(path: string): void;
  /** Makes a rename durable; does nothing if the system does not support it. */
  syncDirectory(path: string): void;
  /** Removes incomplete files that a crash has left. */
  removeLeftovers(directory: string): void;
  /** See `tryLock` in file_lock.ts. */
  tryLock(path: string): FileLock | undefined;
}

const temporaryName = /\.[0-9a-f]{16}\.new$/;
const leftoverAgeMs = 3_600_000;

/** The machine's disk. */
export const denoDisk: Disk = {
  read(path) {
    try {
      return readOwnFile(path);
    } catch (error) {
      if (isAbsent(error)) return undefined;
      if (isNoFile(error)) return "";
      throw error;
    }
  },
  list(directory) {
    try {
      return [...Deno.readDirSync(directory)].map((entry) => entry.name).sort();
    } catch (error) {
      if (isAbsent(error)) return [];
      throw error;
    }
  },
  size(path) {
    try {
      const { isFile, size } = Deno.statSync(path);
      return isFile ? size : undefined;
    } catch (error) {
      if (hasCode(error, "ENOENT")) return undefined;
      throw error;
    }
  },
  makeDirectory: makeOwnDirectory,
  create: createOwnFile,
  rename: Deno.renameSync,
  remove(path) {
    try {
      Deno.removeSync(path);
    } catch (error) {
      if (!hasCode(error, "ENOENT")) throw error;
    }
  },
  syncDirectory(path) {
    // Windows cannot open a directory as a file; there the file system's journal makes a rename durable.
    if (Deno.build.os === "windows") return;
    using directory = Deno.openSync(path, { read: true });
    directory.syncSync();
  },
  removeLeftovers: (directory) => removeLeftovers(directory, new Date()),
  tryLock,
};

/** Follows symbolic links, for files that an operator may have created. Undefined if it does not exist. */
export function maybeText(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** Reads a file that is optional: undefined if it cannot be read. */
export function tryRead(disk: Pick<Disk, "read">, path: string): string | undefined {
  try {
    return disk.read(path);
  } catch {
    return undefined;
  }
}

/** A file that gets its name only when it is complete. */
export interface Replacement {
  file: NewFile;
  /** Gives it its name; if that fails, the new file is removed. */
  commit(): void;
  /** Removes the incomplete file. */
  discard(): void;
}

export interface ReplaceOptions {
  /** Survives a power failure: `commit` returns when the file and its name are on the disk. */
  durable?: boolean;
  mode?: number;
  disk?: Disk;
}

/**
 * Starts a file that will replace `path`, or be new. Until then it has a random name. It is never written through an
 * existing file or link of either name, and has mode 0600 by default.
 */
export function openReplacement(
  path: string,
  { durable = false, mode = 0o600, disk = denoDisk }: ReplaceOptions = {},
): Replacement {
  const temporary = `${path}.${randomBytes(8).toString("hex")}.new`;
  const file = disk.create(temporary, { mode });
  let isOpen = true;
  function close(): void {
    if (isOpen) file.close();
    isOpen = false;
  }
  function discard(): void {
    close();
    try {
      disk.remove(temporary);
    } catch { /* The incomplete file stays until `removeLeftovers`. */ }
  }
  return {
    file,
    discard,
    commit() {
      try {
        if (durable) file.syncSync();
        close();
        disk.rename(temporary, path);
        if (durable) disk.syncDirectory(dirname(path));
      } catch (error) {
        discard();
        throw error;
      }
    },
  };
}

/** Replaces a whole file atomically. */
export function replaceFile(path: string, text: string, options?: ReplaceOptions): void {
  const next = openReplacement(path, options);
  try {
    writeAllSync(next.file, new TextEncoder().encode(text));
  } catch (error) {
    next.discard();
    throw error;
  }
  next.commit();
}

/** Replaces a state file durably. Throws `StorageError` if the disk fails. */
export function saveFile(disk: Disk, path: string, text: string): void {
  try {
    replaceFile(path, text, { durable: true, disk });
  } catch (cause) {
    throw isNoFile(cause)
      ? new StorageError(`Cannot write "${path}": ${messageOf(cause)}`, "io", { cause })
      : databaseError(cause, path);
  }
}

/** Removes incomplete files that a crash has left, but not those that another process may be writing. */
export function removeLeftovers(directory: string, now: Date): void {
  for (const { name, isFile } of Deno.readDirSync(directory)) {
    if (!isFile || !temporaryName.test(name)) continue;
    const path = `${directory}/${name}`;
    try {
      const { isFile, mtime } = Deno.lstatSync(path);
      if (isFile && mtime !== null && now.getTime() - mtime.getTime() > leftoverAgeMs) Deno.removeSync(path);
    } catch (error) {
      if (!hasCode(error, "ENOENT")) throw error;
    }
  }
}

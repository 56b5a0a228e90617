/**
 * The disk, and the one way in which a file takes the place of another. A crash leaves of a file NAME
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

/** In steps so small that a test can stop the process between any two. What the system says is thrown as it is. */
export interface Disk {
  /** Undefined when there is no such file, empty for what is no file. */
  read(path: string): string | undefined;
  /** Names in a directory, sorted; empty when there is none. */
  list(directory: string): string[];
  /** Octets of a file; undefined where there is none. */
  size(path: string): number | undefined;
  /** With its parents, mode 0700. Throws `NotPermittedError` for root in a directory that another user could change. */
  makeDirectory(path: string): void;
  /** See `createOwnFile`. */
  create(path: string, options?: { mode?: number }): NewFile;
  rename(from: string, to: string): void;
  /** A file that is not there is no error. */
  remove(path: string): void;
  /** Makes a rename last; nothing where the system cannot. */
  syncDirectory(path: string): void;
  /** Removes what a crash has left of files that were being written. */
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
    // Windows cannot open a directory as a file; there a rename is written through by the file system's journal.
    if (Deno.build.os === "windows") return;
    using directory = Deno.openSync(path, { read: true });
    directory.syncSync();
  },
  removeLeftovers: (directory) => removeLeftovers(directory, new Date()),
  tryLock,
};

/** Also through a symbolic link, for what an operator may have put in place. Undefined where there is none. */
export function maybeText(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** A file that may as well be absent when it cannot be read. */
export function tryRead(disk: Pick<Disk, "read">, path: string): string | undefined {
  try {
    return disk.read(path);
  } catch {
    return undefined;
  }
}

/** A file that appears under its name only when it is complete. */
export interface Replacement {
  file: NewFile;
  /** Gives it its name; where that fails, nothing of it is left. */
  commit(): void;
  /** Removes what was written. */
  discard(): void;
}

export interface ReplaceOptions {
  /** Also after a power cut: `commit` returns when the file and its name are on the disk. */
  durable?: boolean;
  mode?: number;
  disk?: Disk;
}

/**
 * Begins a file that will take the place of `path`, or be new. It has a random name until then, is never written through
 * what has that name or `path`'s, and is mode 0600 by default.
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
    } catch { /* Half of a file is of no use to anybody: `removeLeftovers`. */ }
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

/** Replaces a whole file; the old text is there until the new one is. */
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

/** Replaces a file of the state, durably. Throws `StorageError` for a disk that fails. */
export function saveFile(disk: Disk, path: string, text: string): void {
  try {
    replaceFile(path, text, { durable: true, disk });
  } catch (cause) {
    throw isNoFile(cause)
      ? new StorageError(`Cannot write "${path}": ${messageOf(cause)}`, "io", { cause })
      : databaseError(cause, path);
  }
}

/** Removes what a crash has left; not what another process may be writing. */
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

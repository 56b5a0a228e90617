/** The file operations of the activation state, small enough that a test can stop the process between any two. */
import { messageOf } from "../core/errors.ts";
import { databaseError, StorageError } from "../core/sqlite.ts";

export interface StateDisk {
  /** Undefined when there is no such file, empty for what is no file. Throws `Deno.errors.PermissionDenied` where reading is not allowed. */
  read(path: string): Promise<string | undefined>;
  /** Names in a directory; empty when there is none. */
  list(directory: string): Promise<string[]>;
  /** With its parents, mode 0700. */
  makeDirectory(path: string): Promise<void>;
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
  const temporary = `${path}.new`;
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
  return error instanceof AlreadyExists || error instanceof FilesystemLoop || error instanceof IsADirectory;
}

/** The machine's disk. */
export const denoStateDisk: StateDisk = {
  async read(path) {
    try {
      return await Deno.readTextFile(path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return undefined;
      if (isNoFile(error)) return "";
      throw error;
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
  async makeDirectory(path) {
    await Deno.mkdir(path, { recursive: true, mode: 0o700 });
  },
  async writeSynced(path, text) {
    using file = await Deno.open(path, { write: true, create: true, truncate: true, mode: 0o600 });
    const bytes = new TextEncoder().encode(text);
    for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
    await file.sync();
  },
  rename: (from, to) => Deno.rename(from, to),
  async syncDirectory(path) {
    // Windows cannot open a directory as a file; there a rename is written through by the file system's journal.
    if (Deno.build.os === "windows") return;
    using directory = await Deno.open(path, { read: true });
    await directory.sync();
  },
  async tryLock(path) {
    const file = await Deno.open(path, { write: true, create: true, mode: 0o600 });
    if (await file.tryLock(true)) return file;
    file.close();
    return undefined;
  },
};

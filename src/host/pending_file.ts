import type { PendingFile } from "../cli/host.ts";
import { NotPermittedError, outputFailure, UsageError } from "../../common/core/errors.ts";

/**
 * Opens a file beside `path` and renames it on `commit`, so that a failed or interrupted command leaves an earlier file as
 * it was. A device such as /dev/stdout cannot be renamed over and is written directly.
 */
export async function createPendingFile(path: string): Promise<PendingFile> {
  if (await isDevice(path)) return await openDirectly(path);
  const temporary = `${path}.${crypto.randomUUID().slice(0, 8)}.tmp`;
  const file = await open(temporary, path, { write: true, createNew: true, mode: 0o644 });
  let open_ = true;
  const close = () => {
    if (open_) file.close();
    open_ = false;
  };
  return {
    write: (text) => writeAll(file, text, path),
    async commit() {
      close();
      try {
        await Deno.rename(temporary, path);
      } catch (error) {
        await Deno.remove(temporary);
        throw fileError(error, path);
      }
    },
    async discard() {
      close();
      await Deno.remove(temporary);
    },
  };
}

async function isDevice(path: string): Promise<boolean> {
  try {
    const info = await Deno.stat(path);
    if (info.isDirectory) throw new UsageError(`Cannot write "${path}" as it is a directory`, "name a file in it");
    return !info.isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error instanceof UsageError ? error : fileError(error, path);
  }
}

async function openDirectly(path: string): Promise<PendingFile> {
  const file = await open(path, path, { write: true });
  const close = () => Promise.resolve(file.close());
  return { write: (text) => writeAll(file, text, path), commit: close, discard: close };
}

async function open(actual: string, path: string, options: Deno.OpenOptions): Promise<Deno.FsFile> {
  try {
    return await Deno.open(actual, options);
  } catch (error) {
    throw fileError(error, path);
  }
}

async function writeAll(file: Pick<Deno.FsFile, "write">, text: string, path: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  try {
    for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
  } catch (error) {
    throw fileError(error, path);
  }
}

function fileError(error: unknown, path: string): Error {
  const options = { cause: error };
  if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
    return new UsageError(
      `Cannot write "${path}" as its directory does not exist`,
      "create the directory first",
      options,
    );
  }
  if (error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotCapable) {
    return new NotPermittedError(
      `Cannot write "${path}" as permission is denied`,
      "choose another place with --output",
      options,
    );
  }
  return outputFailure(error, `"${path}"`);
}

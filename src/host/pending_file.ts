import type { PendingFile } from "../cli/host.ts";
import { NotPermittedError, outputFailure, UsageError } from "../../common/core/errors.ts";
import { hasCode, isAbsent, isDenied } from "../../common/core/system_error.ts";
import { openReplacement } from "../../common/host/disk.ts";
import { writeAll } from "../../common/host/terminal.ts";

/**
 * Opens a file that replaces `path` on `commit`, so that a failed or interrupted command leaves the old file unchanged.
 * A device such as /dev/stdout cannot be renamed over and is written directly.
 */
export async function createPendingFile(path: string): Promise<PendingFile> {
  async function named<T>(action: () => T | Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      throw fileError(error, path);
    }
  }
  const isDevice = await named(() => isNoFile(path));
  const { file, commit, discard } = await named(() =>
    // Readable by others, like the output of any program.
    isDevice ? openDirectly(path) : openReplacement(path, { mode: 0o644 })
  );
  return {
    write: (text) => named(() => writeAll(file, text)),
    commit: () => named(commit),
    discard: () => named(discard),
  };
}

/** Throws `UsageError` for a directory. */
async function isNoFile(path: string): Promise<boolean> {
  try {
    const { isDirectory, isFile } = await Deno.stat(path);
    if (isDirectory) throw new UsageError(`Cannot write "${path}" as it is a directory`, "name a file in it");
    return !isFile;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
    throw error;
  }
}

async function openDirectly(path: string) {
  const file = await Deno.open(path, { write: true });
  const close = () => file.close();
  return { file, commit: close, discard: close };
}

function fileError(error: unknown, path: string): Error {
  if (error instanceof UsageError) return error;
  const options = { cause: error };
  if (isAbsent(error)) {
    return new UsageError(
      `Cannot write "${path}" as its directory does not exist`,
      "create the directory first",
      options,
    );
  }
  if (isDenied(error)) {
    return new NotPermittedError(
      `Cannot write "${path}" as permission is denied`,
      "choose another place with --output",
      options,
    );
  }
  return outputFailure(error, `"${path}"`);
}

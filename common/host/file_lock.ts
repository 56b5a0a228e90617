/**
 * The one lock between processes: an empty file that stays, and that the system unlocks when its holder ends in any way, so
 * that no crash leaves one behind.
 */
import { hasCode } from "../core/system_error.ts";
import { ensureOwnFile } from "./own_file.ts";

/** Held until disposed. */
export type FileLock = Disposable;

/** Undefined when another process, or this one, holds it. Makes the file; throws what the system says of it. */
export function tryLock(path: string): FileLock | undefined {
  const file = openLockFile(path);
  if (file.tryLockSync(true)) return file;
  file.close();
  return undefined;
}

/** Waits for as long as another process holds it. */
export async function waitForLock(path: string): Promise<FileLock> {
  const file = openLockFile(path);
  await file.lock(true);
  return file;
}

/** Whether somebody holds it, without making the file; `unknown` where it may not be looked at. */
export function stateOfLock(path: string): "held" | "free" | "unknown" {
  try {
    // A pipe in its place would be waited for.
    if (!Deno.lstatSync(path).isFile) return "unknown";
    using file = Deno.openSync(path, { read: true });
    return file.tryLockSync(false) ? "free" : "held";
  } catch (error) {
    return hasCode(error, "ENOENT") ? "free" : "unknown";
  }
}

function openLockFile(path: string): Deno.FsFile {
  ensureOwnFile(path);
  // It exists and is a file, so that this makes nothing and waits for nothing.
  return Deno.openSync(path, { write: true });
}

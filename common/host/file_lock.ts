/**
 * The lock between processes: an empty file that stays, and that the system unlocks whenever its holder ends, so that a
 * crash leaves no lock behind.
 */
import { hasCode } from "../core/system_error.ts";
import { ensureOwnFile } from "./own_file.ts";

/** Held until disposed. */
export type FileLock = Disposable;

/** Undefined if another process, or this one, holds it. Creates the file; throws the system's error. */
export function tryLock(path: string): FileLock | undefined {
  const file = openLockFile(path);
  if (file.tryLockSync(true)) return lockOf(file);
  file.close();
  return undefined;
}

/** Waits while another process holds it. */
export async function waitForLock(path: string): Promise<FileLock> {
  const file = openLockFile(path);
  await file.lock(true);
  return lockOf(file);
}

/**
 * Unlocked before it is closed: a program that another thread starts at this moment has a copy of the descriptor for
 * an instant, and the system keeps the lock until the last copy is closed (flock(2)).
 */
function lockOf(file: Deno.FsFile): FileLock {
  return {
    [Symbol.dispose]() {
      file.unlockSync();
      file.close();
    },
  };
}

/** Whether a process holds it, without creating the file; `unknown` without permission to look. */
export function stateOfLock(path: string): "held" | "free" | "unknown" {
  try {
    // Opening a pipe in its place would block.
    if (!Deno.lstatSync(path).isFile) return "unknown";
    using file = Deno.openSync(path, { read: true });
    if (!file.tryLockSync(false)) return "held";
    file.unlockSync();
    return "free";
  } catch (error) {
    return hasCode(error, "ENOENT") ? "free" : "unknown";
  }
}

function openLockFile(path: string): Deno.FsFile {
  ensureOwnFile(path);
  // It exists and is a file, so this creates nothing and does not block.
  return Deno.openSync(path, { write: true });
}

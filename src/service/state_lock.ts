import type { Disk } from "../../common/host/disk.ts";
import type { Clock } from "../../common/core/clock.ts";
import { NotPermittedError } from "../../common/core/errors.ts";
import { stateDirectoryError } from "../activation/state_store.ts";

/** File name in the state directory; the running agent holds the lock. */
export const stateLockName = "lock";

const tries = 5;
const pauseMs = 100;

/**
 * Keeps other agents off the state directory until disposed; the system lets go of it when the process dies in any way.
 * Throws `NotPermittedError`, exit code 77, while another one holds it. `opendca status` holds it for a moment, hence the
 * few tries.
 */
export async function takeStateLock(
  disk: Pick<Disk, "makeDirectory" | "tryLock" | "removeLeftovers">,
  { stateDirectory, clock }: { stateDirectory: string; clock: Clock },
): Promise<Disposable> {
  const path = `${stateDirectory}/${stateLockName}`;
  try {
    disk.makeDirectory(stateDirectory);
    for (let attempt = 1; attempt <= tries; attempt++) {
      const lock = disk.tryLock(path);
      if (lock !== undefined) {
        disk.removeLeftovers(stateDirectory);
        return lock;
      }
      if (attempt < tries) await clock.sleep(pauseMs);
    }
  } catch (error) {
    if (error instanceof NotPermittedError) throw error;
    throw stateDirectoryError(stateDirectory, error);
  }
  throw new NotPermittedError(
    `Cannot start as another agent runs on this state directory: "${path}" is locked`,
    "opendca status shows it; two agents need two state directories and two activation codes",
  );
}

/** Stops every command of a locked executable but those that help to unlock it. */
import { isDenied } from "../../common/core/system_error.ts";
import { isLocked, lockedError } from "./activation_state.ts";
import { foreignError, judgeState, type StateStoreOptions } from "./state_store.ts";

/** Commands that run although the executable is locked; --help and --version are no commands and always work. */
export const allowedWhenLocked: readonly string[] = ["status", "doctor", "unlock"];

/**
 * Throws `NotPermittedError` when the state directory, or a guard directory where there is none, says that the executable
 * is locked. A few small files are read; a machine where nothing was ever activated costs a look for absent ones.
 */
export function refuseWhenLocked(command: string, store: StateStoreOptions): void {
  if (allowedWhenLocked.includes(command)) return;
  let verdict;
  try {
    verdict = judgeState(store);
  } catch (error) {
    // Another user's agent: what it has locked is not ours to read, and its state cannot be used by us either.
    if (isDenied(error)) return;
    throw error;
  }
  if (verdict.kind === "foreign") throw foreignError(store.stateDirectory, verdict);
  if (verdict.kind === "known" && isLocked(verdict.record.state)) throw lockedError(verdict.record.state);
}

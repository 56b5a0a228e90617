/** Stops every command of a locked executable, except those that help to unlock it. */
import { isDenied } from "../../common/core/system_error.ts";
import { isLocked, lockedError } from "./activation_state.ts";
import { foreignError, judgeState, type StateStoreOptions } from "./state_store.ts";

/** Commands that run although the executable is locked; --help and --version are not commands and always work. */
const allowedWhenLocked: readonly string[] = ["status", "doctor", "unlock", "update"];

/**
 * Throws `NotPermittedError` if the state directory, or a guard directory if there is none, says that the executable
 * is locked. Reads a few small files, which do not exist on a machine where nothing was ever activated.
 */
export function refuseWhenLocked(command: string, store: StateStoreOptions): void {
  if (allowedWhenLocked.includes(command)) return;
  let verdict;
  try {
    verdict = judgeState(store);
  } catch (error) {
    // The agent of another user: this user may not read its lock, and cannot use its state either.
    if (isDenied(error)) return;
    throw error;
  }
  if (verdict.kind === "foreign") throw foreignError(store.stateDirectory, verdict);
  if (verdict.kind === "known" && isLocked(verdict.record.state)) throw lockedError(verdict.record.state);
}

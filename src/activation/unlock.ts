/** Lifts the lock with a token of the platform. */
import { UsageError } from "../../common/core/errors.ts";
import { isLocked, lockCount, unlockState } from "./activation_state.ts";
import { holdState, judgeState, lockState, replaceForeignState, type StateStoreOptions } from "./state_store.ts";
import { checkUnlockToken, parseUnlockToken } from "../../common/protocol/unlock_token.ts";

export interface UnlockOptions {
  store: StateStoreOptions;
  /** Keys of this build, for a state of another machine, whose own keys are not trusted. */
  builtInUnlockKeys: readonly string[];
  now: Date;
}

/**
 * Gives five new attempts. Throws `UsageError` if nothing is locked and `NotPermittedError` for a token that is not
 * valid.
 */
export function unlock(tokenText: string, options: UnlockOptions): void {
  const token = parseUnlockToken(tokenText);
  using _lock = lockState(options.store);
  const verdict = judgeState(options.store);
  if (verdict.kind === "foreign") {
    const { installationId, lockNumber } = verdict;
    const expected = { installationId, lockCount: lockNumber, unlockKeys: options.builtInUnlockKeys, now: options.now };
    checkUnlockToken(token, expected);
    // The next lock is lifted by the same keys.
    replaceForeignState(options.store, {
      installationId,
      lockNumber,
      unlockKeys: [...options.builtInUnlockKeys],
    });
    return;
  }
  const held = holdState(options.store);
  if (!isLocked(held.state)) {
    throw new UsageError("Cannot unlock as this installation is not locked", "opendca status shows the state");
  }
  const { installationId, unlockKeys } = held.state;
  checkUnlockToken(token, { installationId, lockCount: lockCount(held.state), unlockKeys, now: options.now });
  held.save(unlockState(held.state));
}

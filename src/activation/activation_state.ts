/**
 * What the agent knows about its own activation, and how each event changes it. Pure; `state_store.ts` keeps it.
 *
 * An attempt is counted when it begins, before anything is sent, and taken back only when it is certain that the
 * platform did not judge the code. A crash at any moment therefore never gives an attempt back.
 */
import { NotPermittedError } from "../core/errors.ts";

/** Attempts that may fail before the executable locks itself. */
export const maxAttempts = 5;

export type ActivationPhase = "new" | "activated" | "revoked";

export interface ActivationState {
  /** UUID of this installation, made once. */
  installationId: string;
  /** Grows by one with every write, so that an older copy is known as older. */
  counter: number;
  /** Failed or unresolved attempts since the last activation or unlock. */
  attempts: number;
  /** How often a token has lifted a lock. */
  unlocks: number;
  phase: ActivationPhase;
  agentId: string | null;
  customer: string | null;
  site: string | null;
  /** Ed25519 key of the platform for tasks, 32 bytes in base64. */
  signingKey: string | null;
  /** Ed25519 keys that unlock, in base64: those that were known at the first attempt. Later ones are not believed. */
  unlockKeys: string[];
  /** The attempt whose outcome is not known yet. */
  pending: PendingAttempt | null;
}

export interface PendingAttempt {
  /** UUID; sent again when the same code is tried again, so that a lost answer is given once more. */
  attemptId: string;
  /** Keyed digest of the code: tells whether it is the same one, without keeping it. */
  codeDigest: string;
}

/** State of an installation that has never tried a code. */
export function newActivationState(installationId: string): ActivationState {
  return {
    installationId,
    counter: 0,
    attempts: 0,
    unlocks: 0,
    phase: "new",
    agentId: null,
    customer: null,
    site: null,
    signingKey: null,
    unlockKeys: [],
    pending: null,
  };
}

/** Whether only `status`, `doctor` and `unlock` may run. */
export function isLocked(state: Pick<ActivationState, "attempts">): boolean {
  return state.attempts >= maxAttempts;
}

/** Number of the lock that is closed, or of the next one, from 1; an unlock token is for exactly one. */
export function lockCount(state: Pick<ActivationState, "unlocks">): number {
  return state.unlocks + 1;
}

/**
 * Counts an attempt, or goes on with the pending one when it is the same code. Throws `NotPermittedError` when locked.
 * `unlockKeys` are kept at the first attempt only: a key that appears after a lock could be anybody's.
 */
export function beginAttempt(
  state: ActivationState,
  attempt: PendingAttempt & { unlockKeys: readonly string[] },
): ActivationState {
  if (isLocked(state)) throw lockedError(state);
  if (state.pending?.codeDigest === attempt.codeDigest) return state;
  const first = state.attempts === 0 && state.unlocks === 0 && state.phase === "new";
  return {
    ...state,
    attempts: state.attempts + 1,
    unlockKeys: first ? [...attempt.unlockKeys] : state.unlockKeys,
    pending: { attemptId: attempt.attemptId, codeDigest: attempt.codeDigest },
  };
}

/** The platform certainly did not judge the code. */
export function takeBackAttempt(state: ActivationState): ActivationState {
  return { ...state, attempts: Math.max(0, state.attempts - 1), pending: null };
}

/** The platform judged the code and refused it; `platformLocked` when it says that it has locked the installation. */
export function rejectAttempt(state: ActivationState, options: { platformLocked: boolean }): ActivationState {
  return { ...state, attempts: options.platformLocked ? maxAttempts : state.attempts, pending: null };
}

/** The platform accepted the code. */
export function completeActivation(
  state: ActivationState,
  agent: { agentId: string; customer: string | null; site: string | null; signingKey: string },
): ActivationState {
  return { ...state, ...agent, attempts: 0, phase: "activated", pending: null };
}

/** A valid token for this lock: five new attempts. */
export function unlockState(state: ActivationState): ActivationState {
  return { ...state, attempts: 0, unlocks: state.unlocks + 1, pending: null };
}

/** An administrator revoked the agent on the platform; only a new activation ends this. */
export function revokeState(state: ActivationState): ActivationState {
  return { ...state, phase: "revoked" };
}

/** The error with which every command of a locked executable ends: exit code 77, and how to unlock. */
export function lockedError(state: Pick<ActivationState, "installationId" | "unlocks">): NotPermittedError {
  return new NotPermittedError(
    `Cannot run as this installation is locked after ${maxAttempts} failed activation attempts`,
    `ask the platform for an unlock token for installation ${state.installationId}, lock ${lockCount(state)}; ` +
      "then: opendca unlock TOKEN",
  );
}

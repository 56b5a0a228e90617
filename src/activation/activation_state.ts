/**
 * What the agent knows about its own activation, and how each event changes it. Pure; `state_store.ts` stores it.
 *
 * An attempt is counted when it begins, before anything is sent, and taken back only when it is certain that the
 * platform did not judge the code. A crash at any moment therefore never gives an attempt back.
 */
import { NotPermittedError } from "../../common/core/errors.ts";

/** Failed attempts after which the executable locks itself. */
export const maxAttempts = 5;

/** Different codes that may be sent and taken back since the last activation or unlock; further ones stay counted. */
export const maxTakenBack = 10;

export type ActivationPhase = "new" | "activated" | "revoked";

export interface ActivationState {
  /** UUID of this installation, made once. */
  installationId: string;
  /** Increases by one with every write, so that an older copy is recognised. */
  counter: number;
  /** Failed or unresolved attempts of all installations on this machine: see `machineLock`. */
  attempts: number;
  /** How often a token has lifted a lock of this machine. */
  unlocks: number;
  phase: ActivationPhase;
  agentId: string | null;
  customer: string | null;
  site: string | null;
  /** Ed25519 key of the platform for tasks, 32 bytes in base64. */
  signingKey: string | null;
  /** Ed25519 keys that unlock, in base64: those known at the first attempt. Later ones are not trusted. */
  unlockKeys: string[];
  /** The attempt whose outcome is not known yet. */
  pending: PendingAttempt | null;
  /**
   * `attempts` by the platform that they were sent to; null in a record of an older release, which did not store them.
   */
  platforms: PlatformAttempts[] | null;
  /** Absolute paths of the state directories of this machine, so that their records are read as well. */
  places: string[];
}

/** Attempts at one platform since the last unlock. Only a successful activation at the same platform resets them. */
export interface PlatformAttempts {
  /** SHA-256 of the public key that it proved in TLS, in hex. */
  key: string;
  /** Number of codes that it accepted; the record with the higher number is the later one. */
  successes: number;
  attempts: number;
  /** Keyed digests of the codes that the platform reported as not judged. */
  takenBack: string[];
}

export interface PendingAttempt {
  /** Key of the platform that the attempt was first sent to; empty if unknown. */
  platform: string;
  /** UUID; sent again with the same code, so that the platform can repeat a lost answer. */
  attemptId: string;
  /** Keyed digest of the code, to recognise the same code without storing it. */
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
    platforms: [],
    places: [],
  };
}

/** Whether only `status`, `doctor`, `unlock` and `update` may run. */
export function isLocked(state: Pick<ActivationState, "attempts">): boolean {
  return state.attempts >= maxAttempts;
}

/** Number of the present lock, or of the next one if not locked, from 1; an unlock token is for exactly one lock. */
export function lockCount(state: Pick<ActivationState, "unlocks">): number {
  return state.unlocks + 1;
}

/**
 * Counts an attempt against `pending.platform`, or continues the pending one if it has the same code. Throws
 * `NotPermittedError` when locked. `unlockKeys` are stored at the first attempt only: a key that appears later could
 * come from an attacker.
 */
export function beginAttempt(
  state: ActivationState,
  { unlockKeys, ...pending }: PendingAttempt & { unlockKeys: readonly string[] },
): ActivationState {
  if (isLocked(state)) throw lockedError(state);
  if (state.pending?.codeDigest === pending.codeDigest) return state;
  const first = state.attempts === 0 && state.unlocks === 0 && state.phase === "new";
  return {
    ...addAttempts(state, pending.platform, 1),
    unlockKeys: first ? [...unlockKeys] : state.unlockKeys,
    pending,
  };
}

/**
 * The platform reports that it did not judge the code, which was sent to no other platform. The attempt stays counted
 * if this is not the platform that it was sent to, or if too many codes were taken back already: a platform that
 * forwards codes and never counts them would defeat the lock.
 */
export function takeBackAttempt(state: ActivationState, platform: string): ActivationState {
  const { pending } = state;
  if (pending === null || pending.platform !== platform) return state;
  const all = (state.platforms ?? []).flatMap(({ takenBack }) => takenBack);
  const isKnown = all.includes(pending.codeDigest);
  if (!isKnown && all.length >= maxTakenBack) return { ...state, pending: null };
  const back = addAttempts(state, platform, -1);
  const platforms = (back.platforms ?? []).map((one) =>
    one.key === platform && !isKnown ? { ...one, takenBack: [...one.takenBack, pending.codeDigest] } : one
  );
  return { ...back, platforms, pending: null };
}

/** The platform judged the code and refused it; `platformLocked`: it reports that it has locked the installation. */
export function rejectAttempt(state: ActivationState, options: { platformLocked: boolean }): ActivationState {
  return { ...state, attempts: options.platformLocked ? maxAttempts : state.attempts, pending: null };
}

/** `platform` accepted the code, which resets only the attempts that were counted against this platform. */
export function completeActivation(
  state: ActivationState,
  agent: { agentId: string; customer: string | null; site: string | null; signingKey: string },
  platform: string,
): ActivationState {
  const { attempts, platforms } = addAttempts(state, platform, 0);
  const own = platforms?.find(({ key }) => key === platform);
  return {
    ...state,
    ...agent,
    attempts: attempts - (own?.attempts ?? 0),
    platforms: withoutForgotten(
      (platforms ?? []).map((one) =>
        one === own ? { key: platform, successes: one.successes + 1, attempts: 0, takenBack: [] } : one
      ),
    ),
    phase: "activated",
    pending: null,
  };
}

/** An empty key stands for an unknown platform: its attempts are only in the sum, and only a token resets them. */
function addAttempts(state: ActivationState, key: string, count: number): ActivationState {
  const attempts = Math.max(0, state.attempts + count);
  const platforms = state.platforms ?? [];
  if (key === "") return { ...state, attempts, platforms };
  const one = platforms.find((platform) => platform.key === key) ?? { key, successes: 0, attempts: 0, takenBack: [] };
  const next = { ...one, attempts: Math.max(0, one.attempts + count) };
  return { ...state, attempts, platforms: [...platforms.filter((platform) => platform !== one), next] };
}

const maxPlatforms = 64;

/** Drops platforms without counted attempts first, and the oldest first. */
function withoutForgotten(platforms: PlatformAttempts[]): PlatformAttempts[] {
  let over = platforms.length - maxPlatforms;
  return platforms.filter(({ attempts, takenBack }) => attempts > 0 || takenBack.length > 0 || over-- <= 0);
}

/** A valid token for this lock: five new attempts. */
export function unlockState(state: ActivationState): ActivationState {
  return { ...state, attempts: 0, unlocks: state.unlocks + 1, pending: null, platforms: [] };
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

/** What `opendca run` needs to know before it starts, and what it writes when it stops for good. */
import { NotPermittedError } from "../../common/core/errors.ts";
import { type ActivationState, isLocked, lockedError, revokeState } from "./activation_state.ts";
import { type ClientIdentity, identityFiles } from "../link/identity_files.ts";
import { foreignError, holdState, judgeState, lockState, type StateStoreOptions } from "./state_store.ts";

export interface AgentIdentity {
  state: ActivationState & { agentId: string };
  identity: ClientIdentity;
}

/**
 * Throws `NotPermittedError`, exit code 77, unless the agent was activated on this machine and is neither locked nor
 * revoked.
 */
export async function readAgentIdentity(store: StateStoreOptions): Promise<AgentIdentity> {
  const verdict = judgeState(store);
  if (verdict.kind === "foreign") throw foreignError(store.stateDirectory, verdict);
  const state = verdict.kind === "known" ? verdict.record.state : undefined;
  if (state !== undefined && isLocked(state)) throw lockedError(state);
  if (state?.phase === "revoked") {
    throw new NotPermittedError(
      "Cannot run as an administrator of the platform revoked this agent",
      "ask for a new activation code; then: opendca activate CODE",
    );
  }
  const identity = state?.phase === "activated"
    ? await identityFiles(store.disk, store.stateDirectory).read()
    : undefined;
  if (state === undefined || state.agentId === null || identity === undefined) {
    throw new NotPermittedError("Cannot run as this agent is not activated", "opendca activate CODE");
  }
  return { state: { ...state, agentId: state.agentId }, identity };
}

/** Stores that the platform revoked the agent, so that it is known after a restart. */
export function markRevoked(store: StateStoreOptions): void {
  using _lock = lockState(store);
  const held = holdState(store);
  held.save(revokeState(held.state));
}

/** Stores the platform's signing key, which a renewal may change. */
export function keepSigningKey(store: StateStoreOptions, signingKey: string): void {
  using _lock = lockState(store);
  const held = holdState(store);
  if (held.state.signingKey !== signingKey) held.save({ ...held.state, signingKey });
}

/** Turns an activation code into an agent with a certificate. */
import { Buffer } from "node:buffer";
import { ActivationRefusalReason } from "../../proto/gen/opendca/v1/agent_service.ts";
import type { ActivateResponse, ActivationRefusal, Machine } from "../../proto/gen/opendca/v1/agent_service.ts";
import { parseActivationCode } from "../core/activation_code.ts";
import { messageOf, NotPermittedError, UnavailableError, UsageError } from "../core/errors.ts";
import type { AgentApi } from "../transport/agent_api.ts";
import { TransportError } from "../transport/transport_error.ts";
import {
  beginAttempt,
  completeActivation,
  isLocked,
  lockedError,
  maxAttempts,
  rejectAttempt,
  takeBackAttempt,
} from "./activation_state.ts";
import { areCertificates, certificateFacts, makeCertificateRequest } from "./client_key.ts";
import { identityFiles } from "./identity_files.ts";
import { holdState, lockState } from "./state_store.ts";
import type { HeldState, StateStoreOptions } from "./state_store.ts";

export interface ActivateOptions {
  store: StateStoreOptions;
  api: Pick<AgentApi, "activate">;
  agentVersion: string;
  machine: Machine;
  /** Ed25519 public keys that unlock, 32 bytes in base64. */
  unlockKeys: readonly string[];
  now(): Date;
  signal?: AbortSignal;
}

export interface ActivationResult {
  agentId: string;
  installationId: string;
  customer: string;
  site: string;
  notAfter: Date;
  /** Guard directories that hold a second copy of the state; none where this user may write none. */
  guarded: readonly string[];
}

/**
 * Tries a code. The attempt is on disk before it is sent; it is taken back only when the platform certainly did not judge
 * it. Throws `UsageError` for a typing error (no attempt) and for an agent that is activated already, `NotPermittedError`
 * when refused or locked, `UnavailableError` when the platform did not answer.
 */
export async function activate(codeText: string, options: ActivateOptions): Promise<ActivationResult> {
  const code = parseActivationCode(codeText);
  using _lock = await lockState(options.store);
  const held = await holdState(options.store);
  const files = identityFiles(options.store.disk, options.store.stateDirectory);
  if (isLocked(held.state)) throw lockedError(held.state);
  await refuseWhenActive(held, files, options.now());
  const keyPem = await files.key();
  const csr = await makeCertificateRequest(keyPem, held.state.installationId);
  const attempt = { attemptId: crypto.randomUUID(), codeDigest: held.codeDigest(code), unlockKeys: options.unlockKeys };
  const resumed = held.state.pending?.codeDigest === attempt.codeDigest;
  await held.save(beginAttempt(held.state, attempt));
  const answer = await ask(held, options, { code, csr: Buffer.from(csr), resumed });
  if (answer.outcome?.$case === "refusal") throw await refuse(held, answer.outcome.value, resumed);
  const { activated, chain, authority, facts } = await checkAnswer(answer, keyPem).catch((error: unknown) => {
    throw isLocked(held.state) ? lastAttemptError(held, error) : error;
  });
  await files.write(chain, authority);
  await held.save(completeActivation(held.state, {
    agentId: activated.agentId,
    customer: activated.customerName,
    site: activated.siteName,
    signingKey: Buffer.from(activated.signingPublicKey).toString("base64"),
  }));
  return {
    agentId: activated.agentId,
    installationId: held.state.installationId,
    customer: activated.customerName,
    site: activated.siteName,
    notAfter: facts.notAfter,
    guarded: held.guarded,
  };
}

async function refuseWhenActive(held: HeldState, files: ReturnType<typeof identityFiles>, now: Date): Promise<void> {
  if (held.state.phase !== "activated") return;
  const identity = await files.read();
  // A lost or expired certificate is what a second activation is for.
  if (identity === undefined || identity.facts.notAfter <= now) return;
  throw new UsageError(
    `Cannot activate as this agent is active already: current id is ${held.state.agentId}`,
    "opendca status shows it; to move it to another customer, revoke it on the platform first",
  );
}

async function ask(held: HeldState, options: ActivateOptions, sent: { code: string; csr: Buffer; resumed: boolean }) {
  const { api, agentVersion, machine, signal } = options;
  const request = {
    code: sent.code,
    csr: sent.csr,
    installationId: held.state.installationId,
    agentVersion,
    machine,
    attemptId: held.state.pending!.attemptId,
  };
  try {
    return await api.activate(request, signal);
  } catch (error) {
    if (error instanceof TransportError && error.delivery === "none") {
      // An attempt that goes on may have been judged the first time, so it stays counted.
      if (!sent.resumed) await held.save(takeBackAttempt(held.state));
      throw error;
    }
    if (!(error instanceof TransportError)) throw error;
    if (isLocked(held.state)) throw lastAttemptError(held, error);
    const left = maxAttempts - held.state.attempts;
    throw new UnavailableError(
      `${error.message}; the code was sent and may have been judged, so this counts as an attempt: ${left} left`,
      `run the same command with the same code again, which does not count anew; ${error.hint}`,
      error.retryAfterMs,
      { cause: error },
    );
  }
}

/** The fifth attempt may have been judged, so that nothing goes on with it. */
function lastAttemptError(held: HeldState, cause: unknown): NotPermittedError {
  return new NotPermittedError(
    `${messageOf(cause)}; the code was sent and may have been judged, and this was the last attempt`,
    lockedError(held.state).hint,
    { cause },
  );
}

async function refuse(held: HeldState, refusal: ActivationRefusal, resumed: boolean): Promise<Error> {
  const platformLocked = refusal.reason === ActivationRefusalReason.INSTALLATION_LOCKED;
  if (!refusal.countsAsAttempt && !platformLocked) {
    // An attempt that goes on may have been judged the first time, so it stays counted.
    if (!resumed) await held.save(takeBackAttempt(held.state));
    return new NotPermittedError(
      `Cannot activate as the platform refused the request: ${refusal.message}`,
      `this was not counted ${resumed ? "anew" : "as an attempt"}`,
    );
  }
  await held.save(rejectAttempt(held.state, { platformLocked }));
  if (isLocked(held.state)) return lockedError(held.state);
  const left = maxAttempts - held.state.attempts;
  return new NotPermittedError(
    `Cannot activate as the platform refused the code: ${refusal.message}`,
    `${left} ${left === 1 ? "attempt is" : "attempts are"} left before this installation locks itself`,
  );
}

async function checkAnswer({ outcome }: ActivateResponse, keyPem: string) {
  if (outcome?.$case !== "activated") throw malformedAnswer("it says neither yes nor no");
  const { certificates, agentId, signingPublicKey } = outcome.value;
  const leaf = certificates?.chain[0];
  if (certificates === undefined || leaf === undefined) throw malformedAnswer("there is no certificate in it");
  if (agentId === "") throw malformedAnswer("there is no agent id in it");
  if (signingPublicKey.length !== 32) throw malformedAnswer("the signing key is not 32 bytes");
  const facts = await certificateFacts(leaf, keyPem).catch(() => {
    throw malformedAnswer("its certificate cannot be read");
  });
  if (!facts.isForKey) throw malformedAnswer("its certificate is for another key");
  const { chain, agentAuthority: authority } = certificates;
  if (!areCertificates([...chain, authority])) throw malformedAnswer("its authority cannot be read");
  return { activated: outcome.value, chain, authority, facts };
}

function malformedAnswer(why: string): UnavailableError {
  return new UnavailableError(
    `Cannot use the platform's answer as ${why}`,
    "run the same command with the same code again, which does not count anew; tell the platform's operator if it stays so",
  );
}

/** Turns an activation code into an agent with a certificate. */
import { Buffer } from "node:buffer";
import {
  type ActivateResponse,
  type ActivationRefusal,
  ActivationRefusalReason,
  type Machine,
} from "../../proto/gen/opendca/v1/agent_service.ts";
import { parseActivationCode } from "../../common/core/activation_code.ts";
import { messageOf, NotPermittedError, UnavailableError, UsageError } from "../../common/core/errors.ts";
import type { AgentApi, ConnectedPeer } from "../link/agent_api.ts";
import { TransportError } from "../link/transport_error.ts";
import {
  beginAttempt,
  completeActivation,
  isLocked,
  lockedError,
  maxAttempts,
  rejectAttempt,
  takeBackAttempt,
} from "./activation_state.ts";
import { areCertificates, certificateFacts, makeCertificateRequest } from "../link/client_key.ts";
import { type ClientIdentity, identityFiles } from "../link/identity_files.ts";
import { type HeldState, holdState, lockState, type StateStoreOptions } from "./state_store.ts";

export interface ActivateOptions {
  store: StateStoreOptions;
  api: Pick<AgentApi, "activate">;
  agentVersion: string;
  machine: Machine;
  /** Ed25519 public keys that unlock, 32 bytes in base64. */
  unlockKeys: readonly string[];
  now(): Date;
  /** Whether the platform refuses this certificate; false if it cannot be asked. */
  isRefused(identity: ClientIdentity): Promise<boolean>;
  signal?: AbortSignal;
}

export interface ActivationResult {
  agentId: string;
  installationId: string;
  customer: string;
  site: string;
  notAfter: Date;
  /** Guard directories that hold a second copy of the state; empty if this user may write to none. */
  guarded: readonly string[];
}

/**
 * Tries a code. The attempt is written to disk before it is sent; it is taken back only if the platform certainly did
 * not judge it. Throws `UsageError` for a typing error (no attempt) and for an agent that is activated already,
 * `NotPermittedError` when refused or locked, `UnavailableError` when the platform did not answer.
 */
export async function activate(codeText: string, options: ActivateOptions): Promise<ActivationResult> {
  const code = parseActivationCode(codeText);
  using _lock = lockState(options.store);
  const held = holdState(options.store);
  const files = identityFiles(options.store.disk, options.store.stateDirectory);
  if (isLocked(held.state)) throw lockedError(held.state);
  await refuseWhenActive(held, await files.read(), options);
  const keyPem = await files.key();
  const csr = await makeCertificateRequest(keyPem, held.state.installationId);
  const attempt = openAttempt(held, code, options.unlockKeys);
  const answer = await ask(held, options, { code, csr: Buffer.from(csr), attempt });
  if (answer.outcome?.$case === "refusal") throw refuse(held, answer.outcome.value, attempt);
  const { activated, chain, authority, facts } = await checkAnswer(answer, keyPem).catch((error: unknown) => {
    throw isLocked(held.state) ? lastAttemptError(held, error) : error;
  });
  files.write(chain, authority);
  held.save(completeActivation(held.state, {
    agentId: activated.agentId,
    customer: activated.customerName,
    site: activated.siteName,
    signingKey: Buffer.from(activated.signingPublicKey).toString("base64"),
  }, attempt.platform()));
  return {
    agentId: activated.agentId,
    installationId: held.state.installationId,
    customer: activated.customerName,
    site: activated.siteName,
    notAfter: facts.notAfter,
    guarded: held.guarded,
  };
}

async function refuseWhenActive(
  held: HeldState,
  identity: ClientIdentity | undefined,
  { now, isRefused }: ActivateOptions,
): Promise<void> {
  if (held.state.phase !== "activated") return;
  // A second activation is allowed only if the certificate is lost, expired, or refused: a platform that was restored
  // from a backup may not know it.
  if (identity === undefined || identity.facts.notAfter <= now() || await isRefused(identity)) return;
  throw new UsageError(
    `Cannot activate as this agent is active already: current id is ${held.state.agentId}`,
    "opendca status shows it; to move it to another customer, revoke it on the platform first",
  );
}

interface Attempt {
  attemptId: string;
  /** Whether this repeats an attempt that was sent before and may have been judged then. */
  resumed: boolean;
  /** Key of the platform that the attempt was last sent to; empty if it was not sent yet. */
  platform(): string;
  /** Counts the attempt on disk; called before it is sent on a connection. */
  begin(peer: ConnectedPeer): void;
  /** Called if the platform reports that it did not judge the attempt. True if it is no longer counted. */
  takeBack(): boolean;
}

function openAttempt(held: HeldState, code: string, unlockKeys: readonly string[]): Attempt {
  const codeDigest = held.codeDigest(code);
  const resumed = held.state.pending?.codeDigest === codeDigest;
  const attemptId = resumed ? held.state.pending!.attemptId : crypto.randomUUID();
  let platform = "";
  function takeBack(): boolean {
    // A repeated attempt may have been judged the first time, so it stays counted.
    if (resumed) return false;
    const before = held.state.attempts;
    const after = takeBackAttempt(held.state, platform);
    held.save(after);
    return after.attempts < before;
  }
  return {
    attemptId,
    resumed,
    platform: () => platform,
    takeBack,
    begin({ key, earlier }) {
      // The previous endpoint certainly did not judge it; the next one may have another key and gets its own attempt.
      if (earlier === "none" && key !== platform) takeBack();
      held.save(beginAttempt(held.state, { attemptId, codeDigest, platform: key, unlockKeys }));
      platform = key;
    },
  };
}

async function ask(held: HeldState, options: ActivateOptions, sent: { code: string; csr: Buffer; attempt: Attempt }) {
  const { api, agentVersion, machine, signal } = options;
  const { code, csr, attempt } = sent;
  const { attemptId } = attempt;
  const request = { code, csr, installationId: held.state.installationId, agentVersion, machine, attemptId };
  try {
    return await api.activate(request, signal, attempt.begin);
  } catch (error) {
    if (!(error instanceof TransportError)) throw error;
    if (attempt.platform() === "") {
      // Nothing was sent, but the installation keeps its id, so that it can be given to the platform's operator.
      held.save(held.state);
      throw error;
    }
    if (error.delivery === "none" && (attempt.takeBack() || attempt.resumed)) throw error;
    if (isLocked(held.state)) throw lastAttemptError(held, error);
    const left = maxAttempts - held.state.attempts;
    if (error.delivery === "none") throw new UnavailableError(`${error.message}; ${stillCounted(left)}`, error.hint);
    throw new UnavailableError(
      `${error.message}; the code was sent and may have been judged, so this counts as an attempt: ${left} left`,
      `run the same command with the same code again; it does not count twice; ${error.hint}`,
      error.retryAfterMs,
      { cause: error },
    );
  }
}

function stillCounted(left: number): string {
  return `too many codes were sent and not judged, so this counts as an attempt: ${left} left`;
}

/** The error after the fifth attempt: it may have been judged, so it is not repeated. */
function lastAttemptError(held: HeldState, cause: unknown): NotPermittedError {
  return new NotPermittedError(
    `${messageOf(cause)}; the code was sent and may have been judged, and this was the last attempt`,
    lockedError(held.state).hint,
    { cause },
  );
}

function refuse(held: HeldState, refusal: ActivationRefusal, attempt: Attempt): Error {
  const platformLocked = refusal.reason === ActivationRefusalReason.INSTALLATION_LOCKED;
  const said = `Cannot activate as the platform refused the request: ${refusal.message}`;
  if (!refusal.countsAsAttempt && !platformLocked) {
    if (attempt.resumed) return new NotPermittedError(said, "this attempt was already counted");
    if (attempt.takeBack()) return new NotPermittedError(said, "this was not counted as an attempt");
    if (isLocked(held.state)) return lockedError(held.state);
    return new NotPermittedError(said, stillCounted(maxAttempts - held.state.attempts));
  }
  held.save(rejectAttempt(held.state, { platformLocked }));
  if (isLocked(held.state)) return lockedError(held.state);
  const left = maxAttempts - held.state.attempts;
  return new NotPermittedError(
    `Cannot activate as the platform refused the code: ${refusal.message}`,
    `${left} ${left === 1 ? "attempt is" : "attempts are"} left before this installation locks itself`,
  );
}

async function checkAnswer({ outcome }: ActivateResponse, keyPem: string) {
  if (outcome?.$case !== "activated") throw malformedAnswer("it has no outcome");
  const { certificates, agentId, signingPublicKey } = outcome.value;
  const leaf = certificates?.chain[0];
  if (certificates === undefined || leaf === undefined) throw malformedAnswer("it contains no certificate");
  if (agentId === "") throw malformedAnswer("it contains no agent id");
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
    "run the same command with the same code again; it does not count twice; tell the platform's operator if it continues",
  );
}

/**
 * Finds the credential for a device that has answered the sweep. A credential works if it shows what a reading needs:
 * with a right password the view may still be too small. The credential that shows most is used.
 */
import type { Credential } from "../snmp/credential.ts";
import type { Problem } from "../../common/reading/reading.ts";
import { reportsSleep } from "../printers/status.ts";
import { showsAsMuch, type View, viewWords } from "../printers/view.ts";
import type { DatagramHub } from "../snmp/datagram_hub.ts";
import { sysDescr } from "../snmp/probe.ts";
import { openSession, SnmpError, type SnmpSession } from "../snmp/session.ts";
import { usmReasons } from "../snmp/usm_reasons.ts";
import { isException } from "../snmp/value.ts";
import type { Target } from "../targets/address_space.ts";
import type { Access, CredentialAttempt, Remembered } from "./access.ts";
import { type Candidate, candidatesFor } from "./candidates.ts";
import { type Identified, identify } from "./identify.ts";
import type { ReadSlot } from "./read_limiter.ts";
import { reread } from "./reread.ts";
import { type AnswerWait, createAnswerWait, type RoundTrip } from "./round_trip.ts";
import type { Found } from "./sweep_shard.ts";

export interface NegotiateOptions {
  hub: DatagramHub;
  credentials: readonly Credential[];
  /** What is remembered about this device. */
  remembered?: Remembered | undefined;
  /** Round trip of all devices of the worker; this one contributes to it. */
  roundTrip: RoundTrip;
  /** Milliseconds that a request waits for its answer while the device's round trip is unknown. */
  timeoutMs: number;
  /** Whether answers are late because packets are lost. */
  isLossy: () => boolean;
  retries: number;
  /** Notified when the device is slow to answer and when it answers again. */
  slot: ReadSlot;
  pace: () => Promise<void> | undefined;
}

/**
 * Retries for a device that has answered before, so that a lost packet does not cost half a reading. At 15 % loss each
 * way, one request in 30,000 stays unanswered.
 */
const readRetries = 7;
/** Retries of the first request with a credential that may be wrong: the device counts each as a failure. */
const openingRetries = 3;
/** Shortest wait for an answer in milliseconds; a printer looks up some objects faster than others. */
const floorMs = 250;
/** Longest wait for one answer, however slow the others were. */
const maxWaitMs = 8_000;

export type Opened =
  | { session: SnmpSession; identified: Identified; access: Access; problems: Problem[] }
  /** Access is absent where nothing was tried. */
  | { session: null; access?: Access; problems: Problem[] };

/** Results of the credentials that were tried so far. */
interface Negotiation {
  found: Found;
  options: NegotiateOptions;
  expired: () => boolean;
  onOpen: (session: SnmpSession) => void;
  wait: AnswerWait;
  candidates: readonly Candidate[];
  seen: CredentialAttempt[];
  best: { session: SnmpSession; identified: Identified; attempt: CredentialAttempt } | undefined;
  /** False when no SNMPv3 engine answers. */
  hasEngine: boolean;
  /** False if the others were not needed or there was no time for them. */
  triedAll: boolean;
  /** The scan was stopped, the device's time is over, or this machine cannot send. */
  wasStopped: boolean;
  /** Whether the remembered objects are still valid; undefined until checked. */
  held: boolean | undefined;
}

/** Tries the credentials until one shows what is needed; a wrong one only costs time. */
export async function negotiate(
  found: Found,
  options: NegotiateOptions,
  expired: () => boolean,
  onOpen: (session: SnmpSession) => void,
): Promise<Opened> {
  const { remembered } = options;
  if (remembered?.credential === null) return { session: null, problems: [] };
  const negotiation: Negotiation = {
    found,
    options,
    expired,
    onOpen,
    wait: answerWait(found, options),
    candidates: candidatesFor(found, options.credentials, remembered),
    seen: [],
    best: undefined,
    hasEngine: true,
    triedAll: true,
    wasStopped: false,
    held: undefined,
  };
  for (const candidate of negotiation.candidates) {
    if (isUseless(candidate, negotiation)) continue;
    if (expired()) negotiation.triedAll = false;
    if (!negotiation.triedAll) break;
    await tryCandidate(candidate, negotiation);
  }
  return openedBy(negotiation);
}

function isUseless({ credential }: Candidate, { hasEngine, best }: Negotiation): boolean {
  if (credential.kind === "usm" && !hasEngine) return true;
  // The other version of the same community would hardly show more.
  return best?.attempt.name === credential.name && showsAsMuch(best.identified.view, "noMarkers");
}

async function tryCandidate(candidate: Candidate, negotiation: Negotiation): Promise<void> {
  const { credential } = candidate;
  const { seen, best } = negotiation;
  const session = open(candidate, negotiation);
  const note = (view: View | null, saw: string) => {
    const attempt: CredentialAttempt = { name: credential.name, version: session.version, view, saw };
    seen.push(attempt);
    return attempt;
  };
  let identified: Identified;
  try {
    identified = await identifyOrReread(candidate, session, negotiation);
  } catch (error) {
    session.close();
    if (!(error instanceof SnmpError)) throw error;
    negotiation.wasStopped ||= error.failure === "closed" || error.failure === "unreachable";
    if (session.engineId() === null && error.failure === "timeout") negotiation.hasEngine &&= credential.kind !== "usm";
    const without = await withoutContext(candidate, error, negotiation);
    note(null, whyRefused(error, session, { credential, without }));
    return;
  }
  const { view, error, problems, mayShowMore } = identified;
  if (view === "nothing") {
    session.close();
    const why = problems[0] === undefined ? "" : `: ${problems[0].message}`;
    const context = contextWords(credential, await withoutContext(candidate, "nothing", negotiation));
    note(view, `${viewWords[view]}${why}${context}`);
    return;
  }
  const attempt = note(view, viewWords[view]);
  if (best !== undefined && showsAsMuch(best.identified.view, view)) session.close();
  else {
    best?.session.close();
    negotiation.best = { session, identified, attempt };
  }
  // A device that stopped answering would not answer the others either.
  const isEnough = !mayShowMore || error !== null || isAsBefore(credential, identified, negotiation.options.remembered);
  if (isEnough) negotiation.triedAll = false;
}

function openedBy({ found, best, seen, triedAll, wasStopped, held }: Negotiation): Opened {
  if (best === undefined) {
    const problems = [noCredentialProblem(found, seen)];
    if (wasStopped || !triedAll) return { session: null, problems };
    return { session: null, access: { credential: null, view: "nothing", printer: false, triedAll, seen }, problems };
  }
  const { session, identified, attempt } = best;
  const { view, recognised: { printer } } = identified;
  const access: Access = { credential: attempt.name, view, printer, triedAll, seen };
  if (held !== undefined) access.held = held;
  return { session, identified, access, problems: viewProblems(found.target, { seen, attempt, identified }) };
}

async function identifyOrReread(
  { credential, proven }: Candidate,
  session: SnmpSession,
  negotiation: Negotiation,
): Promise<Identified> {
  const { found, options: { remembered } } = negotiation;
  const received = proven ? found.varbinds : [];
  const known = credential.name === remembered?.credential ? remembered.known : undefined;
  if (known !== undefined && known.version === session.version && negotiation.held === undefined) {
    const again = await reread(session, known.objects, received);
    negotiation.held = again !== undefined;
    if (again !== undefined) return again;
  }
  return await identify(session, received);
}

function open(candidate: Candidate, { found, options, wait, candidates, onOpen }: Negotiation): SnmpSession {
  const { credential } = candidate;
  const isOtherVersion = candidate.version === "2c" && found.community?.version === "1";
  const isSure = candidate.trusted || candidate.proven || candidates.length === 1;
  const session = openSession(options.hub, found.target, credential, {
    timeoutMs: wait.waitMs,
    get retries() {
      if (isSure || session.answers > 0) return Math.max(readRetries, options.retries);
      // With packet loss, an answer by SNMPv1 does not show that v2c fails, and v1 has no GetBulk.
      if (options.isLossy() && isOtherVersion) return openingRetries;
      return candidate.retries ?? Math.max(openingRetries, options.retries);
    },
    pace: options.pace,
    onRetransmit: options.slot.stall,
    onAnswer(ms) {
      options.slot.answered();
      if (ms === undefined) return;
      wait.observe(ms);
      options.roundTrip.observe(ms);
    },
    ...(candidate.version === undefined ? {} : { version: candidate.version }),
  });
  onOpen(session);
  return session;
}

/** One request distinguishes a wrong context from a wrong password. Null if the context is not the cause. */
async function withoutContext(
  candidate: Candidate,
  met: SnmpError | "nothing",
  negotiation: Negotiation,
): Promise<WithoutContext | null> {
  const { credential } = candidate;
  if (credential.kind !== "usm" || credential.context === "" || !mayBeContext(met) || negotiation.expired()) {
    return null;
  }
  const bare: Candidate = { ...candidate, credential: { ...credential, context: "" }, trusted: false, retries: 1 };
  const session = open(bare, negotiation);
  try {
    const values = await session.get([sysDescr]);
    return values.every(isException) ? null : "answers";
  } catch (error) {
    if (!(error instanceof SnmpError)) throw error;
    if (["agentError", "noSuchName", "tooBig"].includes(error.failure)) return "refuses";
    return error.failure === "timeout" ? "silent" : null;
  } finally {
    session.close();
  }
}

/** Whether the others showed no more last time; a sleeping device shows less with every credential. */
function isAsBefore({ name }: Credential, identified: Identified, remembered: Remembered | undefined): boolean {
  if (name !== remembered?.credential) return false;
  const { store, recognised, view } = identified;
  return (remembered.enough !== null && showsAsMuch(view, remembered.enough)) ||
    reportsSleep(store, recognised.profile);
}

function answerWait(found: Found, options: NegotiateOptions): AnswerWait {
  // The round trip of the other devices is a better estimate than the configured timeout.
  const others = options.roundTrip.learnedMs() ?? options.timeoutMs;
  const wait = createAnswerWait({
    floorMs: Math.min(floorMs, options.timeoutMs),
    firstMs: Math.max(Math.min(2 * floorMs, options.timeoutMs), others, found.probeTiming?.afterMs ?? 0),
    patientMs: options.timeoutMs,
    maxMs: Math.max(maxWaitMs, options.timeoutMs),
  });
  if (found.probeTiming?.certain === true) wait.observe(found.probeTiming.afterMs);
  return wait;
}

/** The device's reaction to the same credential without its context; `refuses` means that the keys were accepted. */
type WithoutContext = "answers" | "refuses" | "silent";

/** Engines report an unknown context, refuse requests in it, show nothing there, or do not answer. */
function mayBeContext(met: SnmpError | "nothing"): boolean {
  if (met === "nothing" || met.failure === "timeout" || met.failure === "malformed") return true;
  const { usm } = met.detail;
  return usm === "unknownContext" || usm === "unavailableContext" || usm === "otherReport";
}

function contextWords(credential: Credential, without: WithoutContext | null): string {
  if (credential.kind !== "usm" || without === null || without === "silent") return "";
  const there = without === "answers" ? ", and it answers without it" : "";
  return `; user and keys are valid, so the context "${credential.context}" is wrong${there}`;
}

/** Agents do not answer a wrong privacy key or protocol, which explains silence after the engine was discovered. */
function whyRefused(
  error: SnmpError,
  session: SnmpSession,
  { credential, without }: { credential: Credential; without: WithoutContext | null },
): string {
  const context = contextWords(credential, without);
  if (error.detail.usm !== undefined) return `${usmReasons[error.detail.usm]}${context}`;
  if (error.failure !== "timeout") return `${error.failure}${context}`;
  if (context !== "") return `silent${context}`;
  if (credential.kind !== "usm") return "silent";
  if (session.engineId() === null) return "no SNMPv3 engine answers";
  const orContext = credential.context === "" ? "" : ", or the context";
  if (credential.priv !== null) return `silent, so the privacy key or protocol is probably wrong${orContext}`;
  return `silent, so the user probably has another security level${orContext}`;
}

function noCredentialProblem({ target, community }: Found, seen: readonly CredentialAttempt[]): Problem {
  const who = community === undefined ? "an SNMPv3 engine answers" : "a device answers";
  const tried = seen.length === 0 ? "none is configured for it" : inWords(seen);
  return {
    code: "no-credential",
    message: `Cannot read ${target.address} port ${target.port} as ${who} but no credential works: ${tried}`,
    address: target.address,
  };
}

/** Problems if the credentials show too little; none for a device that would not show more anyway. */
function viewProblems(
  target: Target,
  { seen, attempt, identified }: {
    seen: readonly CredentialAttempt[];
    attempt: CredentialAttempt;
    identified: Identified;
  },
): Problem[] {
  const { view, recognised } = identified;
  const limited = seen.filter((one) => one !== attempt && one.view !== null && one.name !== attempt.name);
  // Many printers have no objects of their maker, with one credential or with several.
  if (!identified.mayShowMore || view === "noPrivate") {
    if (limited.length === 0 || !recognised.printer) return [];
    return [{ code: "limited-credential", message: `${inWords(limited)}; so "${attempt.name}" was used` }];
  }
  const isAlone = seen.every(({ name }) => name === attempt.name);
  if (!recognised.printer) {
    // With one credential, a small view cannot be distinguished from a small device that is not a printer.
    if (isAlone) return [];
    const message = `Cannot tell whether ${target.address} port ${target.port} is a printer: ${inWords(seen)}`;
    return [{ code: "limited-view", message }];
  }
  if (!isAlone) return [{ code: "limited-view", message: `No credential shows everything needed: ${inWords(seen)}` }];
  // Some printers have no Printer MIB or no markers in it; and other errors have other causes.
  const isOther = identified.problems.some(({ message }) => !/authorizationError|noAccess/i.test(message));
  if (view !== "system" || isOther) return [];
  const advice = "so meters and supplies are missing: let it read the whole MIB on the printer";
  return [{ code: "limited-view", message: `"${attempt.name}" ${attempt.saw}, ${advice}` }];
}

/** Results in words; a result that is the same for both versions appears once. */
function inWords(seen: readonly CredentialAttempt[]): string {
  const same = Map.groupBy(seen, ({ name, saw }) => `${name}: ${saw}`);
  return [...same.values()].map((attempts) => {
    const { name, saw } = attempts[0]!;
    const versions = attempts.filter(({ version }) => version !== "3").map(({ version }) => `v${version}`);
    return `${name}${versions.length === 0 ? "" : ` (${versions.join(", ")})`}: ${saw}`;
  }).join("; ");
}

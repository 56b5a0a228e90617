/** Activation, lock and certificate of the agent: observation and verdict. */
import type { Clock } from "../../common/core/clock.ts";
import { messageOf } from "../../common/core/errors.ts";
import { isDenied } from "../../common/core/system_error.ts";
import { type ActivationState, isLocked, lockedError } from "../activation/activation_state.ts";
import type { CopiesVerdict, CopyFault } from "../activation/judge_copies.ts";
import { foreignError, judgeState, type StateStoreOptions } from "../activation/state_store.ts";
import type { AgentConfig } from "../config/agent_config.ts";
import { askPlatform } from "../link/ask_platform.ts";
import { type ClientIdentity, identityFiles } from "../link/identity_files.ts";
import { copyFaults } from "../service/findings.ts";
import { type DoctorFault, type DoctorStep, judgedStep } from "./doctor_step.ts";
import { durationText } from "./diagnose_endpoint.ts";

export type AgentObservation =
  /** The state of another user: exit code 77. */
  | { kind: "unreadable"; message: string }
  | { kind: "fresh" }
  | { kind: "foreign"; installationId: string; lockNumber: number }
  | {
    kind: "known";
    state: ActivationState;
    faults: readonly CopyFault[];
    /** From certificate.pem; null if there is none for the key. */
    certificate: { notBefore: Date; notAfter: Date } | null;
    /** The platform's verdict on the certificate; null: it was not asked. */
    refusal: { name: string; message: string; advice: string } | "accepted" | null;
  };

export type ActivationFound =
  | { kind: "unreadable"; message: string }
  | { verdict: CopiesVerdict; identity: ClientIdentity | undefined };

export async function observeActivation(store: StateStoreOptions): Promise<ActivationFound> {
  try {
    const verdict = judgeState(store);
    const activated = verdict.kind === "known" && verdict.record.state.phase === "activated";
    const identity = activated ? await identityFiles(store.disk, store.stateDirectory).read() : undefined;
    return { verdict, identity };
  } catch (error) {
    if (isDenied(error)) {
      return { kind: "unreadable", message: messageOf(error) };
    }
    throw error;
  }
}

/**
 * Undefined for an expired certificate: it is reported separately, and the connection would only fail a second time.
 */
export function usableIdentity(found: ActivationFound, now: Date) {
  if ("kind" in found || found.identity === undefined) return undefined;
  const { notBefore, notAfter } = found.identity.facts;
  return notBefore <= now && now <= notAfter ? found.identity : undefined;
}

interface AgentContext {
  config: AgentConfig | null;
  /** Endpoints that were reached. */
  open: readonly { host: string; port: number }[];
  stateDirectory: string;
  clock: Clock;
}

export async function agentStep(found: ActivationFound, context: AgentContext): Promise<DoctorStep> {
  const { stateDirectory, clock } = context;
  return judgedStep(
    "credentials",
    null,
    diagnoseAgent(await observeAgent(found, context), { stateDirectory, now: clock.now() }),
  );
}

async function observeAgent(found: ActivationFound, { config, open, clock }: AgentContext): Promise<AgentObservation> {
  if ("kind" in found) return found;
  const { verdict } = found;
  if (verdict.kind !== "known") return verdict;
  const { state } = verdict.record;
  const identity = usableIdentity(found, clock.now());
  const mayAsk = config !== null && identity !== undefined && open.length > 0 && !isLocked(state);
  const how = { endpoints: open, clock, callTimeoutMs: 10_000 };
  return {
    kind: "known",
    state,
    faults: verdict.faults,
    certificate: found.identity?.facts ?? null,
    refusal: mayAsk ? await askPlatform(identity, { ...how, trust: config.platform, proxy: config.proxy }) : null,
  };
}

/** Remaining share of a certificate's lifetime below which its renewal is overdue. */
const lateShare = 0.1;

function diagnoseAgent(
  seen: AgentObservation,
  { stateDirectory, now }: { stateDirectory: string; now: Date },
): { detail: string; faults: DoctorFault[] } {
  switch (seen.kind) {
    case "unreadable":
      return failed("not readable", {
        name: "state-unreadable",
        message: `Cannot read the activation in "${stateDirectory}": ${seen.message}`,
        advice: "run as the agent's user, or as root: sudo opendca doctor",
      });
    case "fresh":
      return { detail: "not activated yet", faults: [notActivated(stateDirectory)] };
    case "foreign": {
      const { message, hint = "" } = foreignError(stateDirectory, seen);
      return failed("of another machine", { name: "foreign-state", message, advice: hint });
    }
    case "known":
      return ofState(seen, stateDirectory, now);
  }
}

type Known = AgentObservation & { kind: "known" };

function ofState(seen: Known, stateDirectory: string, now: Date): { detail: string; faults: DoctorFault[] } {
  const { state } = seen;
  if (isLocked(state)) {
    const { message, hint = "" } = lockedError(state);
    return failed("locked", { name: "locked", message, advice: hint });
  }
  if (state.phase === "revoked") {
    return failed("revoked", {
      name: "revoked",
      message: "Cannot run as an administrator of the platform revoked this agent",
      advice: "ask for a new activation code; then: opendca activate CODE",
    });
  }
  const warnings = seen.faults.flatMap((fault): DoctorFault[] => {
    const what = copyFaults[fault];
    return what === undefined ? [] : [{
      name: fault,
      severity: "warning",
      message: `Cannot trust the activation in "${stateDirectory}" on its own: ${what}`,
      advice: "leave the state directory to the agent; nothing is lost",
      exitCode: 77,
    }];
  });
  if (state.phase === "new") {
    const tried = state.attempts === 0 ? "" : `, ${state.attempts} of 5 attempts used`;
    return { detail: `not activated yet${tried}`, faults: [notActivated(stateDirectory), ...warnings] };
  }
  return ofCertificate(seen, { now, warnings, stateDirectory });
}

function ofCertificate(
  { state, certificate, refusal }: Known,
  { now, warnings, stateDirectory }: { now: Date; warnings: DoctorFault[]; stateDirectory: string },
): { detail: string; faults: DoctorFault[] } {
  const again = "ask for a new activation code; then: opendca activate CODE";
  if (certificate === null) {
    return failed("no certificate", {
      name: "certificate-missing",
      message: `Cannot use the activation as "${stateDirectory}" contains no certificate for its key`,
      advice: again,
    });
  }
  const { notBefore, notAfter } = certificate;
  if (now > notAfter) {
    return failed("expired", {
      name: "certificate-expired",
      message: `Cannot use the certificate of this agent as it expired at ${notAfter.toISOString()}`,
      advice: `${again}; if that is in the future, set the clock of this machine`,
    });
  }
  if (refusal !== null && refusal !== "accepted") return failed("refused by the platform", refusal);
  const leftMs = notAfter.getTime() - now.getTime();
  if (leftMs < (notAfter.getTime() - notBefore.getTime()) * lateShare) {
    warnings.push({
      name: "certificate-ends-soon",
      severity: "warning",
      message: `Cannot use the certificate of this agent much longer as it expires in ${durationText(leftMs)}`,
      advice: "see renewalFailed in the log, or start opendca run",
      exitCode: 77,
    });
  }
  const accepted = refusal === "accepted" ? "accepted by the platform, " : "";
  const place = [state.customer, state.site].filter((part) => part !== null).join(", ");
  return {
    detail: `${place === "" ? "activated" : `activated for ${place}`}, certificate ${accepted}valid until ` +
      notAfter.toISOString().slice(0, 10),
    faults: warnings,
  };
}

function failed(detail: string, fault: Pick<DoctorFault, "name" | "message" | "advice">) {
  return { detail, faults: [{ ...fault, severity: "failed" as const, exitCode: 77 as const }] };
}

/** Only a warning: the connection to the platform can be checked before the code is entered. */
function notActivated(stateDirectory: string): DoctorFault {
  return {
    name: "not-activated",
    severity: "warning",
    message: `Cannot run as an agent yet as "${stateDirectory}" contains no activation`,
    advice: "opendca activate CODE",
    exitCode: 77,
  };
}

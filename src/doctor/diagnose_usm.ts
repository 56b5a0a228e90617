/** The verdict on the steps of one USM credential: user, authentication, privacy, in this order. Pure. */
import { usmReasons } from "../snmp/usm_reasons.ts";
import type { DoctorFault } from "./doctor_step.ts";
import { isAuthentic, isContextReport, isStillThere } from "./observe_usm.ts";
import type { SnmpOutcome, UsmObservation } from "./snmp_observations.ts";

type Fault = Omit<DoctorFault, "severity">;

/** The one fault of a credential that does not work; names users and protocols, never a key. */
export function diagnoseUsm(seen: UsmObservation, target: string): Fault {
  const say = (name: string, why: string, advice: string, exitCode: 69 | 77 | 78 = 77): Fault => ({
    name,
    message: `Cannot read ${target} as "${seen.name}": ${why}`,
    advice,
    exitCode,
  });
  const { user, level, auth, userProbe, authProbe, privProbe } = seen;
  const probes = [userProbe, authProbe, privProbe?.outcome ?? null];
  if (probes.some((probe) => isReport(probe, "unknownUserName"))) {
    return say(
      "unknown-user",
      `the device knows no SNMPv3 user "${user}"`,
      "check the user name on the printer, including upper and lower case, or create the user there",
    );
  }
  const context = ofContext(seen, say);
  if (context !== undefined) return context;
  const general = probes.map((probe) => ofEngine(probe)).find((found) => found !== undefined);
  if (general !== undefined) return say(...general);
  if (level === "noAuthNoPriv") return ofUser(seen, say);
  if (probes.some((probe) => isReport(probe, "wrongDigest"))) return ofDigest(seen, say);
  if (level === "authNoPriv") return ofSigned(seen, say);
  const isUnsupported = (probe: SnmpOutcome | null) => isReport(probe, "unsupportedSecurityLevel");
  if (isUnsupported(authProbe) && isUnsupported(privProbe?.outcome ?? null)) {
    return say(
      "no-authentication",
      `the user "${user}" has no authentication on the device`,
      "give the user an authentication password on the printer, or leave auth and priv out of the credential",
    );
  }
  return ofPrivacy(seen, say) ??
    say(
      "signed-silent",
      `the user "${user}" is known, but authenticated requests (${auth}) get no answer`,
      `check authentication and privacy of the user${
        orContext(seen)
      } on the printer: this device does not say which of ` +
        "them is wrong",
      authProbe !== null && isAuthentic(authProbe) ? 77 : 69,
    );
}

/** Mentions the context if the device answers neither in it nor without it. */
function orContext({ context }: UsmObservation): string {
  return context === "" ? "" : `, or the context "${context}",`;
}

/**
 * A request without the context distinguishes it from wrong keys; an engine that reports the context has accepted the
 * keys.
 */
function ofContext(seen: UsmObservation, say: Say): Fault | undefined {
  const { user, context, defaultContext, userProbe, authProbe, privProbe } = seen;
  const last = privProbe?.outcome ?? authProbe ?? userProbe;
  const isKnown = last === null || !isContextReport(last);
  if (context === "" || (isKnown && (defaultContext === null || !isAuthentic(defaultContext)))) return undefined;
  // Refused in both contexts: the user lacks rights.
  if (last?.kind === "refused" && defaultContext?.kind !== "answered") return undefined;
  return say(
    "wrong-context",
    `user and keys of "${user}" are valid, but the device shows nothing in the context "${context}"`,
    defaultContext?.kind === "answered" && defaultContext.empty !== true
      ? "leave context out of the credential: the device answers without it"
      : "check the context on the printer, letter by letter: without one the device lets this user read nothing",
  );
}

type Say = (name: string, why: string, advice: string, exitCode?: 69 | 77 | 78) => Fault;

/** Answers that concern the engine or the request, not the credential. */
function ofEngine(probe: SnmpOutcome | null): [name: string, why: string, advice: string, code?: 69] | undefined {
  if (isReport(probe, "bootsAtMaximum")) {
    return [
      "engine-boots",
      `${usmReasons.bootsAtMaximum} (RFC 3414 section 2.2.2)`,
      "give the printer a new SNMPv3 engine id, or reset its SNMPv3 settings and create the user there again",
    ];
  }
  if (isReport(probe, "notInTimeWindow")) {
    return [
      "engine-time",
      usmReasons.notInTimeWindow,
      "restart the printer, and update its firmware if it happens again: its engine boots or time are wrong",
    ];
  }
  if (isReport(probe, "unknownEngineId")) {
    return [
      "engine-id",
      usmReasons.unknownEngineId,
      "see whether two devices share this address",
    ];
  }
  if (probe?.kind === "malformed") {
    return [
      "malformed-answer",
      probe.message,
      "check the context of the credential; if it is right, update the printer's firmware",
    ];
  }
  if (probe?.kind === "unreachable") {
    return ["send-refused", probe.message, "check the routes and the firewall of this machine", 69];
  }
  return undefined;
}

function ofUser(seen: UsmObservation, say: Say): Fault {
  const { user, userProbe } = seen;
  if (userProbe?.kind === "refused" || isReport(userProbe, "unsupportedSecurityLevel")) {
    return say(
      "level-too-low",
      `the user "${user}" is known, but may not read without authentication`,
      "add auth, and priv if the printer requires it, to the credential",
    );
  }
  return say(
    "unsigned-silent",
    `an SNMPv3 engine answers, but not to the user "${user}" without authentication`,
    `check the user${
      orContext(seen)
    } on the printer, and whether it requires authentication: this device does not tell`,
  );
}

function ofDigest({ user, auth, authWouldWork, swapped }: UsmObservation, say: Say): Fault {
  const [working] = authWouldWork ?? [];
  if (working !== undefined) {
    return say(
      "wrong-authentication-protocol",
      `the authentication password of "${user}" is valid, but the protocol is ${working} and not ${auth}`,
      `write protocol: ${working} under auth`,
    );
  }
  if (swapped) {
    return say(
      "swapped-passwords",
      `the passwords for authentication and privacy of "${user}" are swapped`,
      "swap the keys of auth and priv",
    );
  }
  return say(
    "wrong-authentication-password",
    `the user "${user}" is known, but the authentication password is wrong (with ${auth}, and with every other protocol)`,
    "check the key under auth against the printer, letter by letter",
  );
}

function ofSigned(seen: UsmObservation, say: Say): Fault {
  const { user, authProbe } = seen;
  if (authProbe?.kind === "refused") {
    return say(
      "level-too-low",
      `user and authentication of "${user}" are valid, but the device lets them read nothing without privacy`,
      "add priv to the credential, or let the user read at level authNoPriv on the printer",
    );
  }
  if (isReport(authProbe, "unsupportedSecurityLevel")) {
    return say(
      "level-unsupported",
      `the user "${user}" is known, but not at level authNoPriv: it has no authentication on the device, or privacy as well`,
      "compare the user's level on the printer with the credential: add priv as well, or leave auth out",
    );
  }
  return say(
    "signed-silent",
    `an SNMPv3 engine answers, but not to authenticated requests of "${user}"`,
    `check user, authentication${
      orContext(seen)
    } and whether the printer requires privacy: this device does not tell ` +
      "which it is",
  );
}

function ofPrivacy(seen: UsmObservation, say: Say): Fault | undefined {
  const { user, priv, privProbe, authAgain, privWouldWork } = seen;
  if (privProbe === null) return undefined;
  const { outcome } = privProbe;
  if (outcome.kind === "refused") {
    return say(
      "no-access",
      `user, authentication and privacy of "${user}" are valid, but the device lets them read nothing`,
      "give the user the right to read the whole MIB on the printer, and check the context of the credential",
    );
  }
  if (isReport(outcome, "unsupportedSecurityLevel")) {
    return say(
      "no-privacy",
      `the user "${user}" and its authentication are valid, but it has no privacy on the device`,
      "give the user a privacy password on the printer, or leave priv out of the credential",
    );
  }
  if (authAgain !== null && !isStillThere(authAgain)) {
    return say(
      "went-silent",
      "the device answered to the user and its authentication, and then stopped answering at all",
      "try again; it may have gone to sleep, restarted, or limited the requests",
      69,
    );
  }
  const given = priv.join(" or ");
  const [working] = privWouldWork ?? [];
  if (working !== undefined) {
    return say(
      "wrong-privacy-protocol",
      `the privacy password of "${user}" is valid, but the protocol is ${working} and not ${given}`,
      `write protocol: ${working} under priv`,
    );
  }
  if (privWouldWork === null) return undefined;
  const isContextSeen = seen.authProbe?.kind === "answered" || seen.authProbe?.kind === "refused";
  const orOther = isContextSeen ? "" : orContext(seen);
  return say(
    "wrong-privacy-password",
    `user and authentication of "${user}" are valid, but the privacy password is wrong (with ${given}, and with every ` +
      `other protocol)${orOther.replace(/,$/, "")}`,
    `check the key under priv${orOther} against the printer, letter by letter`,
  );
}

function isReport(probe: SnmpOutcome | null, report: string): boolean {
  return probe?.kind === "report" && probe.report === report;
}

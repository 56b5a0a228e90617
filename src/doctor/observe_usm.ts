/**
 * Checks a USM credential step by step (RFC 3414 section 3.2): an engine checks the user first, then the digest, then
 * it decrypts. It reports an unknown user and a wrong digest, but does not answer at all to a wrong privacy key, as the
 * decrypted octets are not a PDU. So each step is tried separately, and no answer at the last step after an answer to
 * the one before has only one meaning.
 */
import type { UsmCredential } from "../snmp/credential.ts";
import { usmHashes } from "../snmp/usm_keys.ts";
import { type AuthProtocolName, authProtocols, type PrivProtocolName, privProtocols } from "../snmp/usm_protocols.ts";
import type { SnmpOutcome, UsmObservation } from "./snmp_observations.ts";

/** Asks with a credential; `quick`: with the shorter timeout of a search among protocols. */
export type AskUsm = (credential: UsmCredential, options?: { quick: boolean }) => Promise<SnmpOutcome>;

/** `alternatives` are the same credential under the other protocols that its name may mean. */
export async function observeUsm(
  credential: UsmCredential,
  alternatives: readonly PrivProtocolName[],
  ask: AskUsm,
): Promise<UsmObservation> {
  const { name, user, level, auth, priv } = credential;
  const seen: UsmObservation = {
    kind: "usm",
    name,
    user,
    level,
    auth: auth?.protocol ?? null,
    priv: priv === null ? [] : [priv.protocol, ...alternatives],
    userProbe: null,
    authProbe: null,
    authWouldWork: null,
    swapped: false,
    privProbe: null,
    privWouldWork: null,
    authAgain: null,
    context: credential.context,
    defaultContext: null,
    shown: null,
  };
  await climb(seen, credential, ask);
  const last = seen.privProbe?.outcome ?? seen.authProbe ?? seen.userProbe;
  if (credential.context !== "" && last !== null && mayBeContext(last)) {
    for (const protocol of priv === null ? [null] : seen.priv) {
      seen.defaultContext = await ask({
        ...credential,
        priv: priv === null || protocol === null ? null : { ...priv, protocol },
        context: "",
      });
      if (!isUndecipherable(seen.defaultContext)) break;
    }
  }
  return seen;
}

/** Engines report an unknown context, refuse requests in it, or do not answer, like Net-SNMP's agent. */
function mayBeContext(outcome: SnmpOutcome): boolean {
  return outcome.kind === "malformed" || outcome.kind === "refused" || outcome.kind === "silent" ||
    isContextReport(outcome) || isReport(outcome, "otherReport");
}

async function climb(seen: UsmObservation, credential: UsmCredential, ask: AskUsm): Promise<void> {
  const { auth, priv } = credential;
  seen.userProbe = await ask({ ...credential, level: "noAuthNoPriv", auth: null, priv: null });
  if (auth === null || isReport(seen.userProbe, "unknownUserName") || seen.userProbe.kind === "unreachable") {
    return;
  }
  const signed: UsmCredential = { ...credential, level: "authNoPriv", priv: null };
  seen.authProbe = await ask(signed);
  if (isReport(seen.authProbe, "wrongDigest")) {
    seen.authWouldWork = await authProtocolsThatWork(signed, auth, ask);
    seen.swapped = priv !== null && seen.authWouldWork.length === 0 &&
      isStillThere(await ask({ ...signed, auth: { ...auth, key: priv.key } }));
    return;
  }
  // A device may not answer here but below, or refuse a level under the user's own, like pysnmp's agent.
  const refusesLevel = isReport(seen.authProbe, "unsupportedSecurityLevel");
  if (priv === null || (seen.authProbe.kind === "report" && !refusesLevel && !isContextReport(seen.authProbe))) return;
  for (const protocol of seen.priv) {
    seen.privProbe = { protocol, outcome: await ask({ ...credential, priv: { ...priv, protocol } }) };
    if (isReport(seen.privProbe.outcome, "wrongDigest")) {
      seen.authWouldWork = await authProtocolsThatWork(credential, auth, ask);
    }
    if (!isUndecipherable(seen.privProbe.outcome)) return;
  }
  if (seen.authProbe.kind === "silent") return;
  seen.authAgain = await ask(signed);
  if (!isStillThere(seen.authAgain)) return;
  const working: PrivProtocolName[] = [];
  for (const protocol of otherPrivProtocols(seen.priv, auth.protocol)) {
    if (!isAuthentic(await ask({ ...credential, priv: { ...priv, protocol } }, { quick: true }))) continue;
    // One is enough: no other protocol can decrypt the same message.
    working.push(protocol);
    break;
  }
  seen.privWouldWork = working;
}

async function authProtocolsThatWork(
  signed: UsmCredential,
  auth: NonNullable<UsmCredential["auth"]>,
  ask: AskUsm,
): Promise<AuthProtocolName[]> {
  for (const protocol of Object.keys(authProtocols) as AuthProtocolName[]) {
    if (protocol === auth.protocol) continue;
    // The other digest was rejected at this level; if now the level is refused, this digest is right.
    if (isStillThere(await ask({ ...signed, auth: { ...auth, protocol } }, { quick: true }))) return [protocol];
  }
  return [];
}

/** If the digest is as long as the key, both expansions are equal, and one of them is left out. */
function otherPrivProtocols(tried: readonly PrivProtocolName[], auth: AuthProtocolName): PrivProtocolName[] {
  const same = (protocol: PrivProtocolName) => {
    const bits = Number(/^aes(\d+)-/.exec(protocol)?.[1] ?? 0);
    return bits > 0 && usmHashes[auth].length * 8 >= bits ? `aes${bits}` : protocol;
  };
  const known = new Set(tried.map(same));
  return (Object.keys(privProtocols) as PrivProtocolName[]).filter((protocol) => {
    const fresh = !known.has(same(protocol));
    known.add(same(protocol));
    return fresh;
  });
}

/** Whether the digest was right: the message was answered, or refused by a check after authentication. */
export function isAuthentic(outcome: SnmpOutcome): boolean {
  return outcome.kind === "answered" || outcome.kind === "refused" || isContextReport(outcome);
}

/** Whether the context was reported, which is checked after user, digest and privacy. */
export function isContextReport(outcome: SnmpOutcome): boolean {
  return isReport(outcome, "unknownContext") || isReport(outcome, "unavailableContext");
}

/** As `isAuthentic`, or refused for its level by an agent that looks at the digest first. */
export function isStillThere(outcome: SnmpOutcome): boolean {
  return isAuthentic(outcome) || isReport(outcome, "unsupportedSecurityLevel");
}

function isUndecipherable(outcome: SnmpOutcome): boolean {
  return outcome.kind === "silent" || isReport(outcome, "decryptionError");
}

function isReport(outcome: SnmpOutcome, report: string): boolean {
  return outcome.kind === "report" && outcome.report === report;
}

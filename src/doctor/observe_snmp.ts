/** Asks a printer with each credential in turn, as the scanner does, and records the results for the verdict. */
import { messageOf } from "../../common/core/errors.ts";
import { formatEndpoint } from "../../common/core/ip.ts";
import type { CommunityCredential, Credential, UsmCredential } from "../snmp/credential.ts";
import { showsAsMuch } from "../printers/view.ts";
import { identify } from "../scan/identify.ts";
import type { DatagramHub } from "../snmp/datagram_hub.ts";
import { discoveryProbe, maxProbeId, minProbeId, probeFor, sysDescr, sysObjectId } from "../snmp/probe.ts";
import "../snmp/enable_usm.ts";
import { openSession, SnmpError } from "../snmp/session.ts";
import type { PrivProtocolName } from "../snmp/usm_protocols.ts";
import { isException } from "../snmp/value.ts";
import { type AskUsm, observeUsm } from "./observe_usm.ts";
import type {
  CommunityObservation,
  Shown,
  SnmpObservations,
  SnmpOutcome,
  UsmObservation,
} from "./snmp_observations.ts";
import { BerSyntaxError } from "../snmp/ber.ts";
import { decodeMessage, PduType, type SnmpMessage } from "../snmp/message.ts";

export interface ObserveOptions {
  hub: DatagramHub;
  credentials: readonly Credential[];
  timeoutMs: number;
  retries: number;
  now: () => number;
}

/** Timeout in a search among protocols, in round trips of the device. */
const quickRoundTrips = 10;
const minQuickMs = 500;

/** Throws only for a defect: results of device and network are in the observations. */
export async function observeSnmp(
  target: { address: string; port: number },
  options: ObserveOptions,
): Promise<SnmpObservations> {
  const { hub, timeoutMs, retries } = options;
  const seen: SnmpObservations & { credentials: SnmpObservations["credentials"][number][] } = {
    target: formatEndpoint(target.address, target.port),
    sendRefused: null,
    engineId: null,
    credentials: [],
  };
  try {
    seen.engineId = await discoverEngine(hub, target, { timeoutMs, retries });
  } catch (error) {
    seen.sendRefused = messageOf(error);
    return seen;
  }
  let roundTripMs = timeoutMs;

  async function ask(credential: Credential, how: { version?: "1" | "2c"; quick?: boolean } = {}) {
    const quickMs = Math.min(timeoutMs, Math.max(minQuickMs, roundTripMs * quickRoundTrips));
    const session = openSession(hub, target, credential, {
      timeoutMs: () => how.quick === true ? quickMs : timeoutMs,
      retries,
      pace: () => undefined,
      ...(how.version === undefined ? {} : { version: how.version }),
    });
    const startedMs = options.now();
    try {
      const values = await session.get([sysDescr, sysObjectId]);
      return values.every(isException) ? { kind: "answered", empty: true } as const : { kind: "answered" } as const;
    } catch (error) {
      return outcomeOf(error);
    } finally {
      roundTripMs = Math.min(roundTripMs, options.now() - startedMs);
      session.close();
    }
  }

  /** Null if the device stopped answering. */
  async function look(credential: Credential, version?: "1" | "2c"): Promise<Shown | null> {
    const session = openSession(hub, target, credential, {
      timeoutMs: () => timeoutMs,
      retries,
      pace: () => undefined,
      ...(version === undefined ? {} : { version }),
    });
    try {
      const { view, recognised, mayShowMore, error } = await identify(session);
      return error === null ? { view, isPrinter: recognised.printer, mayShowMore } : null;
    } catch (error) {
      if (error instanceof SnmpError) return null;
      throw error;
    } finally {
      session.close();
    }
  }

  for (const { credential, alternatives } of grouped(options.credentials)) {
    // Without an engine each step would only time out.
    if (credential.kind === "usm" && seen.engineId === null) continue;
    const found = credential.kind === "community"
      ? await observeCommunity(credential, ask, look)
      : await observeUser(credential, alternatives, ask, look);
    seen.credentials.push(found);
    if (found.kind === "community" ? found.versions.some(isEnough) : isEnough(found)) break;
  }
  return seen;
}

type Look = (credential: Credential, version?: "1" | "2c") => Promise<Shown | null>;

/** Whether the credential is answered and no other one could show more. */
function isEnough({ shown }: { shown: Shown | null }): boolean {
  return shown !== null && !shown.mayShowMore && shown.view !== "nothing";
}

async function observeUser(
  credential: UsmCredential,
  alternatives: PrivProtocolName[],
  ask: AskUsm,
  look: Look,
): Promise<UsmObservation> {
  const found = await observeUsm(credential, alternatives, ask);
  const { priv, context } = credential;
  const last = found.privProbe?.outcome ?? (priv === null ? found.authProbe ?? found.userProbe : null);
  if (last?.kind !== "answered") return found;
  const working = found.privProbe === null || priv === null
    ? credential
    : { ...credential, priv: { ...priv, protocol: found.privProbe.protocol } };
  found.shown = await look(working);
  if (found.shown?.view === "nothing" && context !== "") found.defaultContext = await ask({ ...working, context: "" });
  return found;
}

async function observeCommunity(
  credential: CommunityCredential,
  ask: (credential: Credential, how: { version: "1" | "2c" }) => Promise<SnmpOutcome>,
  look: Look,
): Promise<CommunityObservation> {
  const versions: CommunityObservation["versions"] = [];
  for (const version of credential.versions) {
    const outcome = await ask(credential, { version });
    const shown = outcome.kind === "answered" ? await look(credential, version) : null;
    versions.push({ version, outcome, shown });
    // A device that stopped answering has answered this credential: nothing more is known.
    if (
      outcome.kind === "answered" && (shown === null || isEnough({ shown }) || showsAsMuch(shown.view, "noMarkers"))
    ) {
      break;
    }
  }
  return { kind: "community", name: credential.name, versions };
}

interface Group {
  credential: Credential;
  alternatives: PrivProtocolName[];
}

/** "aes256" without an expansion is parsed as two credentials; they are checked together. */
function grouped(credentials: readonly Credential[]): Group[] {
  const groups: Group[] = [];
  for (const credential of credentials) {
    const last = groups.at(-1);
    if (last !== undefined && credential.kind === "usm" && isSameButPriv(last.credential, credential)) {
      last.alternatives.push(credential.priv!.protocol);
    } else groups.push({ credential, alternatives: [] });
  }
  return groups;
}

function isSameButPriv(a: Credential, b: UsmCredential): boolean {
  return a.kind === "usm" && a.priv !== null && b.priv !== null && a.user === b.user && a.context === b.context &&
    a.auth?.protocol === b.auth?.protocol && a.auth?.key.reveal() === b.auth?.key.reveal() &&
    a.priv.key.reveal() === b.priv.key.reveal();
}

function outcomeOf(error: unknown): SnmpOutcome {
  if (!(error instanceof SnmpError)) throw error;
  const { failure, message, detail } = error;
  if (detail.usm !== undefined) return { kind: "report", report: detail.usm };
  if (failure === "timeout") return { kind: "silent" };
  if (failure === "unreachable" || failure === "closed") return { kind: "unreachable", message };
  // v1 answers noSuchName for the whole request if one object is not shown; the community is right then.
  if (failure === "noSuchName") return { kind: "answered" };
  if (failure === "agentError" || failure === "tooBig") return { kind: "refused", message };
  return { kind: "malformed", message };
}

interface DiscoverOptions {
  timeoutMs: number;
  /** Further tries after the first. */
  retries: number;
}

/** Hexadecimal id of the SNMPv3 engine (RFC 3414 section 4); null without an answer. Rejects if sending is refused. */
async function discoverEngine(
  hub: DatagramHub,
  target: { address: string; port: number },
  { timeoutMs, retries }: DiscoverOptions,
): Promise<string | null> {
  const template = discoveryProbe();
  const ids = new Set<number>();
  const found = Promise.withResolvers<string | null>();
  const stop = hub.listenTo(target.address, target.port, (bytes) => {
    const message = maybeMessage(bytes);
    if (message?.version !== 3 || !ids.has(message.msgId) || message.engineId.length === 0) return false;
    if (message.scopedPdu?.pdu.type !== PduType.report) return false;
    found.resolve(message.engineId.toHex());
    return true;
  });
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    for (let attempt = 0; attempt <= retries; attempt++) {
      const id = minProbeId + crypto.getRandomValues(new Uint32Array(1))[0]! % (maxProbeId - minProbeId);
      ids.add(id);
      await hub.send(probeFor(template, id), target.address, target.port);
      const late = new Promise<undefined>((resolve) => timer = setTimeout(() => resolve(undefined), timeoutMs));
      const engineId = await Promise.race([found.promise, late]);
      clearTimeout(timer);
      if (engineId !== undefined) return engineId;
    }
    return null;
  } finally {
    clearTimeout(timer);
    stop();
  }
}

function maybeMessage(bytes: Uint8Array): SnmpMessage | undefined {
  try {
    return decodeMessage(bytes);
  } catch (error) {
    if (error instanceof BerSyntaxError) return undefined;
    throw error;
  }
}

/**
 * v3 with net-snmp, which encodes, secures and decodes. The header of each datagram is checked here first: so malformed
 * octets never reach the library, and a v3 answer below the request's security level is dropped (RFC 3412 section 7.2),
 * which the library would accept. Retransmissions are the same octets, with our own timing: the library has one timeout
 * for all.
 *
 * Repeating a refused request is decided here as well. The library never repeats its first signed request, repeats
 * later ones after any report, and permanently refuses an engine whose time has gone back with the same boots, as on a
 * device that does not store its boots. So our socket refuses the library's own repetition, and a new library session
 * starts with the engine's last id, boots and time.
 */
import { systemClock } from "../../common/core/clock.ts";
import type { UsmCredential } from "./credential.ts";
import { BerSyntaxError } from "./ber.ts";
import type { DatagramHub } from "./datagram_hub.ts";
import { type LibraryEvents, type LibrarySession, openLibrarySession, userOf } from "./library_session.ts";
import { MsgFlag } from "./message.ts";
import { maybeUsmFailure, type NetSnmpUser, type NetSnmpVarbind, snmp, type UsmFailure } from "./net_snmp.ts";
import type { SessionOptions, SnmpSession } from "./session.ts";
import { createRequests, oneForEach, type SessionRequests } from "./session_requests.ts";
import { type Patience, triesOf } from "./session_tries.ts";
import { agentError, SnmpError } from "./snmp_error.ts";
import { createUsmExchanges, type UsmExchanges } from "./usm_exchanges.ts";
import { readUsmReport } from "./usm_report.ts";
import { maybeV3Header, type V3Header } from "./v3_header.ts";
import { Tag, type Varbind } from "./value.ts";

/** Maximum of snmpEngineBoots: with it an engine answers no signed request (RFC 3414 section 2.2.2). */
const maxEngineBoots = 0x7fffffff;

/** A datagram while the library processes it. */
interface Delivery {
  bytes: Uint8Array;
  header: V3Header;
  /** Whether the library may send a datagram because of it. */
  maySend: boolean;
  isUnreadable: boolean;
  /** The library could not decrypt it, or its digest is wrong. */
  isForged: boolean;
}

type Callback = (error: Error | null, lists: NetSnmpVarbind[][] | undefined) => void;

interface UsmSession {
  target: { address: string; port: number };
  context: string;
  user: NetSnmpUser;
  requiredFlags: number;
  options: SessionOptions;
  events: LibraryEvents;
  library: LibrarySession;
  exchanges: UsmExchanges;
  requests: SessionRequests<Varbind[][]>;
  /** Patience of the open request. */
  patience: Patience;
  /** Datagrams sent for the open request. */
  datagrams: number;
  delivery: Delivery | undefined;
  /** Header of the message that refused the last request. */
  refusedBy: V3Header | undefined;
  /** Whether an authentic message has arrived. */
  isSynchronised: boolean;
  engineId: Uint8Array | undefined;
}

/** Opens a session. What is sent and received goes through the hub. */
export function openUsmSession(
  hub: DatagramHub,
  target: { address: string; port: number },
  credential: UsmCredential,
  options: SessionOptions,
): SnmpSession {
  const { clock = systemClock } = options;
  const requests = createRequests<Varbind[][]>(target.address, () => session.exchanges.giveUp());
  const events = libraryEvents(() => session);
  const user = userOf(credential);
  const session: UsmSession = {
    target,
    context: credential.context,
    user,
    requiredFlags: flagsOf(credential.level),
    options,
    events,
    library: openLibrarySession(target, user, credential.context, events),
    exchanges: createUsmExchanges(hub, target, { options, clock }, requests),
    requests,
    patience: "long",
    datagrams: 0,
    delivery: undefined,
    refusedBy: undefined,
    isSynchronised: false,
    engineId: undefined,
  };
  const stopListening = hub.listenTo(target.address, target.port, (bytes) => accept(session, bytes));
  return {
    version: "3",
    get: (oids, patience = "long") => askEach(session, "get", oids, patience),
    getNext: (oids, patience = "long") => askEach(session, "getNext", oids, patience),
    async getBulk(oids, nonRepeaters, maxRepetitions, patience = "long") {
      const lists = await ask(
        session,
        patience,
        (callback) =>
          session.library.session.getBulk(oids, nonRepeaters, maxRepetitions, (error, lists) => {
            callback(error, lists?.map((list) => Array.isArray(list) ? list : [list]));
          }),
      );
      return lists.map((list) => list.slice(0, maxRepetitions));
    },
    engineId: () => session.engineId?.toHex() ?? null,
    overheadOctets: overhead + credential.user.length + credential.context.length,
    get malformed() {
      return requests.counters.malformed;
    },
    get requests() {
      return requests.counters.requests;
    },
    get answers() {
      return requests.counters.answers;
    },
    close() {
      stopListening();
      // Before the library ends its requests with its own message.
      requests.close();
      session.library.session.close();
    },
  };
}

function libraryEvents(sessionOf: () => UsmSession): LibraryEvents {
  return {
    maybeRefusal() {
      const { delivery } = sessionOf();
      return delivery === undefined || delivery.maySend ? undefined : new RepeatRefused();
    },
    onSend: (bytes) => send(sessionOf(), bytes),
    onUnreadable() {
      const { delivery, requests } = sessionOf();
      requests.counters.malformed++;
      if (delivery !== undefined) delivery.isUnreadable = true;
    },
  };
}

function send(session: UsmSession, bytes: Uint8Array): void {
  const { exchanges, requests, options, patience } = session;
  const header = maybeV3Header(bytes)!;
  if (header.engineId.length > 0) session.engineId = header.engineId;
  exchanges.start(bytes, {
    msgId: header.msgId,
    isDiscovery: header.engineId.length === 0 && session.datagrams++ === 0,
    tries: triesOf(patience, { retries: options.retries, hasAnswered: requests.counters.answers > 0 }),
  });
}

function accept(session: UsmSession, bytes: Uint8Array): boolean {
  let header: V3Header | undefined;
  try {
    header = maybeV3Header(bytes);
  } catch (error) {
    if (!(error instanceof BerSyntaxError)) throw error;
    session.requests.counters.malformed++;
    return true;
  }
  return header !== undefined && acceptV3(session, bytes, header);
}

function acceptV3(session: UsmSession, bytes: Uint8Array, header: V3Header): boolean {
  const { exchanges, requests: { counters }, requiredFlags } = session;
  const exchange = exchanges.maybeFind(header.msgId);
  if (exchange === undefined) return false;
  if (!header.isReport && (header.msgFlags & requiredFlags) !== requiredFlags) {
    counters.malformed++;
    return true;
  }
  // The answer to an abandoned request must not cause sending for the open one.
  const isExpected = exchanges.isCurrent(exchange);
  const delivery: Delivery = {
    bytes,
    header,
    maySend: isExpected && exchange.isDiscovery,
    isUnreadable: false,
    isForged: false,
  };
  const takeBack = exchanges.listen();
  deliver(session, delivery, isExpected);
  if (delivery.isUnreadable) {
    takeBack();
    return true;
  }
  if ((header.msgFlags & MsgFlag.auth) !== 0 && !delivery.isForged) session.isSynchronised = true;
  if (!header.isReport) counters.answers++;
  exchanges.end(exchange);
  return true;
}

/** Passes the datagram to the library, which ends the answered request. */
function deliver(session: UsmSession, delivery: Delivery, isExpected: boolean): void {
  const { library, requests, target: { address } } = session;
  session.delivery = delivery;
  try {
    library.receive(delivery.bytes);
  } catch (error) {
    // The library has dropped the request, so it must be ended here.
    requests.counters.malformed++;
    const cause = { cause: error };
    if (isExpected) requests.fail(new SnmpError("malformed", `Cannot read the answer of ${address}`, {}, cause));
  } finally {
    session.delivery = undefined;
  }
}

async function askEach(
  session: UsmSession,
  kind: "get" | "getNext",
  oids: readonly string[],
  patience: Patience,
): Promise<Varbind[]> {
  const [varbinds = []] = await ask(
    session,
    patience,
    (callback) => session.library.session[kind]([...oids], (error, list) => callback(error, list && [list])),
  );
  return oneForEach(oids, varbinds, session.target.address);
}

type Start = (callback: Callback) => void;

/** Repeats the request if the engine was restarted, or had sent another time at discovery (RFC 3414 section 2.3). */
async function ask(session: UsmSession, patience: Patience, start: Start): Promise<Varbind[][]> {
  try {
    return await askOnce(session, patience, start);
  } catch (error) {
    const usm = error instanceof SnmpError ? error.detail.usm : undefined;
    if (usm === undefined || !synchronise(session, usm)) throw error;
    return await askOnce(session, patience, start);
  }
}

/**
 * Takes over the engine's last id, boots and time. False if a repetition cannot help. An unauthenticated message never
 * replaces values of an authentic one (RFC 3414 section 3.2 step 7).
 */
function synchronise(session: UsmSession, failure: UsmFailure): boolean {
  const { refusedBy, isSynchronised, library, exchanges, target, user, context, events } = session;
  if (refusedBy === undefined) return false;
  const isAuthentic = (refusedBy.msgFlags & MsgFlag.auth) !== 0;
  // After an authentic answer, a new engine id means another device.
  if (failure === "unknownEngineId") {
    if (isSynchronised) return false;
  } else if (failure !== "notInTimeWindow" || (isSynchronised && !isAuthentic)) return false;
  library.session.close();
  exchanges.forget();
  session.library = openLibrarySession(target, user, context, events, refusedBy);
  return true;
}

async function askOnce(session: UsmSession, patience: Patience, start: Start): Promise<Varbind[][]> {
  const { requests, target: { address } } = session;
  const request = requests.begin();
  session.patience = patience;
  session.datagrams = 0;
  session.refusedBy = undefined;
  start((error, lists) => {
    const { delivery } = session;
    const usm = error === null ? undefined : maybeFailure(session, error);
    if (delivery !== undefined && isForgery(error)) delivery.isForged = true;
    // The library may end a request that was abandoned before.
    if (!requests.isOpen(request)) return;
    session.refusedBy = delivery?.header;
    if (error !== null) requests.fail(toSnmpError(error, address, usm));
    else requests.succeed(request, (lists ?? []).map((list) => list.map(toVarbind)));
  });
  return await request.answer;
}

/** Why the message that the library just processed refuses the request. */
function maybeFailure({ delivery, user }: UsmSession, error: Error): UsmFailure | undefined {
  let usm = error instanceof RepeatRefused ? "otherReport" : maybeUsmFailure(error);
  if (delivery === undefined) return usm;
  if (usm === "otherReport") usm = readUsmReport(delivery.bytes, user);
  return usm === "notInTimeWindow" && delivery.header.engineBoots === maxEngineBoots ? "bootsAtMaximum" : usm;
}

/** Maximum octets of headers, two engine ids of 32 octets, digest, salt, PDU and padding. */
const overhead = 220;

/** Ends a request of the library that it would repeat after a report. */
class RepeatRefused extends Error {}

function isForgery(error: Error | null): boolean {
  const usm = maybeUsmFailure(error);
  return usm === "wrongDigest" || usm === "decryptionError";
}

function flagsOf(level: "noAuthNoPriv" | "authNoPriv" | "authPriv"): number {
  if (level === "authPriv") return MsgFlag.auth | MsgFlag.priv;
  return level === "authNoPriv" ? MsgFlag.auth : 0;
}

function toSnmpError(error: Error, address: string, usm: UsmFailure | undefined): SnmpError {
  if (error instanceof SnmpError) return error;
  if (error instanceof snmp.RequestFailedError) return agentError(error.status, 0, address);
  if (usm !== undefined) return new SnmpError("usm", `${address} refused the SNMPv3 message: ${usm}`, { usm });
  return new SnmpError("malformed", `Cannot read the answer of ${address}: ${error.message}`, {}, { cause: error });
}

function toVarbind({ oid, type, value }: NetSnmpVarbind): Varbind {
  if (type === Tag.counter64 && value instanceof Uint8Array) {
    return { oid, tag: type, value: value.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n) };
  }
  if (type === Tag.ipAddress && typeof value === "string") {
    return { oid, tag: type, value: Uint8Array.from(value.split("."), Number) };
  }
  if (value instanceof Uint8Array) return { oid, tag: type, value: new Uint8Array(value) };
  return { oid, tag: type, value: typeof value === "boolean" ? Number(value) : value };
}

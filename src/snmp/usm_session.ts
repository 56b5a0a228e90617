/**
 * v3 through net-snmp, which encodes, secures and decodes. Of each datagram only the outside is read here first: so
 * malformed octets never reach the library, and a v3 answer below the request's security level is dropped (RFC 3412
 * section 7.2), which the library would accept. What is sent again when an answer is late are the same octets, by our own
 * time: the library has one timeout for all.
 *
 * Whether a refused request is asked again is decided here as well. The library never does it on its first signed request,
 * does it after a report of any kind on later ones, and refuses for ever an engine whose time has gone back at the same
 * boots, as that of a device that does not store its boots. So its own repetition is refused by the socket, and a new
 * session of the library starts from what the engine said last.
 */
import { messageOf } from "../../common/core/errors.ts";
import { systemClock } from "../../common/core/clock.ts";
import type { UsmCredential } from "./credential.ts";
import { BerSyntaxError } from "./ber.ts";
import type { DatagramHub } from "./datagram_hub.ts";
import { type EngineTime, type LibrarySession, openLibrarySession, userOf } from "./library_session.ts";
import { MsgFlag } from "./message.ts";
import { maybeUsmFailure, type NetSnmpVarbind, snmp, type UsmFailure } from "./net_snmp.ts";
import type { SessionOptions, SnmpSession } from "./session.ts";
import { type Patience, triesOf } from "./session_tries.ts";
import { agentError, SnmpError } from "./snmp_error.ts";
import { createUsmExchanges } from "./usm_exchanges.ts";
import { readUsmReport } from "./usm_report.ts";
import { maybeV3Header, type V3Header } from "./v3_header.ts";
import { Tag, type Varbind } from "./value.ts";

/** snmpEngineBoots that latches: an engine that has it answers nothing that is signed (RFC 3414 section 2.2.2). */
const maxEngineBoots = 0x7fffffff;

/** A datagram while the library reads it. */
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

/** Opens a session. What is sent and received goes through the hub. */
export function openUsmSession(
  hub: DatagramHub,
  target: { address: string; port: number },
  credential: UsmCredential,
  options: SessionOptions,
): SnmpSession {
  const { clock = systemClock } = options;
  const requiredFlags = flagsOf(credential.level);
  const user = userOf(credential);
  let library = openLibrary();
  const exchanges = createUsmExchanges(hub, target, { options, clock }, {
    onSilence: () => fail(new SnmpError("timeout", `${target.address} did not answer in time`)),
    onRefused: (error) => fail(new SnmpError("unreachable", messageOf(error), {}, { cause: error })),
  });
  let pending: { resolve(lists: Varbind[][]): void; reject(error: Error): void } | undefined;
  /** Of the open request. */
  let patience: Patience = "long", datagrams = 0;
  let malformed = 0, requests = 0, answers = 0;
  let isClosed = false;
  let delivery: Delivery | undefined;
  /** Of the message that refused the last request. */
  let refusedBy: V3Header | undefined;
  /** Whether an authentic message has come. */
  let isSynchronised = false;
  let engineId: Uint8Array | undefined;

  function openLibrary(engine?: EngineTime): LibrarySession {
    const events = {
      maybeRefusal: () => delivery === undefined || delivery.maySend ? undefined : new KnownQuestion(),
      onSend,
      onUnreadable() {
        malformed++;
        if (delivery !== undefined) delivery.isUnreadable = true;
      },
    };
    return openLibrarySession(target, user, credential.context, events, engine);
  }

  function onSend(bytes: Uint8Array): void {
    const header = maybeV3Header(bytes)!;
    if (header.engineId.length > 0) engineId = header.engineId;
    exchanges.start(bytes, {
      msgId: header.msgId,
      isDiscovery: header.engineId.length === 0 && datagrams++ === 0,
      tries: triesOf(patience, { retries: options.retries, hasAnswered: answers > 0 }),
    });
  }

  const stopListening = hub.listenTo(target.address, target.port, (bytes) => {
    let header: V3Header | undefined;
    try {
      header = maybeV3Header(bytes);
    } catch (error) {
      if (!(error instanceof BerSyntaxError)) throw error;
      malformed++;
      return true;
    }
    return header !== undefined && onV3(bytes, header);
  });

  function onV3(bytes: Uint8Array, header: V3Header): boolean {
    const exchange = exchanges.maybeFind(header.msgId);
    if (exchange === undefined) return false;
    if (!header.isReport && (header.msgFlags & requiredFlags) !== requiredFlags) {
      malformed++;
      return true;
    }
    // What answers a request that was given up long ago must not send anything in the place of the open one.
    const isExpected = exchanges.isCurrent(exchange);
    const mine: Delivery = {
      bytes,
      header,
      maySend: isExpected && exchange.isDiscovery,
      isUnreadable: false,
      isForged: false,
    };
    const takeBack = exchanges.listen();
    delivery = mine;
    try {
      library.receive(bytes);
    } catch (error) {
      // The library has forgotten the request by now, so nobody else would end it.
      malformed++;
      if (isExpected) {
        fail(new SnmpError("malformed", `Cannot read the answer of ${target.address}`, {}, { cause: error }));
      }
    } finally {
      delivery = undefined;
    }
    if (mine.isUnreadable) {
      takeBack();
      return true;
    }
    if ((header.msgFlags & MsgFlag.auth) !== 0 && !mine.isForged) isSynchronised = true;
    if (!header.isReport) answers++;
    exchanges.end(exchange);
    return true;
  }

  function fail(error: Error): void {
    const waiting = pending;
    pending = undefined;
    exchanges.giveUp();
    waiting?.reject(error);
  }

  /** Asks once more where the engine was restarted meanwhile, or had told another time at discovery (RFC 3414 section 2.3). */
  async function request(howLong: Patience, start: (callback: Callback) => void): Promise<Varbind[][]> {
    try {
      return await requestOnce(howLong, start);
    } catch (error) {
      const usm = error instanceof SnmpError ? error.detail.usm : undefined;
      if (usm === undefined || !synchronise(usm)) throw error;
      return await requestOnce(howLong, start);
    }
  }

  /**
   * Takes over what the engine said last of its id, boots and time. False when asking again cannot help. An unauthenticated
   * message never replaces what an authentic one has said (RFC 3414 section 3.2 step 7).
   */
  function synchronise(failure: UsmFailure): boolean {
    if (refusedBy === undefined) return false;
    const isAuthentic = (refusedBy.msgFlags & MsgFlag.auth) !== 0;
    // Whoever has answered a signed request is another device than the one with this new id.
    if (failure === "unknownEngineId") {
      if (isSynchronised) return false;
    } else if (failure !== "notInTimeWindow" || (isSynchronised && !isAuthentic)) return false;
    library.session.close();
    exchanges.forget();
    library = openLibrary(refusedBy);
    return true;
  }

  async function requestOnce(howLong: Patience, start: (callback: Callback) => void): Promise<Varbind[][]> {
    if (pending !== undefined) throw new RangeError("Cannot send two requests at once in one session");
    if (isClosed) throw closedError();
    requests++;
    patience = howLong;
    datagrams = 0;
    refusedBy = undefined;
    const { promise, resolve, reject } = Promise.withResolvers<Varbind[][]>();
    const mine = { resolve, reject };
    pending = mine;
    start((error, lists) => {
      const usm = error === null ? undefined : maybeFailure(error, delivery);
      if (delivery !== undefined && isForgery(error)) delivery.isForged = true;
      // The library may end a request that was given up long ago.
      if (pending !== mine) return;
      refusedBy = delivery?.header;
      if (error !== null) return fail(toSnmpError(error, target.address, usm));
      pending = undefined;
      resolve((lists ?? []).map((list) => list.map(toVarbind)));
    });
    return await promise;
  }

  /** Why the message that the library has just read refuses a request. */
  function maybeFailure(error: Error, message: Delivery | undefined): UsmFailure | undefined {
    let usm = error instanceof KnownQuestion ? "otherReport" : maybeUsmFailure(error);
    if (message === undefined) return usm;
    if (usm === "otherReport") usm = readUsmReport(message.bytes, user);
    return usm === "notInTimeWindow" && message.header.engineBoots === maxEngineBoots ? "bootsAtMaximum" : usm;
  }

  function closedError(): SnmpError {
    return new SnmpError("closed", `The session with ${target.address} was closed`);
  }

  async function ask(kind: "get" | "getNext", oids: readonly string[], howLong: Patience): Promise<Varbind[]> {
    const [varbinds = []] = await request(
      howLong,
      (callback) => library.session[kind]([...oids], (error, list) => callback(error, list && [list])),
    );
    if (varbinds.length !== oids.length) {
      throw new SnmpError("malformed", `${target.address} answered ${varbinds.length} of ${oids.length} values`);
    }
    return varbinds;
  }

  return {
    version: "3",
    get: (oids, howLong = "long") => ask("get", oids, howLong),
    getNext: (oids, howLong = "long") => ask("getNext", oids, howLong),
    async getBulk(oids, nonRepeaters, maxRepetitions, howLong = "long") {
      const lists = await request(
        howLong,
        (callback) =>
          library.session.getBulk(oids, nonRepeaters, maxRepetitions, (error, lists) => {
            callback(error, lists?.map((list) => Array.isArray(list) ? list : [list]));
          }),
      );
      return lists.map((list) => list.slice(0, maxRepetitions));
    },
    engineId: () => engineId?.toHex() ?? null,
    overheadOctets: overhead + credential.user.length + credential.context.length,
    get malformed() {
      return malformed;
    },
    get requests() {
      return requests;
    },
    get answers() {
      return answers;
    },
    close() {
      isClosed = true;
      stopListening();
      // Before the library ends its requests with a text of its own.
      fail(closedError());
      library.session.close();
    },
  };
}

/** Headers, two engine ids of 32 octets, digest, salt, PDU and padding: at most. */
const overhead = 220;

/** Ends a request of the library which would be sent again after a report. */
class KnownQuestion extends Error {}

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

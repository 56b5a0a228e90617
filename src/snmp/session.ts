/**
 * One conversation with one device: v1 and v2c by community_session.ts, v3 here through net-snmp, which encodes and
 * secures requests. Every datagram is decoded here first, so that malformed octets never reach the library, and a v3
 * answer below the request's security level is dropped (RFC 3412 section 7.2), which the library would accept. What is
 * sent again when an answer is late are the same octets, by our own time: the library has one timeout for all.
 */
import { Buffer } from "node:buffer";
import { EventEmitter } from "node:events";
import { messageOf } from "../core/errors.ts";
import { systemClock } from "../core/clock.ts";
import type { Clock } from "../core/clock.ts";
import type { Credential, UsmCredential } from "../credentials/credential.ts";
import { openCommunitySession } from "./community_session.ts";
import type { DatagramHub } from "./datagram_hub.ts";
import { BerSyntaxError } from "./ber.ts";
import { decodeMessage, MsgFlag, PduType } from "./message.ts";
import type { SnmpMessage } from "./message.ts";
import { authProtocols, maybeUsmFailure, privProtocols, snmp } from "./net_snmp.ts";
import type { NetSnmpOptions, NetSnmpSession, NetSnmpSocket, NetSnmpUser, NetSnmpVarbind } from "./net_snmp.ts";
import { startSending } from "./retransmit.ts";
import { triesOf } from "./session_tries.ts";
import type { Patience } from "./session_tries.ts";
import { agentError, SnmpError } from "./snmp_error.ts";
import { installUsmPrivacy } from "./usm_privacy.ts";
import { watchV3 } from "./v3_watch.ts";
import type { V3Watch } from "./v3_watch.ts";
import { Tag } from "./value.ts";
import type { Varbind } from "./value.ts";

export type SnmpVersion = "1" | "2c" | "3";

export { SnmpError } from "./snmp_error.ts";
export type { SnmpFailure } from "./snmp_error.ts";

/** One request at a time. */
export interface SnmpSession {
  readonly version: SnmpVersion;
  /** One varbind for each OID, "no such" exceptions included. Patience is long unless told. */
  get(oids: readonly string[], patience?: Patience): Promise<Varbind[]>;
  getNext(oids: readonly string[], patience?: Patience): Promise<Varbind[]>;
  /** One list for each OID: one varbind for a non-repeater, up to `maxRepetitions` for the others. */
  getBulk(oids: string[], nonRepeaters: number, maxRepetitions: number, patience?: Patience): Promise<Varbind[][]>;
  /** Hexadecimal snmpEngineID once it is known (v3). */
  engineId(): string | null;
  /** Octets of a message around its variable bindings, at most. */
  readonly overheadOctets: number;
  /** Datagrams from this device that were dropped because they were malformed or not secured as asked. */
  readonly malformed: number;
  readonly requests: number;
  /** Datagrams that answered one of its requests; those that told of the engine alone are not counted. */
  readonly answers: number;
  close(): void;
}

export interface SessionOptions {
  /** How long a datagram waits for its answer, after so many that had none. */
  timeoutMs: (unanswered: number) => number;
  /** Retransmissions after the first send. */
  retries: number;
  /** An answer has come; with the milliseconds that it took, where it is certain which datagram it answers. */
  onAnswer?: (ms: number | undefined) => void;
  onRetransmit?: () => void;
  /** Waited for before each datagram. */
  pace: () => Promise<void> | undefined;
  /** The machine's unless told. */
  clock?: Clock;
}

/** What the library keeps of an open request, by msgID. */
interface OpenRequests {
  reqs: Record<number, unknown>;
}

/** Opens a session; `version` is ignored for a USM credential, which is always v3. */
export function openSession(
  hub: DatagramHub,
  target: { address: string; port: number },
  credential: Credential,
  options: SessionOptions & { version?: "1" | "2c" },
): SnmpSession {
  return credential.kind === "usm"
    ? openUsmSession(hub, target, credential, options)
    : openCommunitySession(hub, target, credential, options);
}

function openUsmSession(
  hub: DatagramHub,
  target: { address: string; port: number },
  credential: UsmCredential,
  options: SessionOptions,
): SnmpSession {
  const { clock = systemClock } = options;
  const socket = new SessionSocket();
  const session = createLibrarySession(target, credential, socket);
  const open = session as unknown as OpenRequests;
  const v3 = watchV3(session);
  const requiredFlags = flagsOf(credential.level);
  let pending: { resolve(lists: Varbind[][]): void; reject(error: Error): void } | undefined;
  let patience: Patience = "long";
  let malformed = 0, requests = 0, answers = 0;
  let isClosed = false;
  /** Datagrams since the last answer: the waits double with them (RFC 6298 section 5.5). */
  let unanswered = 0;
  /** The datagram that waits for its answer. */
  let exchange: { stop: () => void; sentAt: number; repeated: boolean } | undefined;

  // An unheard "error" would end the process; the datagram that caused it has been counted already.
  session.on("error", () => malformed++);
  socket.onSend = (bytes) => {
    exchange?.stop();
    const mine = { stop: () => {}, sentAt: 0, repeated: false };
    exchange = mine;
    mine.stop = startSending({
      send: (sentBefore) => {
        if (sentBefore > 0) {
          mine.repeated = true;
          options.onRetransmit?.();
        }
        mine.sentAt = clock.monotonicMs();
        unanswered++;
        return hub.send(bytes, target.address, target.port);
      },
      tries: triesOf(patience, { retries: options.retries, hasAnswered: answers > 0 }),
      waitMs: () => options.timeoutMs(unanswered - 1),
      pace: options.pace,
      onSilence: () => fail(new SnmpError("timeout", `${target.address} did not answer in time`)),
      onRefused: (error) => fail(new SnmpError("unreachable", messageOf(error), {}, { cause: error })),
      clock,
    });
  };

  const stopListening = hub.listenTo(target.address, target.port, (bytes) => {
    let message: SnmpMessage;
    try {
      message = decodeMessage(bytes);
    } catch (error) {
      if (!(error instanceof BerSyntaxError)) throw error;
      malformed++;
      return true;
    }
    return message.version === 3 && onV3(bytes, message);
  });

  function onV3(bytes: Uint8Array, message: SnmpMessage & { version: 3 }): boolean {
    if (open.reqs[message.msgId] === undefined) return false;
    const isReport = message.scopedPdu?.pdu.type === PduType.report;
    if (!isReport && (message.msgFlags & requiredFlags) !== requiredFlags) {
      malformed++;
      return true;
    }
    endExchange(isReport);
    try {
      socket.emit("message", Buffer.from(bytes));
    } catch (error) {
      // The library has forgotten the request by now, so nobody else would end it.
      malformed++;
      fail(new SnmpError("malformed", `Cannot read the answer of ${target.address}`, {}, { cause: error }));
    }
    return true;
  }

  /** The datagram that was sent last has its answer; one that was sent twice does not tell how long it took. */
  function endExchange(isReport: boolean): void {
    if (!isReport) answers++;
    unanswered = 0;
    const ended = exchange;
    exchange = undefined;
    ended?.stop();
    options.onAnswer?.(ended === undefined || ended.repeated ? undefined : clock.monotonicMs() - ended.sentAt);
  }

  function fail(error: Error): void {
    const waiting = pending;
    pending = undefined;
    exchange?.stop();
    exchange = undefined;
    waiting?.reject(error);
  }

  type Callback = (error: Error | null, lists: NetSnmpVarbind[][] | undefined) => void;

  /** Asks once more where the engine was restarted meanwhile, or had told another time at discovery (RFC 3414 section 2.3). */
  async function request(howLong: Patience, start: (callback: Callback) => void): Promise<Varbind[][]> {
    try {
      return await requestOnce(howLong, start);
    } catch (error) {
      const usm = error instanceof SnmpError ? error.detail.usm : undefined;
      if (usm === undefined || !v3.synchronise(usm)) throw error;
      return await requestOnce(howLong, start);
    }
  }

  async function requestOnce(howLong: Patience, start: (callback: Callback) => void): Promise<Varbind[][]> {
    if (pending !== undefined) throw new RangeError("Cannot send two requests at once in one session");
    if (isClosed) throw closedError();
    requests++;
    patience = howLong;
    const { promise, resolve, reject } = Promise.withResolvers<Varbind[][]>();
    const mine = { resolve, reject };
    pending = mine;
    start((error, lists) => {
      // The library may end a request that was given up long ago.
      if (pending !== mine) return;
      if (error !== null) return fail(toSnmpError(error, target.address, v3.maybeFailure));
      pending = undefined;
      resolve((lists ?? []).map((list) => list.map(toVarbind)));
    });
    return await promise;
  }

  function closedError(): SnmpError {
    return new SnmpError("closed", `The session with ${target.address} was closed`);
  }

  async function ask(kind: "get" | "getNext", oids: readonly string[], howLong: Patience): Promise<Varbind[]> {
    const [varbinds = []] = await request(
      howLong,
      (callback) => session[kind]([...oids], (error, list) => callback(error, list && [list])),
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
          session.getBulk(oids, nonRepeaters, maxRepetitions, (error, lists) => {
            callback(error, lists?.map((list) => Array.isArray(list) ? list : [list]));
          }),
      );
      return lists.map((list) => list.slice(0, maxRepetitions));
    },
    engineId: () => session.msgSecurityParameters?.msgAuthoritativeEngineID.toString("hex") ?? null,
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
      session.close();
    },
  };
}

/** Headers, two engine ids of 32 octets, digest, salt, PDU and padding: at most. */
const overhead = 220;

/** The socket that the library sees: what it sends goes to `onSend`, and it receives only what was checked. */
class SessionSocket extends EventEmitter implements NetSnmpSocket {
  onSend: (bytes: Uint8Array) => void = () => {};

  send(
    buffer: Uint8Array,
    offset: number,
    length: number,
    _port: number,
    _address: string,
    callback: (error: Error | null, bytes?: number) => void,
  ): void {
    // The library registers the request in the callback; on loopback an answer may come before the send has returned.
    callback(null, length);
    this.onSend(buffer.slice(offset, offset + length));
  }

  bind(): void {}
  ref(): void {}
  unref(): void {}
  close(): void {
    this.emit("close");
  }
}

/** Longer than any device is read: the library never ends a request by its own time. */
const libraryTimeoutMs = 24 * 3600 * 1000;

function createLibrarySession(
  target: { address: string; port: number },
  credential: UsmCredential,
  socket: NetSnmpSocket,
): NetSnmpSession {
  const libraryOptions: NetSnmpOptions = {
    port: target.port,
    retries: 0,
    timeout: libraryTimeoutMs,
    idBitsSize: 32,
    version: snmp.Version["3"],
    dgramModule: { createSocket: () => socket },
  };
  installUsmPrivacy();
  const user: NetSnmpUser = { name: credential.user, level: snmp.SecurityLevel[credential.level] };
  if (credential.auth !== null) {
    user.authProtocol = authProtocols[credential.auth.protocol];
    user.authKey = credential.auth.key.reveal();
  }
  if (credential.priv !== null) {
    user.privProtocol = privProtocols[credential.priv.protocol];
    user.privKey = credential.priv.key.reveal();
  }
  return snmp.createV3Session(target.address, user, { ...libraryOptions, context: credential.context });
}

function flagsOf(level: "noAuthNoPriv" | "authNoPriv" | "authPriv"): number {
  if (level === "authPriv") return MsgFlag.auth | MsgFlag.priv;
  return level === "authNoPriv" ? MsgFlag.auth : 0;
}

function toSnmpError(error: Error, address: string, maybeFailure: V3Watch["maybeFailure"]): SnmpError {
  if (error instanceof SnmpError) return error;
  if (error instanceof snmp.RequestFailedError) return agentError(error.status, 0, address);
  const usm = maybeFailure(maybeUsmFailure(error));
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

/**
 * One conversation with one device through net-snmp: it encodes, retransmits and secures requests. Every datagram is
 * decoded here first, so that malformed octets never reach the library, answers to v1 and v2c requests are read by our
 * own tolerant codec (unsigned values without their leading zero, error-index), and a v3 answer below the request's
 * security level is dropped (RFC 3412 section 7.2), which the library would accept.
 */
import { Buffer } from "node:buffer";
import { EventEmitter } from "node:events";
import type { Credential } from "../credentials/credential.ts";
import type { DatagramHub } from "./datagram_hub.ts";
import { BerSyntaxError } from "./ber.ts";
import { decodeMessage, ErrorStatus, MsgFlag, PduType } from "./message.ts";
import type { Pdu, SnmpMessage } from "./message.ts";
import { authProtocols, maybeUsmFailure, privProtocols, snmp } from "./net_snmp.ts";
import type {
  NetSnmpOptions,
  NetSnmpSession,
  NetSnmpSocket,
  NetSnmpUser,
  NetSnmpVarbind,
  UsmFailure,
} from "./net_snmp.ts";
import { installUsmPrivacy } from "./usm_privacy.ts";
import { Tag } from "./value.ts";
import type { Varbind } from "./value.ts";

export type SnmpVersion = "1" | "2c" | "3";

export type SnmpFailure =
  | "timeout"
  | "tooBig"
  | "noSuchName"
  | "agentError"
  | "usm"
  | "malformed"
  | "unreachable"
  | "closed";

/** Why a request has no answer; `errorIndex` is 1-based as in RFC 3416 and 0 when the agent named no variable. */
export class SnmpError extends Error {
  override readonly name = "SnmpError";
  constructor(
    readonly failure: SnmpFailure,
    message: string,
    readonly detail: { errorIndex?: number; usm?: UsmFailure } = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export interface SnmpSession {
  readonly version: SnmpVersion;
  /** One varbind for each OID, "no such" exceptions included. */
  get(oids: string[]): Promise<Varbind[]>;
  getNext(oids: string[]): Promise<Varbind[]>;
  /** One list for each OID: one varbind for a non-repeater, up to `maxRepetitions` for the others. */
  getBulk(oids: string[], nonRepeaters: number, maxRepetitions: number): Promise<Varbind[][]>;
  /** Hexadecimal snmpEngineID once it is known (v3). */
  engineId(): string | null;
  /** Datagrams from this device that were dropped because they were malformed or not secured as asked. */
  readonly malformed: number;
  readonly requests: number;
  close(): void;
}

export interface SessionOptions {
  /** How long a request waits before it is sent again; asked anew for each request. */
  timeoutMs: () => number;
  /** Retransmissions after the first send. */
  retries: number;
  /** Called with the milliseconds since the request was first sent. */
  onAnswer?: (ms: number) => void;
  onRetransmit?: () => void;
  /** Waited for before a request and by each retransmission. */
  pace: () => Promise<void> | undefined;
}

/** What the library keeps of an open request, by request-id or msgID. */
interface OpenRequests {
  reqs: Record<number, unknown>;
  unregisterRequest(id: number): unknown;
  /** Milliseconds until a retransmission of requests that are made from now on. */
  timeout: number;
}

/** Opens a session; `version` is ignored for a USM credential, which is always v3. */
export function openSession(
  hub: DatagramHub,
  target: { address: string; port: number },
  credential: Credential,
  options: SessionOptions & { version?: "1" | "2c" },
): SnmpSession {
  const version: SnmpVersion = credential.kind === "usm" ? "3" : options.version ?? "2c";
  const socket = new SessionSocket(hub, target, options.pace);
  const session = createLibrarySession(target, credential, version, socket, options);
  const open = session as unknown as OpenRequests;
  const requiredFlags = credential.kind === "usm" ? flagsOf(credential.level) : 0;
  let pending: { resolve(pdu: Pdu | Varbind[][]): void; reject(error: Error): void } | undefined;
  let malformed = 0;
  let requests = 0;
  let sentAt = 0;
  socket.onRetransmit = () => options.onRetransmit?.();

  // An unheard "error" would end the process; the datagram that caused it has been counted already.
  session.on("error", () => malformed++);
  socket.onRefused = (error) => fail(new SnmpError("unreachable", error.message, {}, { cause: error }));

  const stopListening = hub.listenTo(target.address, target.port, (bytes) => {
    let message: SnmpMessage;
    try {
      message = decodeMessage(bytes);
    } catch (error) {
      if (!(error instanceof BerSyntaxError)) throw error;
      malformed++;
      return true;
    }
    return message.version === 3 ? onV3(bytes, message) : onCommunity(message);
  });

  function onCommunity(message: SnmpMessage & { version: 0 | 1 }): boolean {
    if (version === "3" || message.pdu.type !== PduType.response) return false;
    if (open.reqs[message.pdu.requestId] === undefined) return false;
    open.unregisterRequest(message.pdu.requestId);
    settle(message.pdu);
    return true;
  }

  function onV3(bytes: Uint8Array, message: SnmpMessage & { version: 3 }): boolean {
    if (version !== "3" || open.reqs[message.msgId] === undefined) return false;
    const isReport = message.scopedPdu?.pdu.type === PduType.report;
    if (!isReport && (message.msgFlags & requiredFlags) !== requiredFlags) {
      malformed++;
      return true;
    }
    try {
      socket.emit("message", Buffer.from(bytes));
    } catch (error) {
      // The library has forgotten the request by now, so nobody else would end it.
      malformed++;
      fail(new SnmpError("malformed", `Cannot read the answer of ${target.address}`, {}, { cause: error }));
    }
    return true;
  }

  function settle(answer: Pdu | Varbind[][]): void {
    const waiting = pending;
    pending = undefined;
    options.onAnswer?.(performance.now() - sentAt);
    waiting?.resolve(answer);
  }

  function fail(error: Error): void {
    const waiting = pending;
    pending = undefined;
    waiting?.reject(error);
  }

  async function request(start: () => void): Promise<Pdu | Varbind[][]> {
    if (pending !== undefined) throw new RangeError("Cannot send two requests at once in one session");
    await options.pace();
    socket.prepaid = 1;
    requests++;
    sentAt = performance.now();
    open.timeout = options.timeoutMs();
    return await new Promise((resolve, reject) => {
      pending = { resolve, reject };
      start();
    });
  }

  /** Callback for the library: v3 answers and every failure arrive here, community answers do not. */
  function finish(error: Error | null, lists: NetSnmpVarbind[][] | undefined): void {
    if (error !== null) fail(toSnmpError(error, target.address));
    else settle((lists ?? []).map((list) => list.map(toVarbind)));
  }

  async function ask(kind: "get" | "getNext", oids: string[]): Promise<Varbind[]> {
    const answer = await request(() => session[kind](oids, (error, list) => finish(error, list && [list])));
    const varbinds = isPdu(answer) ? checkPdu(answer, target.address).varbinds : answer[0] ?? [];
    if (varbinds.length !== oids.length) {
      throw new SnmpError("malformed", `${target.address} answered ${varbinds.length} of ${oids.length} values`);
    }
    return varbinds;
  }

  return {
    version,
    get: (oids) => ask("get", oids),
    getNext: (oids) => ask("getNext", oids),
    async getBulk(oids, nonRepeaters, maxRepetitions) {
      const answer = await request(() =>
        session.getBulk(oids, nonRepeaters, maxRepetitions, (error, lists) => {
          finish(error, lists?.map((list) => Array.isArray(list) ? list : [list]));
        })
      );
      if (!isPdu(answer)) return answer.map((list) => list.slice(0, maxRepetitions));
      const { varbinds } = checkPdu(answer, target.address);
      return toLists(varbinds, oids.length, nonRepeaters, maxRepetitions);
    },
    engineId: () => session.msgSecurityParameters?.msgAuthoritativeEngineID.toString("hex") ?? null,
    get malformed() {
      return malformed;
    },
    get requests() {
      return requests;
    },
    close() {
      stopListening();
      // Before the library ends its requests with a text of its own.
      if (pending !== undefined) fail(new SnmpError("closed", `The session with ${target.address} was closed`));
      session.close();
    },
  };
}

/** The socket that the library sees: it sends through the shared hub and receives only what was checked. */
class SessionSocket extends EventEmitter implements NetSnmpSocket {
  onRefused: (error: Error) => void = () => {};
  onRetransmit: () => void = () => {};
  /** Datagrams whose pacing the caller has waited for; retransmissions and v3 discovery wait here. */
  prepaid = 0;

  constructor(
    readonly hub: DatagramHub,
    readonly target: { address: string; port: number },
    readonly pace: () => Promise<void> | undefined,
  ) {
    super();
  }

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
    const bytes = buffer.slice(offset, offset + length);
    const isFirst = this.prepaid > 0;
    const paced = isFirst ? undefined : this.pace();
    if (!isFirst) this.onRetransmit();
    this.prepaid = 0;
    void Promise.resolve(paced).then(() => this.hub.send(bytes, this.target.address, this.target.port)).catch(
      (error) => this.onRefused(error),
    );
  }

  bind(): void {}
  ref(): void {}
  unref(): void {}
  close(): void {
    this.emit("close");
  }
}

function createLibrarySession(
  target: { address: string; port: number },
  credential: Credential,
  version: SnmpVersion,
  socket: NetSnmpSocket,
  options: SessionOptions,
): NetSnmpSession {
  const libraryOptions: NetSnmpOptions = {
    port: target.port,
    retries: options.retries,
    timeout: options.timeoutMs(),
    idBitsSize: 32,
    version: snmp.Version[version],
    dgramModule: { createSocket: () => socket },
  };
  if (credential.kind === "community") {
    return snmp.createSession(target.address, credential.community.reveal(), libraryOptions);
  }
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

function isPdu(answer: Pdu | Varbind[][]): answer is Pdu {
  return !Array.isArray(answer);
}

function checkPdu(pdu: Pdu, address: string): Pdu {
  if (pdu.errorStatus === ErrorStatus.noError) return pdu;
  throw agentError(pdu.errorStatus, pdu.errorIndex, address);
}

function agentError(status: number, errorIndex: number, address: string): SnmpError {
  if (status === ErrorStatus.tooBig) return new SnmpError("tooBig", `${address} answered that the answer is too big`);
  if (status === ErrorStatus.noSuchName) {
    return new SnmpError("noSuchName", `${address} does not have object ${errorIndex} of the request`, { errorIndex });
  }
  const name = snmp.ErrorStatus[status] ?? `error-status ${status}`;
  return new SnmpError("agentError", `${address} answered ${name}`, { errorIndex });
}

function toSnmpError(error: Error, address: string): SnmpError {
  if (error instanceof SnmpError) return error;
  if (isTimeout(error)) return new SnmpError("timeout", `${address} did not answer in time`);
  if (error instanceof snmp.RequestFailedError) return agentError(error.status, 0, address);
  const usm = maybeUsmFailure(error);
  if (usm !== undefined) return new SnmpError("usm", `${address} refused the SNMPv3 message: ${usm}`, { usm });
  return new SnmpError("malformed", `Cannot read the answer of ${address}: ${error.message}`, {}, { cause: error });
}

/** Apart from its caller, as the library's classes differ only by name and would narrow each other away. */
function isTimeout(error: unknown): boolean {
  return error instanceof snmp.RequestTimedOutError;
}

/** Sorts the varbinds of a GetBulk answer by the OID they answer (RFC 3416 section 4.2.3); a cut answer is normal. */
function toLists(varbinds: Varbind[], oids: number, nonRepeaters: number, maxRepetitions: number): Varbind[][] {
  const lists: Varbind[][] = Array.from({ length: oids }, () => []);
  const repeaters = oids - nonRepeaters;
  const most = nonRepeaters + repeaters * maxRepetitions;
  varbinds.slice(0, most).forEach((varbind, i) => {
    const at = i < nonRepeaters ? i : nonRepeaters + (i - nonRepeaters) % repeaters;
    lists[at]!.push(varbind);
  });
  return lists;
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

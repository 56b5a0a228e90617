/**
 * The part of npm:net-snmp that this product uses, with types: the library ships none. Everything else imports the
 * library from here. Privacy works only after `installUsmPrivacy()` of usm_privacy.ts.
 *
 * Callers must know: a session emits "error" for each datagram that it cannot parse, and an "error" without a listener
 * ends the process; a request is in flight for `timeout` × (`retries` + 1) ms with nothing to cancel it but `close()`;
 * a response to an authenticated request is accepted without authentication, so the socket that is handed in must drop
 * v3 responses whose msgFlags are below the request's (RFC 3412 section 7.2 step 12).
 */
import type { Buffer } from "node:buffer";
import netSnmp from "net-snmp";

export { authProtocols, privProtocols } from "./usm_protocols.ts";

/** `value` is a Buffer for OCTET STRING, Opaque and Counter64, a string for OID and IpAddress, null for exceptions. */
export interface NetSnmpVarbind {
  oid: string;
  type: number;
  value: number | string | boolean | Buffer | null;
}

/** Called once, with an error or with varbinds; may be called before the request function returns. */
export type NetSnmpCallback<T> = (error: Error | null, varbinds?: T) => void;

export interface NetSnmpSession {
  /** Counts varbinds of the answer but does not compare their OIDs. */
  get(oids: string[], callback: NetSnmpCallback<NetSnmpVarbind[]>): this;
  getNext(oids: string[], callback: NetSnmpCallback<NetSnmpVarbind[]>): this;
  /** One varbind for each non-repeater, then one list of varbinds for each repeater. */
  getBulk(
    oids: string[],
    nonRepeaters: number,
    maxRepetitions: number,
    callback: NetSnmpCallback<(NetSnmpVarbind | NetSnmpVarbind[])[]>,
  ): this;
  /** Requests in flight fail with "Socket forcibly closed" when the socket emits "close". */
  close(): this;
  on(event: "error", listener: (error: Error) => void): this;
  on(event: "close", listener: () => void): this;
}

/** The part of a socket that a session needs; `node:dgram` has it, and so does a socket shared by many sessions. */
export interface NetSnmpSocket {
  send(
    buffer: Uint8Array,
    offset: number,
    length: number,
    port: number,
    address: string,
    callback: (error: Error | null, bytes?: number) => void,
  ): void;
  on(event: "message", listener: (message: Buffer) => void): unknown;
  on(event: "close", listener: () => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
  bind(port?: number, address?: string): void;
  ref(): void;
  unref(): void;
  close(): void;
}

export interface NetSnmpOptions {
  version?: number;
  port?: number;
  /** Retransmissions after the first send. */
  retries?: number;
  /** Milliseconds until a retransmission; 0 means the default of 5,000. */
  timeout?: number;
  /** Factor from each wait to the next; at least 1. */
  backoff?: number;
  transport?: "udp4" | "udp6";
  idBitsSize?: 16 | 32;
  /** contextName of SNMPv3. */
  context?: string;
  /** Whether answers may go backwards in the MIB; default: true. */
  backwardsGetNexts?: boolean;
  reportOidMismatchErrors?: boolean;
  dgramModule?: { createSocket(type: string): NetSnmpSocket };
}

/** A USM user; protocols by the numbers of `authProtocols` and `privProtocols` of usm_protocols.ts. */
export interface NetSnmpUser {
  name: string;
  level: number;
  authProtocol?: number;
  authKey?: string;
  privProtocol?: number;
  privKey?: string;
}

/** The engine that a message is localised for. */
export interface NetSnmpEngine {
  engineID: Uint8Array;
  engineBoots: number;
  engineTime: number;
}

export interface NetSnmpPrivacy {
  KEY_LENGTH: number;
  BLOCK_LENGTH: number;
  encryptPdu(
    scopedPdu: Uint8Array,
    privProtocol: number,
    privPassword: string,
    authProtocol: number,
    engine: NetSnmpEngine,
  ): { encryptedPdu: Buffer; msgPrivacyParameters: Buffer };
  decryptPdu(
    encryptedPdu: Uint8Array,
    privProtocol: number,
    privParameters: Uint8Array,
    privPassword: string,
    authProtocol: number,
    engine: NetSnmpEngine,
  ): Buffer;
}

interface NetSnmp {
  createV3Session(target: string, user: NetSnmpUser, options: NetSnmpOptions): NetSnmpSession;
  Version: { "1": 0; "2c": 1; "3": 3 };
  SecurityLevel: { noAuthNoPriv: 1; authNoPriv: 2; authPriv: 3 };
  ObjectType: Readonly<Record<string, number>>;
  ResponseInvalidCode: Readonly<Record<string, number>>;
  isVarbindError(varbind: NetSnmpVarbind): boolean;
  /** The agent answered with an error-status other than noError. */
  RequestFailedError: new (message: string, status: number) => Error & { status: number };
  RequestTimedOutError: new (message: string) => Error;
  /** The answer does not fit the request, or it is a USM report; `code` is a ResponseInvalidCode. */
  ResponseInvalidError: new (message: string, code: number, info?: unknown) => Error & { code: number };
  Authentication: {
    /** Localised key of RFC 3414 appendix A.2. */
    passwordToKey(authProtocol: number, password: string, engineID: Uint8Array): Buffer;
  };
  Encryption: { algorithms: Record<number, NetSnmpPrivacy> };
}

/** The library itself, typed. */
export const snmp = netSnmp as unknown as NetSnmp;

/** Why an engine or the library refused a v3 message; undefined for other errors. */
export function maybeUsmFailure(error: unknown): UsmFailure | undefined {
  if (!(error instanceof snmp.ResponseInvalidError)) return undefined;
  const { code, message } = error;
  if (code === snmp.ResponseInvalidCode.ECouldNotDecrypt) return "decryptionError";
  if (code === snmp.ResponseInvalidCode.ENotInTimeWindow) return "notInTimeWindow";
  if (code === snmp.ResponseInvalidCode.EUnexpectedReport) return "otherReport";
  if (code !== snmp.ResponseInvalidCode.EAuthFailure) return undefined;
  // The library uses the same code for all USM reports; only its fixed texts distinguish them.
  return usmReports.find(([text]) => message.startsWith(text))?.[1];
}

/**
 * Names of the usmStats objects (RFC 3414 section 5) that a refused message increments, and below them other reports of
 * an engine; `bootsAtMaximum` is a notInTimeWindow that no other time can fix.
 */
export type UsmFailure =
  | "unsupportedSecurityLevel"
  | "notInTimeWindow"
  | "unknownUserName"
  | "unknownEngineId"
  | "wrongDigest"
  | "decryptionError"
  | "bootsAtMaximum"
  | "unknownContext"
  | "unavailableContext"
  | "otherReport";

const usmReports: readonly [text: string, failure: UsmFailure][] = [
  ["Unsupported Security Level", "unsupportedSecurityLevel"],
  ["Not In Time Window", "notInTimeWindow"],
  ["Unknown User Name", "unknownUserName"],
  ["Unknown Engine ID", "unknownEngineId"],
  ["Wrong Digest", "wrongDigest"],
  ["Authentication digest", "wrongDigest"],
  ["Decryption Error", "decryptionError"],
  ["Unexpected Report PDU", "otherReport"],
];

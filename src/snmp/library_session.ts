/** A v3 session of net-snmp over our own socket, using only the library's documented options, requests and events. */
import { Buffer } from "node:buffer";
import { EventEmitter } from "node:events";
import type { UsmCredential } from "./credential.ts";
import { encodeScopedPdu, encodeV3Message, PduType } from "./message.ts";
import {
  authProtocols,
  type NetSnmpSession,
  type NetSnmpSocket,
  type NetSnmpUser,
  privProtocols,
  snmp,
} from "./net_snmp.ts";
import { installUsmPrivacy } from "./usm_privacy.ts";
import { maybeV3Header, type V3Header } from "./v3_header.ts";
import { Tag } from "./value.ts";

/** What a session must know about an engine before a request. */
export type EngineTime = Pick<V3Header, "engineId" | "engineBoots" | "engineTime">;

export interface LibraryEvents {
  /** Called before each datagram: an error ends the library's request, and nothing is sent. */
  maybeRefusal(): Error | undefined;
  onSend(bytes: Uint8Array): void;
  /** The library cannot parse a datagram; its request stays open. */
  onUnreadable(): void;
}

export interface LibrarySession {
  session: NetSnmpSession;
  /**
   * Passes a datagram to the library, which ends the answered request, or sends the next datagram, before this returns.
   */
  receive(bytes: Uint8Array): void;
}

/** Longer than any read, so that the library never times out by itself. */
const libraryTimeoutMs = 24 * 3600 * 1000;

/** The user of a credential in the library's form. */
export function userOf(credential: UsmCredential): NetSnmpUser {
  const user: NetSnmpUser = { name: credential.user, level: snmp.SecurityLevel[credential.level] };
  if (credential.auth !== null) {
    user.authProtocol = authProtocols[credential.auth.protocol];
    user.authKey = credential.auth.key.reveal();
  }
  if (credential.priv !== null) {
    user.privProtocol = privProtocols[credential.priv.protocol];
    user.privKey = credential.priv.key.reveal();
  }
  return user;
}

/** Opens a session that discovers the engine, or one whose discovery is answered here with a known `engine`. */
export function openLibrarySession(
  target: { address: string; port: number },
  user: NetSnmpUser,
  context: string,
  events: LibraryEvents,
  engine?: EngineTime,
): LibrarySession {
  installUsmPrivacy();
  const socket = new LibrarySocket(events, engine);
  const session = snmp.createV3Session(target.address, user, {
    port: target.port,
    retries: 0,
    timeout: libraryTimeoutMs,
    idBitsSize: 32,
    version: snmp.Version["3"],
    context,
    dgramModule: { createSocket: () => socket },
  });
  // An "error" event without a listener would end the process.
  session.on("error", () => events.onUnreadable());
  return { session, receive: (bytes) => socket.receive(bytes) };
}

class LibrarySocket extends EventEmitter implements NetSnmpSocket {
  #engine: EngineTime | undefined;
  constructor(readonly events: LibraryEvents, engine: EngineTime | undefined) {
    super();
    this.#engine = engine;
  }

  send(
    buffer: Uint8Array,
    offset: number,
    length: number,
    _port: number,
    _address: string,
    callback: (error: Error | null, bytes?: number) => void,
  ): void {
    const refusal = this.events.maybeRefusal();
    if (refusal !== undefined) return callback(refusal);
    const bytes = buffer.slice(offset, offset + length);
    // The library registers the request in the callback; on loopback an answer may arrive before the send returns.
    callback(null, length);
    const engine = this.#engine;
    this.#engine = undefined;
    if (engine === undefined) this.events.onSend(bytes);
    else this.receive(discoveryReport(maybeV3Header(bytes)!.msgId, engine));
  }

  receive(bytes: Uint8Array): void {
    this.emit("message", Buffer.from(bytes));
  }

  bind(): void {}
  ref(): void {}
  unref(): void {}
  close(): void {
    this.emit("close");
  }
}

/** The report of an engine to a request without an engine id (RFC 3414 section 4). */
function discoveryReport(msgId: number, engine: EngineTime): Uint8Array {
  const none = new Uint8Array();
  const varbinds = [{ oid: "1.3.6.1.6.3.15.1.1.4.0", tag: Tag.counter32, value: 1 }];
  const scoped = encodeScopedPdu({
    contextEngineId: engine.engineId,
    contextName: none,
    pdu: { type: PduType.report, requestId: 0, errorStatus: 0, errorIndex: 0, varbinds },
  });
  return encodeV3Message({
    msgId,
    msgMaxSize: 65507,
    msgFlags: 0,
    securityModel: 3,
    engineId: engine.engineId,
    engineBoots: engine.engineBoots,
    engineTime: engine.engineTime,
    userName: none,
    authParameters: none,
    privParameters: none,
  }, scoped).packet;
}

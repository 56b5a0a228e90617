/**
 * The authoritative side of SNMPv3: messages (RFC 3412), users (RFC 3414 section 3.2), contexts (RFC 3413 section 3.2).
 * A message that is refused is answered with a report where its sender wants one.
 */
import { BerReader, BerSyntaxError, BerWriter } from "../src/snmp/ber.ts";
import {
  decodeScopedPdu,
  encodeV3Message,
  ErrorStatus,
  MsgFlag,
  type Pdu,
  PduType,
  type ScopedPdu,
  type V3Message,
} from "../src/snmp/message.ts";
import { Tag } from "../src/snmp/value.ts";
import { type Answer, elementSize, integerSize, maybeAnswer, pduSize, writeAnswer } from "./agent.ts";
import type { Device } from "./device.ts";
import { type Fault, maybeFault } from "./faults.ts";
import { encodeVarbind } from "./object_table.ts";
import { type CipherOptions, encryptScopedPdu, maybeDecrypted, paddedSize } from "./usm_cipher.ts";
import { emptyDigest, isAuthentic, localizedKey, localizedPrivKey, packetDigest, passwordKey } from "./usm_keys.ts";
import { type SecurityLevel, securityLevels, type SimulatedUser } from "./usm_user.ts";

/** Counters that reports carry: SNMP-USER-BASED-SM-MIB, SNMP-MPD-MIB, SNMP-TARGET-MIB. */
export const ReportOid = {
  unsupportedSecLevels: "1.3.6.1.6.3.15.1.1.1.0",
  notInTimeWindows: "1.3.6.1.6.3.15.1.1.2.0",
  unknownUserNames: "1.3.6.1.6.3.15.1.1.3.0",
  unknownEngineIds: "1.3.6.1.6.3.15.1.1.4.0",
  wrongDigests: "1.3.6.1.6.3.15.1.1.5.0",
  decryptionErrors: "1.3.6.1.6.3.15.1.1.6.0",
  unknownPduHandlers: "1.3.6.1.6.3.11.2.1.3.0",
  unknownContexts: "1.3.6.1.6.3.12.1.5.0",
} as const;

type Report = keyof typeof ReportOid;

/** RFC 3414 section 2.2.3. */
const timeWindowSeconds = 150;

interface UserKeys {
  user: SimulatedUser;
  auth?: Uint8Array;
  priv?: Uint8Array;
}

/** What an engine remembers between messages. */
export interface UsmEngine {
  readonly device: Device;
  /** Localised keys, made when a user is first seen. */
  readonly keys: Map<string, UserKeys>;
  readonly counters: Record<Report, number>;
  /** v3 messages so far; decides when it restarts. */
  messages: number;
  boots: number;
  /** Milliseconds after the simulator's start at which it last restarted; null before. */
  restartedMs: number | null;
  /** Next privacy salt; starts anywhere, never repeats (RFC 3826 section 3.1.2.1). */
  salt: bigint;
}

export interface UsmAnswerOptions {
  engine: UsmEngine;
  /** Milliseconds since the simulator started; engineTime counts from there. */
  elapsedMs: number;
  upTimeTicks?: number;
  maxMessageSize: number;
  /** Called once with the request's PDU, or with undefined where it could not be read; says which faults happen. */
  decide: (pdu: Pdu | undefined) => Fault[];
}

export function createUsmEngine(device: Device, random: () => number): UsmEngine {
  const salt = BigInt(Math.floor(random() * 0x100000000)) << 16n;
  const counters = Object.fromEntries(Object.keys(ReportOid).map((name) => [name, 0])) as Record<Report, number>;
  return { device, keys: new Map(), counters, messages: 0, boots: device.engineBoots, restartedMs: null, salt };
}

/** The response or report to a v3 message, or undefined where an agent stays silent. */
export function maybeUsmAnswer(
  packet: Uint8Array,
  message: V3Message,
  options: UsmAnswerOptions,
): Uint8Array | undefined {
  const { engine, decide } = options;
  const { device } = engine;
  const level = maybeLevel(message);
  if (message.securityModel !== 3 || level === undefined) return undefined;
  if (device.restartsAfter.includes(engine.messages++)) {
    if (!device.forgetsBoots) engine.boots++;
    engine.restartedMs = options.elapsedMs;
  }
  const upSeconds = engine.restartedMs === null ? device.upTimeSeconds ?? 0 : 0;
  const engineTime = Math.floor(upSeconds + (options.elapsedMs - (engine.restartedMs ?? 0)) / 1000);
  const sender: Sender = { message, engine, engineTime };

  function refuse(report: Report, at: { keys?: UserKeys; level?: SecurityLevel; pdu?: Pdu } = {}) {
    const pdu = at.pdu ?? message.scopedPdu?.pdu;
    decide(pdu);
    engine.counters[report]++;
    if (!isReportable(message, pdu)) return undefined;
    const requestId = pdu?.requestId ?? 0;
    const counter = { oid: ReportOid[report], tag: Tag.counter32, value: engine.counters[report] };
    const answer = { requestId, errorStatus: 0, errorIndex: 0, varbinds: [encodeVarbind(counter)] };
    return seal(scopedPdu(answer, device, { type: PduType.report, contextName: new Uint8Array() }), {
      ...sender,
      keys: at.keys,
      level: at.level ?? "noAuthNoPriv",
    });
  }

  if (!equal(message.engineId, device.engineId)) return refuse("unknownEngineIds");
  const keys = maybeUserKeys(engine, new TextDecoder().decode(message.userName));
  if (keys === undefined) return refuse("unknownUserNames");
  const { user } = keys;
  if ((level !== "noAuthNoPriv" && !keys.auth) || (level === "authPriv" && !keys.priv)) {
    return refuse("unsupportedSecLevels");
  }
  if (level !== "noAuthNoPriv") {
    const digest = { protocol: user.auth!, key: keys.auth!, digest: message.authParameters };
    if (!isAuthentic(packet, { ...digest, offset: message.authParametersOffset })) return refuse("wrongDigests");
    const lateness = Math.abs(message.engineTime - engineTime);
    // Boots that have reached their end are never in the window (RFC 3414 section 3.2 step 7).
    const latched = engine.boots === 0x7fffffff;
    if (latched || message.engineBoots !== engine.boots || lateness > timeWindowSeconds) {
      return refuse("notInTimeWindows", { keys, level: "authNoPriv" });
    }
  }
  const plain = level === "authPriv" ? maybePlain(message, keys) : undefined;
  if (level === "authPriv" && plain === undefined) return refuse("decryptionErrors");
  const scoped = plain ? maybeScopedPdu(plain) : message.scopedPdu;
  if (scoped === undefined) return undefined;
  const { pdu, contextName } = scoped;
  const sealed = { ...sender, keys, level };
  if (!equal(scoped.contextEngineId, device.engineId)) {
    return refuse("unknownPduHandlers", { keys, level, pdu });
  }
  const context = new TextDecoder().decode(contextName);
  const table = device.contexts.get(context);
  if (table === undefined) return refuse("unknownContexts", { keys, level, pdu });

  const faults = decide(pdu);
  if (maybeFault(faults, "wrong-request-id")) sealed.message = { ...message, msgId: (message.msgId + 1) & 0x7fffffff };
  const answer = isPermitted(user, level, context)
    ? maybeAnswer(pdu, {
      table,
      ...(options.upTimeTicks === undefined ? {} : { upTimeTicks: options.upTimeTicks }),
      v1: false,
      // A sender must be able to take 484 octets (RFC 3412 section 6.3), so less is not believed.
      maxMessageSize: Math.min(options.maxMessageSize, Math.max(message.msgMaxSize, 484)),
      messageSize: (listOctets) => sealedSize(listOctets, { ...sealed, requestId: pdu.requestId, contextName }),
      faults,
    })
    : { requestId: pdu.requestId, errorStatus: ErrorStatus.authorizationError, errorIndex: 0, varbinds: [] };
  if (answer === undefined) return undefined;
  if (maybeFault(faults, "wrong-request-id")) answer.requestId = (answer.requestId + 1) & 0x7fffffff;
  return seal(scopedPdu(answer, device, { type: PduType.response, contextName }), sealed);
}

interface Sender {
  message: V3Message;
  engine: UsmEngine;
  engineTime: number;
}

interface Sealed extends Sender {
  keys: UserKeys | undefined;
  level: SecurityLevel;
}

/** The flag counts only where the PDU cannot be read (RFC 3412 section 6.4); otherwise every request wants an answer. */
function isReportable(message: V3Message, pdu: Pdu | undefined): boolean {
  if (pdu === undefined) return (message.msgFlags & MsgFlag.reportable) !== 0;
  return ([PduType.get, PduType.getNext, PduType.getBulk, PduType.set] as number[]).includes(pdu.type);
}

/** msgFlags with privacy and no authentication are invalid (RFC 3412 section 7.2). */
function maybeLevel({ msgFlags }: V3Message): SecurityLevel | undefined {
  return ([securityLevels[0], securityLevels[1], undefined, securityLevels[2]] as const)[msgFlags & 3];
}

function maybeUserKeys(engine: UsmEngine, name: string): UserKeys | undefined {
  const known = engine.keys.get(name);
  if (known) return known;
  const user = engine.device.users.get(name);
  if (user === undefined) return undefined;
  const { engineId } = engine.device;
  const keys: UserKeys = { user };
  if (user.auth) {
    keys.auth = localizedKey(user.auth, passwordKey(user.auth, user.authKey!), engineId);
    if (user.priv) keys.priv = localizedPrivKey(user.auth, { priv: user.priv, password: user.privKey!, engineId });
  }
  engine.keys.set(name, keys);
  return keys;
}

function isPermitted(user: SimulatedUser, level: SecurityLevel, context: string): boolean {
  const needed = user.level ?? (user.priv ? "authPriv" : user.auth ? "authNoPriv" : "noAuthNoPriv");
  return securityLevels.indexOf(level) >= securityLevels.indexOf(needed) &&
    (user.contexts === undefined || user.contexts.includes(context));
}

function maybePlain(message: V3Message, keys: UserKeys): Uint8Array | undefined {
  const { engineBoots, engineTime, privParameters: salt } = message;
  const options: CipherOptions = { protocol: keys.user.priv!, key: keys.priv!, salt, engineBoots, engineTime };
  return maybeDecrypted(message.encryptedPdu!, options);
}

/** What a wrong key decrypts to is noise; RFC 3412 section 7.2 discards that without a report, and so does Net-SNMP. */
function maybeScopedPdu(plain: Uint8Array): ScopedPdu | undefined {
  try {
    return decodeScopedPdu(new BerReader(plain));
  } catch (error) {
    if (error instanceof BerSyntaxError) return undefined;
    throw error;
  }
}

function scopedPdu(answer: Answer, device: Device, options: { type: number; contextName: Uint8Array }): Uint8Array {
  const writer = new BerWriter(2048);
  writeAnswer(writer, answer, options.type);
  writer.writeOctets(options.contextName);
  writer.writeOctets(device.engineId);
  writer.wrap(Tag.sequence, 0);
  return writer.finish();
}

/** Encrypts and signs as the level asks. */
function seal(scoped: Uint8Array, { message, engine, engineTime, keys, level }: Sealed): Uint8Array {
  const { boots: engineBoots } = engine;
  const user = keys?.user;
  const outgoing = {
    ...header({ message, engine, engineTime, keys, level }),
    ...(level === "authPriv" ? encrypted() : { privParameters: new Uint8Array() }),
  };
  const { packet, authParametersOffset } = encodeV3Message(outgoing, level === "authPriv" ? undefined : scoped);
  if (level !== "noAuthNoPriv") packet.set(packetDigest(user!.auth!, keys!.auth!, packet), authParametersOffset);
  return packet;

  function encrypted() {
    const salt = new Uint8Array(8);
    const view = new DataView(salt.buffer);
    if (user!.priv === "des") {
      view.setUint32(0, engineBoots);
      view.setUint32(4, Number(engine.salt++ & 0xffffffffn));
    } else {
      view.setBigUint64(0, engine.salt++);
    }
    const options: CipherOptions = { protocol: user!.priv!, key: keys!.priv!, salt, engineBoots, engineTime };
    return { privParameters: salt, encryptedPdu: encryptScopedPdu(scoped, options) };
  }
}

function header({ message, engine: { device, boots }, engineTime, keys, level }: Sealed) {
  const told = level === "noAuthNoPriv" && device.discoveryTime || { boots, time: engineTime };
  return {
    msgId: message.msgId,
    msgMaxSize: device.maxMessageSize,
    msgFlags: securityLevels.indexOf(level) === 2 ? 3 : securityLevels.indexOf(level),
    securityModel: 3,
    engineId: device.engineId,
    engineBoots: told.boots,
    engineTime: told.time,
    userName: message.userName,
    authParameters: level === "noAuthNoPriv" ? new Uint8Array() : emptyDigest(keys!.user.auth!),
  };
}

/** Octets of the sealed message around a variable binding list of so many octets. */
function sealedSize(listOctets: number, options: Sealed & { requestId: number; contextName: Uint8Array }): number {
  const { level, keys, contextName, requestId } = options;
  const fields = header(options);
  const priv = level === "authPriv";
  const scoped = elementSize(
    elementSize(fields.engineId.length) + elementSize(contextName.length) + pduSize(listOctets, requestId),
  );
  const data = priv ? elementSize(paddedSize(keys!.user.priv!, scoped)) : scoped;
  const security = elementSize(elementSize(
    elementSize(fields.engineId.length) + integerSize(fields.engineBoots) + integerSize(fields.engineTime) +
      elementSize(fields.userName.length) + elementSize(fields.authParameters.length) + elementSize(priv ? 8 : 0),
  ));
  const global = elementSize(integerSize(fields.msgId) + integerSize(fields.msgMaxSize) + 3 + 3);
  return elementSize(3 + global + security + data);
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, i) => octet === b[i]);
}

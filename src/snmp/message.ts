/**
 * SNMP messages: v1 and v2c (RFC 1157, RFC 1901) completely, v3 (RFC 3412) as far as possible without keys. Used for
 * the sweep's probes, for reading with communities, for checking every datagram first, and for the simulator; SNMPv3 is
 * read with net-snmp.
 */
import { BerReader, BerSyntaxError, BerWriter } from "./ber.ts";
import { type SnmpValue, Tag, type Varbind } from "./value.ts";

export const PduType = {
  get: 0xa0,
  getNext: 0xa1,
  response: 0xa2,
  set: 0xa3,
  getBulk: 0xa5,
  report: 0xa8,
} as const;

/** error-status values of RFC 3416 section 3 that occur in answers to reads. */
export const ErrorStatus = { noError: 0, tooBig: 1, noSuchName: 2, genErr: 5, authorizationError: 16 } as const;

export interface Pdu {
  type: number;
  requestId: number;
  /** non-repeaters in a GetBulk request. */
  errorStatus: number;
  /** max-repetitions in a GetBulk request. */
  errorIndex: number;
  varbinds: Varbind[];
}

export interface CommunityMessage {
  /** 0 for SNMPv1, 1 for SNMPv2c. */
  version: 0 | 1;
  community: Uint8Array;
  pdu: Pdu;
}

/** Bits of msgFlags (RFC 3412 section 6.4). */
export const MsgFlag = { auth: 1, priv: 2, reportable: 4 } as const;

export interface V3Message {
  version: 3;
  msgId: number;
  msgMaxSize: number;
  msgFlags: number;
  securityModel: number;
  engineId: Uint8Array;
  engineBoots: number;
  engineTime: number;
  userName: Uint8Array;
  authParameters: Uint8Array;
  /** Offset of `authParameters` in the packet, to compute the digest with zeros there. */
  authParametersOffset: number;
  privParameters: Uint8Array;
  /** Absent when the scoped PDU is encrypted. */
  scopedPdu?: ScopedPdu;
  encryptedPdu?: Uint8Array;
}

export interface ScopedPdu {
  contextEngineId: Uint8Array;
  contextName: Uint8Array;
  pdu: Pdu;
}

export type SnmpMessage = CommunityMessage | V3Message;

/**
 * Decodes one datagram. Throws `BerSyntaxError` if it is not an SNMP message. Octets are views of one copy of it: a copy
 * of each would be the larger part of decoding.
 */
export function decodeMessage(packet: Uint8Array): SnmpMessage {
  const reader = new BerReader(packet.slice());
  reader.open(Tag.sequence);
  const at = reader.offset;
  const version = reader.readInt32();
  if (version === 0 || version === 1) {
    return { version, community: reader.readOctets(), pdu: decodePdu(reader) };
  }
  if (version === 3) return decodeV3(reader);
  throw new BerSyntaxError(`Cannot read SNMP version ${version}`, at);
}

function decodeV3(reader: BerReader): V3Message {
  const header = reader.inner(Tag.sequence);
  const msgId = header.readInt32();
  const msgMaxSize = header.readInt32();
  const msgFlags = header.readOctets()[0] ?? 0;
  const securityModel = header.readInt32();
  const security = reader.inner(Tag.octetString).inner(Tag.sequence);
  const engineId = security.readOctets();
  const engineBoots = security.readInt32();
  const engineTime = security.readInt32();
  const userName = security.readOctets();
  const authParameters = security.readOctets();
  const authParametersOffset = authParameters.byteOffset - reader.bytes.byteOffset;
  const privParameters = security.readOctets();
  const encrypted = (msgFlags & MsgFlag.priv) !== 0;
  return {
    version: 3,
    msgId,
    msgMaxSize,
    msgFlags,
    securityModel,
    engineId,
    engineBoots,
    engineTime,
    userName,
    authParameters: authParameters.slice(),
    authParametersOffset,
    privParameters,
    ...(encrypted ? { encryptedPdu: reader.readOctets() } : { scopedPdu: decodeScopedPdu(reader) }),
  };
}

/** Decodes a ScopedPDU, for example after decryption; padding after it is ignored. */
export function decodeScopedPdu(reader: BerReader): ScopedPdu {
  const scoped = reader.inner(Tag.sequence);
  const contextEngineId = scoped.readOctets();
  const contextName = scoped.readOctets();
  return { contextEngineId, contextName, pdu: decodePdu(scoped) };
}

function decodePdu(reader: BerReader): Pdu {
  const type = reader.peekTag();
  if (type < 0xa0 || type > 0xa8 || type === 0xa4) {
    throw new BerSyntaxError(`Cannot read PDU type 0x${type.toString(16)}`, reader.offset);
  }
  const outer = reader.open(type);
  const requestId = reader.readInt32();
  const errorStatus = reader.readInt32();
  const errorIndex = reader.readInt32();
  const afterList = reader.open(Tag.sequence);
  const varbinds: Varbind[] = [];
  while (!reader.done) {
    const next = reader.open(Tag.sequence);
    const oid = reader.readOid();
    const tag = reader.peekTag();
    varbinds.push({ oid, tag, value: readValue(reader, tag) });
    reader.close(next);
  }
  reader.close(afterList);
  reader.close(outer);
  return { type, requestId, errorStatus, errorIndex, varbinds };
}

/** Decodes one value by its own tag; an unknown tag keeps its octets. */
export function decodeValue(reader: BerReader): SnmpValue {
  const tag = reader.peekTag();
  return { tag, value: readValue(reader, tag) };
}

function readValue(reader: BerReader, tag: number): SnmpValue["value"] {
  switch (tag) {
    case Tag.integer:
      return reader.readInteger();
    case Tag.oid:
      return reader.readOid();
    case Tag.counter32:
    case Tag.gauge32:
    case Tag.timeTicks:
      return reader.readUnsigned32(tag);
    case Tag.counter64:
      return reader.readUnsigned64(tag);
    case Tag.null:
    case Tag.noSuchObject:
    case Tag.noSuchInstance:
    case Tag.endOfMibView:
      reader.skip();
      return null;
    default:
      return reader.readOctets(tag);
  }
}

/** Encodes a v1 or v2c message. */
export function encodeCommunityMessage(message: CommunityMessage): Uint8Array {
  const writer = new BerWriter();
  writePdu(writer, message.pdu);
  writer.writeOctets(message.community);
  writer.writeInteger(message.version);
  writer.wrap(Tag.sequence, 0);
  return writer.finish();
}

/** Encodes a ScopedPDU (RFC 3412 section 6.8), ready for encryption. */
export function encodeScopedPdu(scoped: ScopedPdu): Uint8Array {
  const writer = new BerWriter();
  writePdu(writer, scoped.pdu);
  writer.writeOctets(scoped.contextName);
  writer.writeOctets(scoped.contextEngineId);
  writer.wrap(Tag.sequence, 0);
  return writer.finish();
}

/** Encodes a v3 message around an encoded ScopedPDU or its ciphertext; also returns the offset of the digest. */
export function encodeV3Message(
  message: Omit<V3Message, "version" | "scopedPdu" | "authParametersOffset">,
  scopedPdu?: Uint8Array,
): { packet: Uint8Array; authParametersOffset: number } {
  const writer = new BerWriter();
  if (message.encryptedPdu) writer.writeOctets(message.encryptedPdu);
  else writer.writeBytes(scopedPdu ?? new Uint8Array());
  const beforeSecurity = writer.length;
  writer.writeOctets(message.privParameters);
  writer.writeBytes(message.authParameters);
  const authFromEnd = writer.length;
  writer.wrap(Tag.octetString, authFromEnd - message.authParameters.length);
  writer.writeOctets(message.userName);
  writer.writeInteger(message.engineTime);
  writer.writeInteger(message.engineBoots);
  writer.writeOctets(message.engineId);
  writer.wrap(Tag.sequence, beforeSecurity);
  writer.wrap(Tag.octetString, beforeSecurity);
  const beforeHeader = writer.length;
  writer.writeInteger(message.securityModel);
  writer.writeOctets(Uint8Array.of(message.msgFlags));
  writer.writeInteger(message.msgMaxSize);
  writer.writeInteger(message.msgId);
  writer.wrap(Tag.sequence, beforeHeader);
  writer.writeInteger(3);
  writer.wrap(Tag.sequence, 0);
  const packet = writer.finish();
  return { packet, authParametersOffset: packet.length - authFromEnd };
}

function writePdu(writer: BerWriter, pdu: Pdu): void {
  const before = writer.length;
  for (let i = pdu.varbinds.length - 1; i >= 0; i--) writeVarbind(writer, pdu.varbinds[i]!);
  writer.wrap(Tag.sequence, before);
  writer.writeInteger(pdu.errorIndex);
  writer.writeInteger(pdu.errorStatus);
  writer.writeInteger(pdu.requestId);
  writer.wrap(pdu.type, before);
}

function writeVarbind(writer: BerWriter, varbind: Varbind): void {
  const before = writer.length;
  const { tag, value } = varbind;
  if (value === null) writer.wrap(tag, before);
  else if (tag === Tag.oid) writer.writeOid(String(value));
  else if (typeof value === "number" || typeof value === "bigint") writer.writeInteger(value, tag);
  else if (typeof value === "string") writer.writeOctets(new TextEncoder().encode(value), tag);
  else writer.writeOctets(value, tag);
  writer.writeOid(varbind.oid);
  writer.wrap(Tag.sequence, before);
}

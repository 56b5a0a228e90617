/**
 * Requests of v1 and v2c, assembled from parts that are encoded once: single objects, and whole lists that are
 * requested from every device. Only community and request-id differ between devices and datagrams.
 */
import { BerWriter, encodeOid } from "./ber.ts";
import { Tag } from "./value.ts";

export interface RequestFields {
  /** `PduType.get`, `getNext` or `getBulk`. */
  type: number;
  /** Positive, with four octets. */
  requestId: number;
  /** For GetBulk; otherwise 0. */
  nonRepeaters: number;
  maxRepetitions: number;
  oids: readonly string[];
}

/** Encodes the requests of one session; version 0 is SNMPv1, 1 is v2c. */
export function requestEncoder(version: 0 | 1, community: Uint8Array): (request: RequestFields) => Uint8Array {
  const writer = new BerWriter();
  writer.writeOctets(community);
  writer.writeInteger(version);
  const head = writer.finish();
  return ({ type, requestId, nonRepeaters, maxRepetitions, oids }) => {
    const list = listOf(oids);
    const octets = lengthOf(list);
    const pdu = 6 + integerOctets(nonRepeaters) + integerOctets(maxRepetitions) + headerOctets(octets) + octets;
    const content = head.length + headerOctets(pdu) + pdu;
    const bytes = new Uint8Array(headerOctets(content) + content);
    let at = putHeader(bytes, 0, Tag.sequence, content);
    bytes.set(head, at);
    at = putHeader(bytes, at + head.length, type, pdu);
    bytes[at++] = Tag.integer;
    bytes[at++] = 4;
    at = putId(bytes, at, requestId);
    at = putInteger(bytes, at, nonRepeaters);
    at = putInteger(bytes, at, maxRepetitions);
    putAll(bytes, putHeader(bytes, at, Tag.sequence, octets), list);
    return bytes;
  };
}

/** Writes a request-id or msgID of four octets; returns where it ends. */
export function putId(bytes: Uint8Array, at: number, id: number): number {
  bytes[at] = id >>> 24;
  bytes[at + 1] = id >>> 16;
  bytes[at + 2] = id >>> 8;
  bytes[at + 3] = id;
  return at + 4;
}

/** Cache of encoded lists that are used for many requests: those of the read plan. */
const lists = new WeakMap<readonly string[], readonly Uint8Array[]>();

/** Marks a list as common to many devices, so that it is encoded only once. It must not be changed afterwards. */
export function fixedList(oids: string[]): readonly string[] {
  const parts = oids.map(unsetVariable);
  const list = new Uint8Array(lengthOf(parts));
  putAll(list, 0, parts);
  lists.set(oids, [list]);
  return Object.freeze(oids);
}

/** The encoded list in parts. */
function listOf(oids: readonly string[]): readonly Uint8Array[] {
  return lists.get(oids) ?? oids.map(unsetVariable);
}

function lengthOf(parts: readonly Uint8Array[]): number {
  let octets = 0;
  for (const part of parts) octets += part.length;
  return octets;
}

function putAll(bytes: Uint8Array, at: number, parts: readonly Uint8Array[]): void {
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
}

/** Cache of encoded objects: a fleet is asked for the same ones. */
const variables = new Map<string, Uint8Array>();
const maxVariables = 4096;

/** A variable binding whose value is not set. */
function unsetVariable(oid: string): Uint8Array {
  const known = variables.get(oid);
  if (known !== undefined) return known;
  const writer = new BerWriter(64);
  writer.writeBytes(Uint8Array.of(Tag.null, 0));
  const name = encodeOid(oid);
  const before = writer.length;
  writer.writeBytes(name);
  writer.wrap(Tag.oid, before);
  writer.wrap(Tag.sequence, 0);
  const bytes = writer.finish();
  // Dropped entries are simply created again.
  if (variables.size >= maxVariables) variables.clear();
  variables.set(oid, bytes);
  return bytes;
}

/** Octets of tag and length. */
function headerOctets(length: number): number {
  return length < 0x80 ? 2 : length < 0x100 ? 3 : 4;
}

function putHeader(bytes: Uint8Array, at: number, tag: number, length: number): number {
  bytes[at++] = tag;
  if (length >= 0x100) {
    bytes[at++] = 0x82;
    bytes[at++] = length >>> 8;
  } else if (length >= 0x80) {
    bytes[at++] = 0x81;
  }
  bytes[at++] = length;
  return at;
}

/** Octets of a number from 0 to 32,767 with tag and length. */
function integerOctets(value: number): number {
  return value < 0x80 ? 3 : 4;
}

function putInteger(bytes: Uint8Array, at: number, value: number): number {
  bytes[at++] = Tag.integer;
  bytes[at++] = value < 0x80 ? 1 : 2;
  if (value >= 0x80) bytes[at++] = value >>> 8;
  bytes[at++] = value;
  return at;
}

/**
 * BER as far as SNMP uses it (RFC 3417 section 8): definite lengths, single-octet tags, big-endian integers.
 *
 * The decoder accepts what real devices send (non-minimal lengths, unsigned values without their leading zero) and
 * refuses inconsistent data: a length beyond its container, an indefinite length, an arc over 32 bits. It throws only
 * `BerSyntaxError`, for any input.
 */
import { Tag } from "./value.ts";

/** Malformed octets from a device, and the offset where decoding stopped. */
export class BerSyntaxError extends SyntaxError {
  override readonly name = "BerSyntaxError";
  constructor(message: string, readonly offset: number) {
    super(`${message}: at byte ${offset}`);
  }
}

/** Longest OID that is decoded; RFC 3416 allows 128 arcs. */
const maxArcs = 128;

/** Walks over the elements between `offset` and `end` of one packet without copying. */
export class BerReader {
  constructor(readonly bytes: Uint8Array, public offset = 0, public end = bytes.length) {}

  get done(): boolean {
    return this.offset >= this.end;
  }

  peekTag(): number {
    if (this.offset >= this.end) throw new BerSyntaxError("Cannot read a tag past the end", this.offset);
    return this.bytes[this.offset]!;
  }

  /** Reads tag and length, checks the tag, and returns the end of the content; `offset` is then its start. */
  enter(tag: number): number {
    const at = this.offset;
    if (this.peekTag() !== tag) {
      throw new BerSyntaxError(`Cannot read tag 0x${hex(tag)}: current value is 0x${hex(this.peekTag())}`, at);
    }
    this.offset++;
    return this.#contentEnd();
  }

  /** A reader for the content of the next element, which must have `tag`; this reader moves past it. */
  inner(tag: number): BerReader {
    const end = this.enter(tag);
    const reader = new BerReader(this.bytes, this.offset, end);
    this.offset = end;
    return reader;
  }

  /** Narrows this reader to the content of the next element, which must have `tag`; returns the end to go back to. */
  open(tag: number): number {
    const outer = this.end;
    this.end = this.enter(tag);
    return outer;
  }

  /** Moves past the opened element. */
  close(outer: number): void {
    this.offset = this.end;
    this.end = outer;
  }

  /** Skips tag, length and content. */
  skip(): void {
    this.peekTag();
    this.offset++;
    this.offset = this.#contentEnd();
  }

  /** INTEGER of up to 64 bits; a number, or a bigint where a number would lose digits. */
  readInteger(tag: number = Tag.integer): number | bigint {
    const end = this.enter(tag);
    const value = decodeSigned(this.bytes, this.offset, end);
    this.offset = end;
    return value;
  }

  /** INTEGER that must fit 32 bits, such as a request-id or an error-status. */
  readInt32(): number {
    const at = this.offset;
    const value = this.readInteger();
    if (typeof value === "bigint" || value < -0x80000000 || value > 0xffffffff) {
      throw new BerSyntaxError("Cannot read an integer of more than 32 bits", at);
    }
    return value;
  }

  /** Counter32, Gauge32 or TimeTicks: devices leave the leading zero out, so the sign bit is part of the value. */
  readUnsigned32(tag: number): number {
    const end = this.#unsignedEnd(tag, 5);
    let value = 0;
    while (this.offset < end) value = (value * 256 + this.bytes[this.offset++]!) % 0x100000000;
    return value;
  }

  /** Counter64 as a bigint from 0 to 2^64 − 1. */
  readUnsigned64(tag: number): bigint {
    const end = this.#unsignedEnd(tag, 9);
    let value = 0n;
    while (this.offset < end) value = (value << 8n) | BigInt(this.bytes[this.offset++]!);
    return BigInt.asUintN(64, value);
  }

  /** A view of the content of an OCTET STRING; copy it to keep it. */
  readOctets(tag: number = Tag.octetString): Uint8Array {
    const end = this.enter(tag);
    const octets = this.bytes.subarray(this.offset, end);
    this.offset = end;
    return octets;
  }

  readOid(): string {
    const end = this.enter(Tag.oid);
    const oid = decodeOid(this.bytes, this.offset, end);
    this.offset = end;
    return oid;
  }

  #unsignedEnd(tag: number, maxLength: number): number {
    const at = this.offset;
    const end = this.enter(tag);
    const length = end - this.offset;
    if (length === 0 || length > maxLength) {
      throw new BerSyntaxError(`Cannot read ${length} bytes as an unsigned number`, at);
    }
    return end;
  }

  #contentEnd(): number {
    const at = this.offset;
    if (at >= this.end) throw new BerSyntaxError("Cannot read a length past the end", at);
    let length = this.bytes[this.offset++]!;
    if (length === 0x80) throw new BerSyntaxError("Cannot read an indefinite length", at);
    if (length > 0x80) {
      const octets = length & 0x7f;
      if (octets > 4 || this.offset + octets > this.end) throw new BerSyntaxError("Cannot read a long length", at);
      length = 0;
      for (let i = 0; i < octets; i++) length = length * 256 + this.bytes[this.offset++]!;
    }
    if (length > this.end - this.offset) {
      throw new BerSyntaxError(`Cannot read ${length} bytes where ${this.end - this.offset} are left`, at);
    }
    return this.offset + length;
  }
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}

function decodeSigned(bytes: Uint8Array, start: number, end: number): number | bigint {
  const length = end - start;
  if (length === 0) throw new BerSyntaxError("Cannot read an empty integer", start);
  if (length > 9) throw new BerSyntaxError(`Cannot read an integer of ${length} bytes`, start);
  if (length <= 6) {
    let value = (bytes[start]! << 24) >> 24;
    for (let i = start + 1; i < end; i++) value = value * 256 + bytes[i]!;
    return value;
  }
  let value = BigInt((bytes[start]! << 24) >> 24);
  for (let i = start + 1; i < end; i++) value = (value << 8n) | BigInt(bytes[i]!);
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

/** Size of the cache of decoded identifiers: devices of a fleet answer with the same ones. A power of two. */
const keptOids = 4096;
/** Longest cached identifier, so that no device can fill the memory. */
const maxKeptOctets = 48;
const kept: ({ octets: Uint8Array; text: string } | undefined)[] = new Array(keptOids).fill(undefined);

/** Content octets of an OBJECT IDENTIFIER as a dotted string (X.690 section 8.19); "0.0" for an empty one. */
export function decodeOid(bytes: Uint8Array, start = 0, end = bytes.length): string {
  if (end - start > maxKeptOctets) return decodeArcs(bytes, start, end);
  let hash = end - start;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  const at = (hash ^ (hash >>> 15)) & (keptOids - 1);
  const found = kept[at];
  if (found !== undefined && isSame(found.octets, bytes, start, end)) return found.text;
  const text = decodeArcs(bytes, start, end);
  kept[at] = { octets: bytes.slice(start, end), text };
  return text;
}

function isSame(octets: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (octets.length !== end - start) return false;
  for (let i = 0; i < octets.length; i++) if (octets[i] !== bytes[start + i]) return false;
  return true;
}

function decodeArcs(bytes: Uint8Array, start: number, end: number): string {
  // Some agents send an empty OID instead of zeroDotZero.
  if (start === end) return "0.0";
  let text = "";
  let arcs = 0;
  let arc = 0;
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!;
    arc = arc * 128 + (byte & 0x7f);
    if (arc > 0xffffffff) throw new BerSyntaxError("Cannot read an OID arc of more than 32 bits", i);
    if (byte >= 0x80) {
      if (i + 1 === end) throw new BerSyntaxError("Cannot read an OID that ends inside an arc", i);
      continue;
    }
    if (arcs === 0) {
      const first = arc < 40 ? 0 : arc < 80 ? 1 : 2;
      text = `${first}.${arc - first * 40}`;
      arcs = 2;
    } else {
      text += `.${arc}`;
      if (++arcs > maxArcs) throw new BerSyntaxError(`Cannot read an OID of more than ${maxArcs} arcs`, i);
    }
    arc = 0;
  }
  return text;
}

/** Builds one packet from its end to its start, so that every length is known when it is written. */
export class BerWriter {
  #bytes: Uint8Array;
  #start: number;

  constructor(size = 512) {
    this.#bytes = new Uint8Array(size);
    this.#start = size;
  }

  /** Octets written so far; pass it to `wrap` to enclose everything written since. */
  get length(): number {
    return this.#bytes.length - this.#start;
  }

  finish(): Uint8Array {
    return this.#bytes.slice(this.#start);
  }

  writeByte(byte: number): void {
    if (this.#start === 0) this.#grow(1);
    this.#bytes[--this.#start] = byte;
  }

  writeBytes(bytes: Uint8Array): void {
    if (this.#start < bytes.length) this.#grow(bytes.length);
    this.#start -= bytes.length;
    this.#bytes.set(bytes, this.#start);
  }

  /** Puts tag and length in front of what was written since `length` was `before`. */
  wrap(tag: number, before: number): void {
    let length = this.length - before;
    if (length < 0x80) {
      this.writeByte(length);
    } else {
      let octets = 0;
      for (; length > 0; length = Math.floor(length / 256), octets++) this.writeByte(length % 256);
      this.writeByte(0x80 | octets);
    }
    this.writeByte(tag);
  }

  writeInteger(value: number | bigint, tag: number = Tag.integer): void {
    const before = this.length;
    if (typeof value === "number" && value >= -0x80000000 && value <= 0x7fffffff) {
      let left = value;
      for (;;) {
        const byte = left & 0xff;
        this.writeByte(byte);
        left >>= 8;
        if ((left === 0 && byte < 0x80) || (left === -1 && byte >= 0x80)) break;
      }
      this.wrap(tag, before);
      return;
    }
    let rest = BigInt(value);
    for (;;) {
      const byte = Number(rest & 0xffn);
      this.writeByte(byte);
      rest >>= 8n;
      if ((rest === 0n && byte < 0x80) || (rest === -1n && byte >= 0x80)) break;
    }
    this.wrap(tag, before);
  }

  writeOctets(octets: Uint8Array, tag: number = Tag.octetString): void {
    const before = this.length;
    this.writeBytes(octets);
    this.wrap(tag, before);
  }

  writeOid(oid: string): void {
    const before = this.length;
    this.writeBytes(encodeOid(oid));
    this.wrap(Tag.oid, before);
  }

  #grow(needed: number): void {
    const used = this.length;
    const bytes = new Uint8Array(Math.max(this.#bytes.length * 2, used + needed));
    bytes.set(this.#bytes.subarray(this.#start), bytes.length - used);
    this.#start = bytes.length - used;
    this.#bytes = bytes;
  }
}

/** Content octets of a dotted OID. Throws `RangeError` for other texts. */
export function encodeOid(oid: string): Uint8Array {
  const arcs = oid.split(".").map(Number);
  const [first, second] = arcs;
  if (first === undefined || second === undefined || arcs.some((arc) => !(arc >= 0 && arc <= 0xffffffff))) {
    throw new RangeError(`Cannot encode an OID: current value is "${oid}"`);
  }
  // The first two arcs share their octets.
  const joined = [first * 40 + second, ...arcs.slice(2)];
  const octets = new Uint8Array(joined.reduce((sum, arc) => sum + arcOctets(arc), 0));
  let end = 0;
  for (const arc of joined) {
    end += arcOctets(arc);
    let at = end - 1;
    octets[at] = arc % 128;
    for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) octets[--at] = (rest % 128) | 0x80;
  }
  return octets;
}

/** Octets of an arc in an encoded OID. */
export function arcOctets(arc: number): number {
  return arc < 0x80 ? 1 : arc < 0x4000 ? 2 : arc < 0x200000 ? 3 : arc < 0x10000000 ? 4 : 5;
}

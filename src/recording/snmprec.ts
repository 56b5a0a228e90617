/**
 * Recordings of snmpsim: one object a line, `OID|TAG|VALUE`. TAG is the ASN.1 tag as a decimal number, with an `x`
 * where VALUE is hexadecimal (`4x`). VALUE is everything after the second bar, including further bars. Other lines are
 * skipped and counted, as recordings are cut and edited by hand.
 *
 * As in snmpsim 0.4.5, a text is UTF-8, and white space at the end of a line is not part of the value.
 */
import { formatIpv4 } from "../../common/core/ip.ts";
import { compareOids } from "../snmp/oid.ts";
import { type SnmpValue, Tag, type Varbind } from "../snmp/value.ts";

export interface Recording {
  /** In MIB order, one for each OID. */
  objects: Varbind[];
  malformedLines: number;
  /** Counted from 1; null if every line is an object, empty or a comment. */
  firstMalformedLine: number | null;
}

/** Parses a recording; of several lines with the same OID, the last one is used. Never throws. */
export function parseSnmprec(text: string): Recording {
  const byOid = new Map<string, Varbind>();
  let malformedLines = 0;
  let firstMalformedLine: number | null = null;
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const object = maybeObject(line.trim());
    if (object === undefined) {
      malformedLines++;
      firstMalformedLine ??= i + 1;
    } else byOid.set(object.oid, object);
  }
  const objects = [...byOid.values()].sort((a, b) => compareOids(a.oid, b.oid));
  return { objects, malformedLines, firstMalformedLine };
}

/** The lines of a recording in MIB order, each ended; `parseSnmprec` reads the same objects from them. */
export function formatSnmprec(objects: readonly Varbind[]): string {
  return objects.toSorted((a, b) => compareOids(a.oid, b.oid)).map(formatObject).join("");
}

function formatObject({ oid, tag, value }: Varbind): string {
  if (!(value instanceof Uint8Array)) return `${oid}|${tag}|${value ?? ""}\n`;
  if (tag === Tag.ipAddress && value.length === 4) {
    const address = new DataView(value.buffer, value.byteOffset, 4).getUint32(0);
    return `${oid}|${tag}|${formatIpv4(address)}\n`;
  }
  // White space at either end would be stripped; characters beyond ASCII are encoded differently by other programs.
  const isPlain = tag === Tag.octetString && value.every((octet) => octet >= 0x20 && octet < 0x7f) &&
    value.at(-1) !== 0x20;
  return isPlain ? `${oid}|${tag}|${new TextDecoder().decode(value)}\n` : `${oid}|${tag}x|${value.toHex()}\n`;
}

function maybeObject(line: string): Varbind | undefined {
  const match = /^\.?(\d+(?:\.\d+)+)\|(\d+)(x?)\|(.*)$/s.exec(line);
  if (match === null) return undefined;
  const [, oid, tag, hex, text] = match;
  if (!isOid(oid!)) return undefined;
  const value = hex === "x" ? maybeHexValue(Number(tag), text!) : maybeValue(Number(tag), text!);
  return value === undefined ? undefined : { oid: oid!, ...value };
}

function maybeValue(tag: number, text: string): SnmpValue | undefined {
  switch (tag) {
    case Tag.integer:
      return /^-?\d+$/.test(text) ? inRange(tag, BigInt(text), -(2n ** 63n), 2n ** 63n - 1n) : undefined;
    case Tag.counter32:
    case Tag.gauge32:
    case Tag.timeTicks:
      return /^\d+$/.test(text) ? inRange(tag, BigInt(text), 0n, 2n ** 32n - 1n) : undefined;
    case Tag.counter64:
      return /^\d+$/.test(text) && BigInt(text) < 2n ** 64n ? { tag, value: BigInt(text) } : undefined;
    case Tag.octetString:
    case Tag.opaque:
      return { tag, value: new TextEncoder().encode(text) };
    case Tag.null:
      return { tag, value: null };
    case Tag.oid: {
      const oid = text.replace(/^\./, "");
      return isOid(oid) ? { tag, value: oid } : undefined;
    }
    case Tag.ipAddress: {
      const octets = text.split(".").map((part) => /^\d{1,3}$/.test(part) ? Number(part) : 256);
      return octets.length === 4 && octets.every((octet) => octet < 256)
        ? { tag, value: Uint8Array.from(octets) }
        : undefined;
    }
    default:
      return undefined;
  }
}

function maybeHexValue(tag: number, text: string): SnmpValue | undefined {
  if (!/^(?:[0-9a-fA-F]{2})*$/.test(text)) return undefined;
  const octets = Uint8Array.fromHex(text);
  switch (tag) {
    case Tag.octetString:
    case Tag.opaque:
      return { tag, value: octets };
    case Tag.ipAddress:
      return octets.length === 4 ? { tag, value: octets } : undefined;
    case Tag.integer:
    case Tag.counter32:
    case Tag.gauge32:
    case Tag.timeTicks:
    case Tag.counter64:
      return text === "" ? undefined : maybeValue(tag, BigInt(`0x${text}`).toString());
    default:
      return undefined;
  }
}

function inRange(tag: number, value: bigint, low: bigint, high: bigint): SnmpValue | undefined {
  if (value < low || value > high) return undefined;
  const exact = value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER);
  return { tag, value: exact ? Number(value) : value };
}

/** Whether BER can encode it: first arc 0 to 2, second below 40 under 0 and 1, all within 32 bits. */
function isOid(text: string): boolean {
  if (!/^\d+(?:\.\d+)+$/.test(text)) return false;
  const arcs = text.split(".").map(Number);
  return arcs[0]! <= 2 && (arcs[0] === 2 || arcs[1]! < 40) && arcs.every((arc) => arc <= 0xffffffff) &&
    arcs.length <= 128;
}

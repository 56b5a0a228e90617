/**
 * Removes from a recording what identifies the printer and its owner: serials, names, places, people, addresses.
 * Numbers, levels, counters, OIDs, the number of objects and binary records are unchanged, so that the recording gives
 * the same reading.
 */
import { isUnder, maybeSuffix } from "../snmp/oid.ts";
import { type SnmpValue, Tag, type Varbind } from "../snmp/value.ts";
import { createPseudonyms, type Pseudonyms, type Replaced } from "./pseudonyms.ts";
import { type RedactText, textRedactor } from "./redact_text.ts";
import {
  findSecrets,
  ipv4Of,
  isOrdinary,
  isSecretIpv4,
  type KnownSecrets,
  octetsText,
  type Secrets,
  trimmed,
} from "./secrets.ts";

export interface Redacted {
  objects: Varbind[];
  replaced: Replaced;
  /** False if no rule finds the serial, which may then be in any private object. */
  serialFound: boolean;
}

/** A recording without its secrets; `draw(limit)` gives a random whole number below `limit`. */
export function redactRecording(
  objects: readonly Varbind[],
  options: KnownSecrets & { draw: (limit: number) => number },
): Redacted {
  const secrets = findSecrets(objects, options);
  const pseudonyms = createPseudonyms(options.draw);
  const tools: Tools = { secrets, pseudonyms, redactText: textRedactor(secrets, pseudonyms) };
  return {
    objects: objects.map(({ oid, ...value }) => ({
      oid: withoutAddress(oid, pseudonyms),
      ...redactValue(oid, value, tools),
    })),
    replaced: pseudonyms.replaced,
    serialFound: secrets.serial !== null,
  };
}

interface Tools {
  secrets: Secrets;
  pseudonyms: Pseudonyms;
  redactText: RedactText;
}

/** prtChannelInformation (RFC 3805): lines of keyword=value, some with names of servers, queues and users. */
const channelInformation = "1.3.6.1.2.1.43.14.1.1.9";
const namingKeyword =
  /\b(\w*(?:name|host|server|user|login|context|tree|zone|domain|queue)\w*[ \t]*=[ \t]*)((?:(?!\.\w+=|:\/\/)[^\r\n;,])+)(?!:\/\/)/gi;
/** hrDeviceTable and hrPrinterTable, whose octets are bits. */
const hostResources = "1.3.6.1.2.1.25";

function redactValue(oid: string, { tag, value }: SnmpValue, tools: Tools): SnmpValue {
  const { secrets, pseudonyms } = tools;
  if (typeof value === "number" && secrets.wholes.has(oid)) {
    // A serial as an INTEGER: the same number of digits, starting with 1 to stay within an INTEGER.
    return { tag, value: Number(`1${pseudonyms.ofText("serial", String(value)).slice(1)}`) };
  }
  if (!(value instanceof Uint8Array)) return { tag, value };
  if (tag === Tag.ipAddress) return { tag, value: redactIpv4(value, pseudonyms) };
  if (tag !== Tag.octetString || value.length === 0) return { tag, value };
  const text = octetsText(value);
  const whole = secrets.wholes.get(oid);
  if (whole !== undefined) {
    const { before, core, after } = trimmed(text);
    const mac = core.replace(/[:-]/g, "").toLowerCase();
    const made = secrets.macs.has(mac)
      ? tools.redactText(core, "free")
      : pseudonyms.ofText(whole, core, { addresses: "free" });
    return { tag, value: octetsOf(before + made + after) };
  }
  if (!isUnder(oid, hostResources)) {
    const address = maybeBinaryAddress(value, tools);
    if (address !== undefined) return { tag, value: address };
  }
  const redacted = redactOctets(text, tools);
  if (!isUnder(oid, channelInformation)) return { tag, value: octetsOf(redacted) };
  const named = redacted.replace(
    namingKeyword,
    (whole, keyword: string, name: string) =>
      text.includes(whole) && !isOrdinary(name) ? keyword + pseudonyms.ofText("name", name) : whole,
  );
  return { tag, value: octetsOf(named) };
}

function redactOctets(text: string, tools: Tools): string {
  const { redactText } = tools;
  let result = redactText(text, isPlainText(text) ? "free" : "fixed");
  result = result.replace(utf16Runs, (run) => inPlace(run, /[^\0]/g, (letters) => redactText(letters, "fixed")));
  result = result.replace(hexRuns, (run) =>
    inPlace(run, /[0-9a-f]/gi, (digits) => {
      const spelt = octetsText(Uint8Array.fromHex(digits.slice(0, digits.length & ~1)));
      const hidden = withoutBinaryMacs(redactText(spelt, "fixed"), tools);
      if (hidden === spelt) return digits;
      const hex = octetsOf(hidden).toHex() + digits.slice(digits.length & ~1);
      return /[A-F]/.test(digits) ? hex.toUpperCase() : hex;
    }));
  return withoutBinaryMacs(result, tools);
}

/** UTF-16 text in either byte order: every second octet is NUL. */
const utf16Runs = /\0?(?:[\x20-\x7e\xa0-\xff]\0){3,}[\x20-\x7e\xa0-\xff]?/g;
/** Octets spelt in hexadecimal, with or without separators. */
const hexRuns = /(?<![0-9a-z])(?:[0-9a-f]{2}[ :-]?){3,}[0-9a-f]{2}(?![0-9a-z])/gi;

/** Joins the matching characters, changes them, and puts them back in place; their number must not change. */
function inPlace(run: string, pattern: RegExp, change: (characters: string) => string): string {
  const changed = change((run.match(pattern) ?? []).join(""));
  let at = 0;
  return run.replace(pattern, () => changed[at++]!);
}

/**
 * Whether octets are plain text, in which an address may change its length: no control characters, except NULs at the
 * end.
 */
function isPlainText(text: string): boolean {
  // deno-lint-ignore no-control-regex -- searches for control characters
  return !/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/.test(text.replace(/\0+$/, ""));
}

function withoutBinaryMacs(text: string, { secrets, pseudonyms }: Tools): string {
  let result = text;
  for (const mac of secrets.macs) {
    const octets = octetsText(Uint8Array.fromHex(mac));
    if (result.includes(octets)) {
      result = result.replaceAll(octets, octetsText(Uint8Array.fromHex(pseudonyms.ofMac(mac))));
    }
  }
  return result;
}

/**
 * An address that is the whole value: known, or from the same network (IPv4) or maker (MAC) as a known one. Printable
 * text of four or six octets is not an address.
 */
function maybeBinaryAddress(value: Uint8Array, { secrets, pseudonyms }: Tools): Uint8Array | undefined {
  if (value.every((octet) => octet >= 0x20 && octet < 0x7f)) return undefined;
  if (value.length === 4) {
    const address = ipv4Of(value);
    const isKnown = isSecretIpv4(address) && [...secrets.ipv4].some((known) => known >>> 16 === address >>> 16);
    return isKnown ? redactIpv4(value, pseudonyms) : undefined;
  }
  const hex = value.toHex();
  if (value.length === 6) {
    const isKnown = [...secrets.macs].some((known) => known.slice(0, 6) === hex.slice(0, 6));
    return isKnown ? Uint8Array.fromHex(pseudonyms.ofMac(hex)) : undefined;
  }
  if (value.length !== 16 || !secrets.ipv6.has(BigInt(`0x${hex}`))) return undefined;
  return Uint8Array.fromHex(pseudonyms.ofIpv6(BigInt(`0x${hex}`)).toString(16).padStart(32, "0"));
}

function redactIpv4(value: Uint8Array, pseudonyms: Pseudonyms): Uint8Array {
  if (value.length !== 4 || !isSecretIpv4(ipv4Of(value))) return value;
  const octets = new Uint8Array(4);
  new DataView(octets.buffer).setUint32(0, pseudonyms.ofIpv4(ipv4Of(value)));
  return octets;
}

/** Tables of RFC 1213 that are indexed by addresses, with the position of each address in the index. */
const addressIndexes: readonly [entry: string, at: number[]][] = [
  ["1.3.6.1.2.1.3.1.1", [2]],
  ["1.3.6.1.2.1.4.20.1", [0]],
  ["1.3.6.1.2.1.4.21.1", [0]],
  ["1.3.6.1.2.1.4.22.1", [1]],
  ["1.3.6.1.2.1.4.24.4.1", [0, 9]],
  ["1.3.6.1.2.1.6.13.1", [0, 5]],
  ["1.3.6.1.2.1.7.5.1", [0]],
];

/** Tables of RFC 4293, 4022 and 4113 that are indexed by InetAddressType ipv4(1), a length of 4 and the address. */
const inetTables = ["4.32", "4.34", "4.35", "6.19", "6.20", "7.7"].map((table) => `1.3.6.1.2.1.${table}`);

function withoutAddress(oid: string, pseudonyms: Pseudonyms): string {
  for (const [entry, places] of addressIndexes) {
    const [column, ...index] = maybeSuffix(oid, entry)?.split(".") ?? [];
    if (column === undefined) continue;
    for (const at of places) {
      const octets = Uint8Array.from(index.slice(at, at + 4), Number);
      index.splice(at, 4, ...redactIpv4(octets, pseudonyms).join(".").split("."));
    }
    return [entry, column, ...index].join(".");
  }
  if (!inetTables.some((base) => isUnder(oid, base))) return oid;
  return oid.replace(/(?<=\.1\.4\.)\d+\.\d+\.\d+\.\d+(?=\.|$)/g, (address) => {
    const octets = Uint8Array.from(address.split("."), Number);
    return redactIpv4(octets, pseudonyms).join(".");
  });
}

function octetsOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

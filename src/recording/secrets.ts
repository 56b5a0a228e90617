import { tryParseIp } from "../../common/core/ip.ts";
import { knownText } from "../printers/known_text.ts";
import { interpretReadings } from "../printers/interpret_reading.ts";
import { decodeText } from "../printers/text.ts";
import { isUnder } from "../snmp/oid.ts";
import { type SnmpValue, Tag, type Varbind } from "../snmp/value.ts";
import type { SecretKind } from "./pseudonyms.ts";
import { simulateRead } from "./replay.ts";

/** What is known about a device besides its answers. */
export interface KnownSecrets {
  address: string;
  /** The host name that was used to reach it. */
  hostname: string | null;
  /** Communities, users and keys that were tried. */
  credentials: readonly string[];
  /** Further secrets, given by the user. */
  texts: readonly string[];
}

export interface SecretText {
  kind: SecretKind;
  /** Octets as Latin-1, in lower case. */
  text: string;
  /** The full text of which `text` is the beginning: some makers truncate a serial. */
  whole: string;
}

export interface Secrets {
  /** Texts to replace wherever they occur. */
  texts: SecretText[];
  /** Objects whose whole text is secret. */
  wholes: Map<string, SecretKind>;
  /** Twelve hexadecimal digits each, in lower case. */
  macs: Set<string>;
  ipv4: Set<number>;
  ipv6: Set<bigint>;
  /** Firmware and model in lower case: an apparent address in them is a version. */
  kept: string[];
}

/**
 * Objects whose whole value is secret: SNMPv2-MIB, Printer-MIB (RFC 3805), PWG 5107.1 and the Job Monitoring MIB (RFC
 * 2707).
 */
const wholeObjects: readonly [base: string, kind: SecretKind][] = [
  ["1.3.6.1.2.1.1.4", "contact"],
  ["1.3.6.1.2.1.1.5", "name"],
  ["1.3.6.1.2.1.1.6", "location"],
  // prtGeneralCurrentOperator, prtGeneralServicePerson, prtGeneralPrinterName, prtGeneralSerialNumber
  ["1.3.6.1.2.1.43.5.1.1.4", "contact"],
  ["1.3.6.1.2.1.43.5.1.1.5", "contact"],
  ["1.3.6.1.2.1.43.5.1.1.16", "name"],
  ["1.3.6.1.2.1.43.5.1.1.17", "serial"],
  // prtInputSerialNumber, prtOutputSerialNumber
  ["1.3.6.1.2.1.43.8.2.1.17", "serial"],
  ["1.3.6.1.2.1.43.9.2.1.11", "serial"],
  // ppmPrinterName, ppmPrinterSnmpCommunityName
  ["1.3.6.1.4.1.2699.1.2.1.2.1.1.2", "name"],
  ["1.3.6.1.4.1.2699.1.2.1.2.1.1.7", "credential"],
  // Users and their print jobs.
  ["1.3.6.1.4.1.2699.1.1", "job"],
];
/** Name objects that may contain the model, which is not secret. */
const productNames = ["1.3.6.1.2.1.43.5.1.1.16", "1.3.6.1.4.1.2699.1.2.1.2.1.1.2"];

/** Default communities of devices. */
const wellKnown = /^(?:public|private)$/i;
/** The domain of a mail address belongs to the customer, and occurs in many places without the name before it. */
const mailDomain = /[a-z0-9._%+-]@([a-z0-9-]+(?:\.[a-z0-9-]+)+)/gi;

/** ifPhysAddress, atPhysAddress, ipNetToMediaPhysAddress */
const macColumns = ["1.3.6.1.2.1.2.2.1.6", "1.3.6.1.2.1.3.1.1.2", "1.3.6.1.2.1.4.22.1.2"];

/** Whether a name is an ordinary word that occurs in many texts with another meaning. */
export function isOrdinary(name: string): boolean {
  return name.length < 4 || ordinary.test(name);
}

/** Words that may be used as a name or a place, but occur in many texts with another meaning. */
const ordinary =
  /^(?:(?:printer|print|copy|copier|copies|scan|scanner|fax|mfp|colou?r|mono|black|cyan|magenta|yellow|toner|drum|ink|tray|paper|cassette|drawer|total|count|ready|sleep|idle|default|network|ethernet|wireless|wired|admin|administrator|user|guest|public|private|system|device|office|local|localhost|host|test|none|unknown|waste|box|unit|large|small|full|low|empty|line|page|pages|supply|cartridge|duplex|room|on|off|the|in|of|and|\d{1,3})[\s_-]*)+$/i;

/** Finds the secrets in the answers of the device. */
export function findSecrets(objects: readonly Varbind[], known: KnownSecrets): Secrets & { serial: string | null } {
  const { store, profile } = simulateRead(objects);
  const interpreted = interpretReadings(store, {
    observedAt: new Date(0),
    address: known.address,
    port: 161,
    targetName: null,
    snmp: { version: "2c", engineId: null },
    problems: [],
    profile,
  });
  const { reading } = interpreted[0]!;
  const trace = interpreted.flatMap((it) => it.trace);
  const product = `${reading.manufacturer ?? ""} ${reading.model ?? ""}`.toLowerCase();
  const texts = new Map<string, SecretText>();
  const add = (kind: SecretKind, text: string) => {
    for (const found of textsOf(kind, text, product)) if (!texts.has(found.text)) texts.set(found.text, found);
  };
  const wholes = new Map<string, SecretKind>();
  for (const { oid, ...value } of objects) {
    const kind = wholeObjects.find(([base]) => isUnder(oid, base))?.[1];
    const core = kind === undefined ? undefined : coreOf(value);
    if (kind === undefined || core === undefined || (kind === "credential" && wellKnown.test(core))) continue;
    if (productNames.some((base) => isUnder(oid, base)) && namesProduct(core, reading.model)) continue;
    wholes.set(oid, kind);
    if (kind !== "job") add(kind, core);
  }
  for (const rule of profile.supplies ?? []) {
    if (rule.kind !== "detail" || rule.field !== "serial") continue;
    for (const { oid, value } of objects) {
      if (isUnder(oid, rule.column) && typeof value === "number" && value > 9999) wholes.set(oid, "serial");
    }
  }
  for (const { value } of objects) {
    if (!(value instanceof Uint8Array) || !value.includes(0x40)) continue;
    for (const [, domain] of octetsText(value).matchAll(mailDomain)) add("name", domain!);
  }
  for (const { field, candidates } of trace) {
    const kind = field === "hostname" ? "name" : /(?:^|\.)serial$/.test(field) ? "serial" : undefined;
    for (const { value } of candidates) if (kind !== undefined && value !== null) add(kind, latin1Of(String(value)));
  }
  for (const text of known.texts) add("text", latin1Of(text));
  if (known.hostname !== null) add("name", latin1Of(known.hostname));
  for (const credential of known.credentials) {
    if (!wellKnown.test(credential)) add("credential", latin1Of(credential));
  }
  return {
    serial: reading.serial,
    texts: [...texts.values()],
    wholes,
    macs: new Set(objects.filter(({ oid }) => macColumns.some((base) => isUnder(oid, base))).flatMap(macOf)),
    ...addressesOf(objects, known.address),
    kept: [reading.firmware, reading.model].filter((text) => text !== null).map((text) => text.toLowerCase()),
  };
}

function namesProduct(text: string, model: string | null): boolean {
  if (model === null) return false;
  const name = text.toLowerCase(), product = model.toLowerCase();
  return name.includes(product) || (name.length >= 4 && product.includes(name));
}

/** The text of an object without padding, as Latin-1; undefined for placeholders. */
function coreOf({ tag, value }: SnmpValue): string | undefined {
  if (tag !== Tag.octetString || !(value instanceof Uint8Array)) return undefined;
  const { core } = trimmed(octetsText(value));
  const isPlaceholder = knownText(decodeText(value)) === undefined || /^(.)\1*$/.test(core.replace(/[\s:._/-]/g, ""));
  return isPlaceholder ? undefined : core;
}

/** Splits off the padding of a text: control characters and spaces on both sides. */
export function trimmed(text: string): { before: string; core: string; after: string } {
  // deno-lint-ignore no-control-regex -- padding is control characters
  const [, before = "", core = "", after = ""] = /^([\x00-\x20]*)(.*?)([\x00-\x20]*)$/s.exec(text) ?? [];
  return { before, core, after };
}

/** Octets as a string with one character (U+0000 to U+00FF) per octet; TextDecoder's "latin1" is windows-1252. */
export function octetsText(octets: Uint8Array): string {
  let text = "";
  for (const octet of octets) text += String.fromCharCode(octet);
  return text;
}

/** The UTF-8 octets of a text in the form of `octetsText`. */
function latin1Of(text: string): string {
  return octetsText(new TextEncoder().encode(text));
}

function textsOf(kind: SecretKind, text: string, product: string): SecretText[] {
  const lower = trimmed(text).core.toLowerCase();
  const whole: SecretText = { kind, text: lower, whole: lower };
  if (kind === "text") return lower === "" ? [] : [whole];
  if (lower.length < 4 || tryParseIp(lower) !== undefined) return [];
  if (kind === "serial") {
    if (!/\d/.test(lower) && lower.length < 6) return [];
    const cut = Array.from({ length: Math.max(0, lower.length - 6) }, (_, i) => lower.slice(0, 6 + i));
    return [whole, ...cut.filter((text) => /\d/.test(text)).map((text) => ({ kind, text, whole: lower }))];
  }
  if (kind === "credential") return [whole];
  const parts = kind === "name" && lower.includes(".")
    ? [lower, lower.slice(0, lower.indexOf(".")), lower.slice(lower.indexOf(".") + 1)]
    : [lower];
  return parts.filter((part) => !isOrdinary(part) && !product.includes(part))
    .map((part) => ({ kind, text: part, whole: part }));
}

function macOf({ value }: Varbind): string[] {
  if (!(value instanceof Uint8Array)) return [];
  const digits = value.length === 6 ? value.toHex() : octetsText(value).trim().replace(/[:-]/g, "").toLowerCase();
  return /^[0-9a-f]{12}$/.test(digits) && !/^0+$/.test(digits) ? [digits] : [];
}

function addressesOf(objects: readonly Varbind[], own: string): { ipv4: Set<number>; ipv6: Set<bigint> } {
  const ipv4 = new Set<number>(), ipv6 = new Set<bigint>();
  const parsed = tryParseIp(own);
  if (parsed?.family === 6) ipv6.add(parsed.value);
  if (parsed?.family === 4) ipv4.add(Number(parsed.value));
  for (const { tag, value } of objects) {
    if (tag === Tag.ipAddress && value instanceof Uint8Array && value.length === 4) ipv4.add(ipv4Of(value));
  }
  for (const value of ipv4) if (!isSecretIpv4(value)) ipv4.delete(value);
  return { ipv4, ipv6 };
}

/** Four octets as a number. */
export function ipv4Of(octets: Uint8Array): number {
  return octets.reduce((sum, octet) => sum * 256 + octet, 0);
}

/** Whether an address reveals a network: not loopback, masks, multicast or documentation networks. */
export function isSecretIpv4(value: number): boolean {
  const first = value >>> 24;
  if (first === 0 || first >= 224 || value === 0x7f000001) return false;
  return ![0xc00002, 0xc63364, 0xcb0071].includes(value >>> 8);
}

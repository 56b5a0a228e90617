/**
 * Random replacements for data that must not leave a customer's network. Each text has one replacement of the same
 * length, with letters for letters, regardless of place and letter case, so that related values stay related.
 * Replacements are random, not computed, so the original cannot be derived from them.
 */
import { formatIpv4, formatIpv6, tryParseIpv4 } from "../../common/core/ip.ts";

export type SecretKind = "serial" | "name" | "location" | "contact" | "credential" | "job" | "mac" | "address" | "text";

/** Counts of the replacements so far: different secrets, and places where they occurred. */
export type Replaced = Map<SecretKind, { secrets: number; places: number }>;

export interface Pseudonyms {
  readonly replaced: Replaced;
  /**
   * For a text of octets as Latin-1; the result has the same length, except for an address with `addresses: "free"`.
   */
  ofText(kind: SecretKind, text: string, options?: { addresses: "free" | "fixed" }): string;
  ofIpv4(value: number): number;
  ofIpv6(value: bigint): bigint;
  /** For twelve hexadecimal digits in lower case. */
  ofMac(digits: string): string;
}

/** Returns a random whole number from 0 to `limit` − 1. */
type Draw = (limit: number) => number;

export function createPseudonyms(draw: Draw): Pseudonyms {
  const { replaced, remember, isTaken } = createMemory();
  const drawn = (text: string) => shaped(text, draw, isTaken);

  function ofName(text: string): string {
    const dot = text.indexOf(".");
    if (dot <= 0) {
      const make = (nth: number) => maybeNumbered(["printer-", "prn-", "p"], nth, text) ?? drawn(text);
      return remember("name", text.toLowerCase(), make);
    }
    // The first label is the printer's own name, which occurs elsewhere without the rest.
    const label = ofName(text.slice(0, dot));
    const rest = text.slice(dot + 1);
    return `${label}.${remember("name", rest.toLowerCase(), (nth) => maybeDomain(nth, rest) ?? drawn(rest))}`;
  }

  function ofIpv4(value: number): number {
    return tryParseIpv4(remember("address", `4/${value}`, documentationIpv4))!;
  }

  return {
    replaced,
    ofText(kind, text, { addresses } = { addresses: "fixed" }) {
      const v4 = tryParseIpv4(text);
      if (v4 !== undefined) {
        const made = formatIpv4(ofIpv4(v4));
        return addresses === "free" ? made : fitted(made, text);
      }
      if (kind === "name") return matchCase(ofName(text), text);
      const words = wordsOf[kind] ?? [];
      const made = remember(kind, text.toLowerCase(), (nth) => maybeNumbered(words, nth, text) ?? drawn(text));
      return matchCase(made, text);
    },
    ofIpv4,
    // The prefix for documentation (RFC 3849).
    ofIpv6: (value) => BigInt(remember("address", `6/${value}`, (nth) => String((0x20010db8n << 96n) + BigInt(nth)))),
    // The documentation range (RFC 7042) has only 256 addresses; this one is locally administered, so no maker uses it.
    ofMac: (digits) => remember("mac", `mac/${digits}`, (nth) => `02005e${nth.toString(16).padStart(6, "0")}`),
  };
}

/** First words of replacements by kind, the longest first. */
const wordsOf: Partial<Record<SecretKind, readonly string[]>> = {
  location: ["location-", "place-", "l"],
  contact: ["contact-", "person-", "c"],
};

/** Replacements by original, and their number for each kind. */
function createMemory() {
  const known = new Map<string, string>();
  const taken = new Set<string>();
  const counted = new Map<SecretKind, number>();
  const seen = new Set<string>();
  const replaced: Replaced = new Map();
  return {
    replaced,
    isTaken: (made: string) => taken.has(made.toLowerCase()) || known.has(made.toLowerCase()),
    remember(kind: SecretKind, key: string, make: (nth: number) => string): string {
      let made = known.get(key);
      const entry = replaced.get(kind) ?? { secrets: 0, places: 0 };
      if (made === undefined) {
        const nth = (counted.get(kind) ?? 0) + 1;
        counted.set(kind, nth);
        made = make(nth);
        known.set(key, made);
        taken.add(made.toLowerCase());
      }
      if (!seen.has(`${kind} ${key}`)) entry.secrets++;
      seen.add(`${kind} ${key}`);
      entry.places++;
      replaced.set(kind, entry);
      return made;
    },
  };
}

/** The first of the words that leaves room for the number, which is padded with zeros. */
function maybeNumbered(words: readonly string[], nth: number, text: string): string | undefined {
  const digits = String(nth);
  const start = words.find((word) => word.length + digits.length <= text.length);
  return start === undefined ? undefined : start + digits.padStart(text.length - start.length, "0");
}

function maybeDomain(nth: number, text: string): string | undefined {
  const ending = ".example";
  const room = text.length - ending.length;
  return room >= `net-${nth}`.length ? `net-${String(nth).padStart(room - 4, "0")}${ending}` : undefined;
}

/** Letters for letters, digits for digits, everything else unchanged. */
function shaped(text: string, draw: Draw, isTaken: (made: string) => boolean): string {
  const letter = (base: number) => String.fromCharCode(base + draw(26));
  for (let attempt = 0;; attempt++) {
    const made = text.replace(/[a-z]/g, () => letter(97)).replace(/[A-Z]/g, () => letter(65))
      .replace(/\d/g, () => String(draw(10))).replace(/[\x80-\xff]/g, "x");
    // Readers would take zeros or one repeated character for a field that was never set.
    const usable = made !== text && !isTaken(made) && (!/[1-9]/.test(text) || /[1-9]/.test(made)) &&
      !/^(.)\1+$/i.test(made.replace(/[\s:._/-]/g, ""));
    if (usable || attempt === 100) return made;
  }
}

/** An address of the three documentation networks (RFC 5737), then of the benchmark network (RFC 2544). */
function documentationIpv4(nth: number): string {
  const networks = ["192.0.2.0", "198.51.100.0", "203.0.113.0"].map((network) => tryParseIpv4(network)!);
  const network = networks[Math.floor((nth - 1) / 254)];
  const at = network === undefined ? tryParseIpv4("198.18.0.0")! + nth : network + 1 + (nth - 1) % 254;
  return formatIpv4(at >>> 0);
}

/** A dotted address in the length of another: padded with zeros, or only zeros if it does not fit. */
function fitted(made: string, text: string): string {
  const missing = text.length - made.length;
  if (missing < 0) return text.replace(/\d/g, "0");
  const dot = made.lastIndexOf(".") + 1;
  return made.slice(0, dot) + "0".repeat(missing) + made.slice(dot);
}

function matchCase(made: string, text: string): string {
  if (/[a-z]/.test(text) === /[A-Z]/.test(text)) return made;
  return /[a-z]/.test(text) ? made.toLowerCase() : made.toUpperCase();
}

/** An IPv6 address as text; with a fixed length, the original with zeros for its digits. */
export function ipv6Text(made: bigint, text: string, addresses: "free" | "fixed"): string {
  const canonical = formatIpv6(made);
  return addresses === "free" || canonical.length === text.length ? canonical : text.replace(/[0-9a-f]/gi, "0");
}

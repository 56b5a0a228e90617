/** Finds secrets in a text of octets, and patterns that are always secret: addresses, mail, hosts of URLs. */
import { tryParseIp, tryParseIpv4 } from "../../common/core/ip.ts";
import { ipv6Text, type Pseudonyms, type SecretKind } from "./pseudonyms.ts";
import { isSecretIpv4, type Secrets, type SecretText } from "./secrets.ts";

/** `free`: an address may change its length. `fixed`: nothing may change its length. */
export type Addresses = "free" | "fixed";

/** Replaces the secrets of a text, whose characters are octets. */
export type RedactText = (text: string, addresses: Addresses) => string;

interface Match {
  start: number;
  end: number;
  replacement: (addresses: Addresses) => string;
}

type Finder = (text: string) => Match[];

/** A function that replaces everything known and everything that looks secret. */
export function textRedactor(secrets: Secrets, pseudonyms: Pseudonyms): RedactText {
  const finders = [
    knownTexts(secrets, pseudonyms),
    knownNumbers(secrets, pseudonyms),
    macs(pseudonyms),
    ipv4Addresses(secrets, pseudonyms),
    ipv6Addresses(pseudonyms),
    ...patterns.map((pattern) => labelled(pattern, pseudonyms)),
  ];
  return (text, addresses) => {
    const found = finders.flatMap((find) => find(text)).sort((a, b) => a.start - b.start || b.end - a.end);
    let result = "", at = 0;
    for (const { start, end, replacement } of found) {
      if (start < at) continue;
      result += text.slice(at, start) + replacement(addresses);
      at = end;
    }
    return result + text.slice(at);
  };
}

function knownTexts({ texts }: Secrets, pseudonyms: Pseudonyms): Finder {
  if (texts.length === 0) return () => [];
  const byText = new Map(texts.map((secret) => [secret.text, secret]));
  const longestFirst = texts.toSorted((a, b) => b.text.length - a.text.length);
  const pattern = new RegExp(longestFirst.map(bounded).join("|"), "gi");
  return (text) =>
    [...text.matchAll(pattern)].map(({ 0: found, index }) => {
      const secret = byText.get(found.toLowerCase())!;
      const missing = secret.whole.slice(found.length);
      return {
        start: index,
        end: index + found.length,
        replacement: () => pseudonyms.ofText(secret.kind, inCaseOf(found, missing)).slice(0, found.length),
      };
    });
}

function inCaseOf(found: string, missing: string): string {
  return found + (/[a-z]/.test(found) ? missing : missing.toUpperCase());
}

/** A short or ordinary secret matches only if no letter or digit is next to it. */
function bounded({ kind, text, whole }: SecretText): string {
  const escaped = text.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&");
  const isCut = text !== whole;
  if (/^\d+$/.test(text) && !isCut) return `(?<!\\d)${escaped}(?!\\d)`;
  const isTelling = kind === "text"
    ? text.length >= 4
    : /\d/.test(text) && text.length >= (kind === "serial" || kind === "credential" ? 6 : 8);
  if (isTelling && !isCut) return escaped;
  return `(?<![a-z0-9])${escaped}(?![a-z0-9])`;
}

/** Known MAC and IPv4 addresses as bare hexadecimal digits, and the end of a MAC address as it occurs in names. */
function knownNumbers({ macs, ipv4 }: Secrets, pseudonyms: Pseudonyms): Finder {
  const replacements = new Map<string, () => string>();
  for (const mac of macs) {
    replacements.set(mac, () => pseudonyms.ofMac(mac));
    const end = mac.slice(6);
    if (/[a-f]/.test(end)) replacements.set(end, () => pseudonyms.ofMac(mac).slice(6));
  }
  for (const address of ipv4) {
    // Eight decimal digits may also be a counter.
    const digits = address.toString(16).padStart(8, "0");
    if (/[a-f]/.test(digits)) replacements.set(digits, () => hex8(pseudonyms.ofIpv4(address)));
  }
  if (replacements.size === 0) return () => [];
  // Names end with the address, or with its second half, which is unique to the printer; longer alternatives come
  // first.
  const pattern = new RegExp(`(?:${[...replacements.keys()].join("|")})(?![0-9a-f])`, "gi");
  return (text) =>
    [...text.matchAll(pattern)].map(({ 0: found, index }) => ({
      start: index,
      end: index + found.length,
      replacement: () => sameCase(replacements.get(found.toLowerCase())!(), found),
    }));
}

function hex8(value: number): string {
  return value.toString(16).padStart(8, "0");
}

function sameCase(made: string, text: string): string {
  return /[A-Z]/.test(text) ? made.toUpperCase() : made;
}

/** MAC addresses in pairs with colons or hyphens, or in fours with dots. */
const macPattern =
  /(?<![0-9a-f:.-])(?:[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}|[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4})(?![0-9a-f:-])/gi;

function macs(pseudonyms: Pseudonyms): Finder {
  return (text) =>
    [...text.matchAll(macPattern)].flatMap(({ 0: found, index }) => {
      const digits = found.replace(/[:.-]/g, "").toLowerCase();
      if (/^(.)\1*$/.test(digits) || digits.startsWith("02005e") || (found.includes(".") && !/[a-f]/.test(digits))) {
        return [];
      }
      return [{
        start: index,
        end: index + found.length,
        replacement: () => sameCase(respaced(pseudonyms.ofMac(digits), found), found),
      }];
    });
}

function respaced(digits: string, model: string): string {
  let at = 0;
  return model.replace(/[0-9a-f]/gi, () => digits[at++]!);
}

const ipv4Pattern = /(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?!\w|\.\d)/g;
/** Words before a number of four parts that show that it is a version. */
const versionWords =
  /\b(?:ver(?:sion)?|rev(?:ision)?|firmware|fw|rom|release|build|controller|system|oid)[\s.:=#v-]*$/i;

function ipv4Addresses({ ipv4, kept }: Secrets, pseudonyms: Pseudonyms): Finder {
  return (text) =>
    [...text.matchAll(ipv4Pattern)].flatMap(({ 0: found, index }) => {
      const padded = /^\d{3}(?:\.\d{3}){3}$/.test(found);
      const value = tryParseIpv4(padded ? found.split(".").map(Number).join(".") : found);
      if (value === undefined || !isSecretIpv4(value)) return [];
      const isVersion = versionWords.test(text.slice(Math.max(0, index - 24), index)) ||
        kept.some((version) => version.includes(found));
      if (isVersion && !ipv4.has(value)) return [];
      const replacement = (addresses: Addresses) => {
        if (!padded) return pseudonyms.ofText("address", found, { addresses });
        const octets = new Uint8Array(4);
        new DataView(octets.buffer).setUint32(0, pseudonyms.ofIpv4(value));
        return [...octets].map((octet) => String(octet).padStart(3, "0")).join(".");
      };
      return [{ start: index, end: index + found.length, replacement }];
    });
}

const ipv6Pattern = /(?<![\w:.])[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}(?![\w:])/gi;

function ipv6Addresses(pseudonyms: Pseudonyms): Finder {
  return (text) =>
    [...text.matchAll(ipv6Pattern)].flatMap(({ 0: found, index }) => {
      const parsed = tryParseIp(found);
      // Below 1:: there are loopback and unassigned addresses; 2001:db8::/32 is for documentation.
      const first = (parsed?.value ?? 0n) >> 96n;
      if (parsed?.family !== 6 || first < 0x10000n || first === 0x20010db8n) return [];
      return [{
        start: index,
        end: index + found.length,
        replacement: (addresses: Addresses) => ipv6Text(pseudonyms.ofIpv6(parsed.value), found, addresses),
      }];
    });
}

/** Values that are secret because of the word before them; the group is replaced. */
const patterns: readonly { kind: SecretKind; pattern: RegExp; accept?: RegExp }[] = [
  { kind: "contact", pattern: /([a-z0-9._%+-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)+)/dgi },
  { kind: "credential", pattern: /\b[a-z][a-z0-9+.-]*:\/\/([^\s/@]+)@/dgi },
  {
    kind: "name",
    pattern:
      /\b(?:https?|ipps?|t?ftps?|smb|cifs|nfs|ldaps?|socket|lpd|sips?):\/\/(?:[^\s/@]*@)?([a-z0-9_-][a-z0-9._-]*[a-z0-9])/dgi,
  },
  { kind: "name", pattern: /\\\\([a-z0-9_-][a-z0-9._-]*[a-z0-9])\\/dgi },
  { kind: "credential", pattern: /\b(?:password|passwd|community|ssid|psk)\s*[=:]\s*([^\s;,]{2,})/dgi },
  {
    kind: "serial",
    pattern: /\b(?:S\/N|SERN|SERIALNUMBER|SN|serial(?: ?(?:no\.?|number))?)\s*[:=#.\s]\s*([A-Z0-9][A-Z0-9-]{4,})/dgi,
    accept: /\d.*\d/,
  },
  { kind: "serial", pattern: /(?<![A-Z0-9])SN(\d[A-Z0-9-]{5,})/dgi },
];

/** Sites of makers and standards bodies, which are the same for all devices of a model. */
const publicHosts =
  /^(?:(?:www|support|register|schemas|infoserve|go|h\d+)\d?\.)+(?:brother|canon|epson|hp|konicaminolta|kyocera\w*|lexmark|microsoft|oki|pantum|pwg|ricoh|samsung|sharp\w*|toshiba\w*|w3|xerox|xmlsoap|zebra)\.(?:com|org|net|co\.\w\w|\w\w)$/i;

function labelled(
  { kind, pattern, accept }: { kind: SecretKind; pattern: RegExp; accept?: RegExp },
  pseudonyms: Pseudonyms,
): Finder {
  return (text) =>
    [...text.matchAll(pattern)].flatMap((match) => {
      const found = match[1]!;
      const [start, end] = match.indices![1]!;
      if (accept !== undefined && (!accept.test(found) || /^(.)\1*$/.test(found))) return [];
      if (kind === "name" && publicHosts.test(found)) return [];
      if (tryParseIpv4(found) !== undefined && !isSecretIpv4(tryParseIpv4(found)!)) return [];
      return [{
        start,
        end,
        replacement: (addresses: Addresses) => pseudonyms.ofText(kind, found, { addresses }),
      }];
    });
}

import iconv from "iconv-lite";
import { maybePrintableAscii } from "./printable_ascii.ts";

/**
 * IANA MIBenum numbers of prtLocalizationCharacterSet with the names of iconv-lite or TextDecoder.
 * https://www.iana.org/assignments/character-sets
 */
const charsets: ReadonlyMap<number, string> = new Map([
  [3, "windows-1252"],
  [4, "windows-1252"],
  [5, "iso-8859-2"],
  [6, "iso-8859-3"],
  [7, "iso-8859-4"],
  [8, "iso-8859-5"],
  [9, "iso-8859-6"],
  [10, "iso-8859-7"],
  [11, "iso-8859-8"],
  [12, "windows-1254"],
  [13, "iso-8859-10"],
  [17, "shift_jis"],
  [18, "euc-jp"],
  [36, "euc-kr"],
  [37, "euc-kr"],
  [38, "euc-kr"],
  [39, "iso-2022-jp"],
  [106, "utf-8"],
  [109, "iso-8859-13"],
  [110, "iso-8859-14"],
  [111, "iso-8859-15"],
  [112, "iso-8859-16"],
  [113, "gbk"],
  [114, "gb18030"],
  [1000, "utf-16be"],
  [1013, "utf-16be"],
  [1014, "utf-16le"],
  [1015, "utf-16be"],
  [2004, "hproman8"],
  [2009, "cp850"],
  [2010, "cp852"],
  [2011, "cp437"],
  [2013, "cp862"],
  [2024, "shift_jis"],
  [2025, "gbk"],
  [2026, "big5"],
  [2027, "macintosh"],
  [2045, "cp855"],
  [2046, "cp855"],
  [2047, "cp857"],
  [2049, "cp864"],
  [2052, "cp866"],
  [2084, "koi8-r"],
  [2085, "gb2312"],
  [2086, "cp866"],
  [2087, "cp775"],
  [2088, "koi8-u"],
  [2101, "big5-hkscs"],
  [2109, "windows-874"],
  [2250, "windows-1250"],
  [2251, "windows-1251"],
  [2252, "windows-1252"],
  [2253, "windows-1253"],
  [2254, "windows-1254"],
  [2255, "windows-1255"],
  [2256, "windows-1256"],
  [2257, "windows-1257"],
  [2258, "windows-1258"],
  [2259, "tis-620"],
]);

/**
 * Decodes octets from a device: valid multi-octet UTF-8 is UTF-8 and octets with a NUL in every pair are UTF-16,
 * regardless of the declared set; anything else is decoded by the IANA MIBenum of prtLocalizationCharacterSet, or as
 * Latin-1 if that is unknown. The result contains nothing that a terminal would interpret, and no padding.
 */
export function decodeText(octets: Uint8Array, charset?: number): string {
  const text = octets.length > maxOctets ? octets.subarray(0, maxOctets) : octets;
  // The usual case: the same in every character set.
  const ascii = maybePrintableAscii(text);
  if (ascii !== undefined) return (ascii.includes("  ") ? ascii.replace(/ {2,}/g, " ") : ascii).trim();
  return cleanText(decodeOctets(text, charset));
}

/** Longest decoded text: texts of the MIBs have at most 255 octets, device ids a few times that. */
const maxOctets = 2048;

/** Decodes octets whose lines after the first may be octets in hexadecimal: "Black Cartr\n69 64 67 65". */
export function decodeHexContinued(octets: Uint8Array, charset?: number): string {
  if (!octets.includes(lineFeed)) return decodeText(octets, charset);
  const [first = "", ...rest] = new TextDecoder("latin1").decode(octets).split("\n");
  if (rest.length === 0 || !rest.every((line) => hexLine.test(line))) return decodeText(octets, charset);
  const tail = rest.flatMap((line) => line.trim().split(" ").map((pair) => Number.parseInt(pair, 16)));
  return decodeText(Uint8Array.from([...octets.subarray(0, first.length), ...tail]), charset);
}

const lineFeed = 0x0a;
const hexLine = /^(?:[0-9A-Fa-f]{2} )*[0-9A-Fa-f]{2} ?$/;

/** Removes escape sequences, control and bidirectional characters, and folds white space to single spaces. */
export function cleanText(text: string): string {
  return text.toWellFormed()
    .replace(escapeSequences, "")
    .replace(controls, " ")
    .replace(invisible, "")
    .replace(/\s+/g, " ")
    .trim();
}

// deno-lint-ignore no-control-regex -- control characters are what is being removed
const escapeSequences = /\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]P^_X][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?|[ -/]*[0-~])/g;
// deno-lint-ignore no-control-regex -- as above; C0, DEL, C1, line and paragraph separators
const controls = /[\x00-\x1f\x7f-\x9f\u2028\u2029]+/g;
/** Marks, embeddings and overrides of direction, zero-width characters, tags, the byte order mark and U+FFFD. */
const invisible = /[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffd\u{e0000}-\u{e007f}]/gu;

function decodeOctets(octets: Uint8Array, charset: number | undefined): string {
  const name = charsetName(charset);
  const wide = wideName(octets, name);
  if (wide !== undefined) return decodeNamed(octets.length % 2 === 0 ? octets : octets.subarray(0, -1), wide);
  const text = firstString(octets);
  // ISO-2022-JP is ASCII with escape sequences; in all other sets an octet below 80 is its ASCII character.
  if (name === "iso-2022-jp" && text.includes(0x1b)) return decodeNamed(text, name);
  if (text.every((octet) => octet < 0x80)) return new TextDecoder("utf-8").decode(text);
  return maybeUtf8(text) ?? decodeNamed(text, singleName(text, name));
}

/**
 * UTF-8 if it is valid, except for a last character that was cut off by a fixed-size field, or if errors are rare: more
 * multi-octet characters than invalid octets.
 */
function maybeUtf8(octets: Uint8Array): string | undefined {
  const text = new TextDecoder("utf-8").decode(withoutCutCharacter(octets));
  const wide = [...text].filter((character) => character.charCodeAt(0) > 0x7f && character !== "\ufffd").length;
  const damage = text.split("\ufffd").length - 1;
  return wide > damage * 2 ? text : undefined;
}

/** Removes an incomplete character at the end. */
function withoutCutCharacter(octets: Uint8Array): Uint8Array {
  for (let back = 1; back <= 3 && back <= octets.length; back++) {
    const octet = octets.at(-back)!;
    if ((octet & 0xc0) === 0x80) continue;
    const length = octet >= 0xf5 ? 1 : octet >= 0xf0 ? 4 : octet >= 0xe0 ? 3 : octet >= 0xc2 ? 2 : 1;
    return length > back ? octets.subarray(0, -back) : octets;
  }
  return octets;
}

/** The UTF-16 variant: by byte order mark, by NULs in every pair, or as declared if there is a NUL or no ASCII. */
function wideName(octets: Uint8Array, declared: string | undefined): string | undefined {
  if (octets.length < 2) return undefined;
  if (octets[0] === 0xff && octets[1] === 0xfe) return "utf-16le";
  if (octets[0] === 0xfe && octets[1] === 0xff) return "utf-16be";
  // Only pairs with a character count, as padding at the end gives no information.
  const pairs: [number, number][] = [];
  for (let i = 0; i + 1 < octets.length; i += 2) {
    if (octets[i] !== 0 || octets[i + 1] !== 0) pairs.push([octets[i]!, octets[i + 1]!]);
  }
  if (pairs.length > 1 && pairs.every(([high]) => high === 0)) return "utf-16be";
  if (pairs.length > 1 && pairs.every(([, low]) => low === 0)) return "utf-16le";
  if (declared === undefined || !declared.startsWith("utf-16") || octets.length % 2 === 1) return undefined;
  const isAscii = pairs.flat().every((octet) => octet > 0 && octet < 0x80);
  return isAscii && !pairs.some((pair) => pair.includes(0)) ? undefined : declared;
}

/** The declared set, or its Windows extension if there are octets 80 to 9f that are control characters in the set. */
function singleName(octets: Uint8Array, declared: string | undefined): string {
  if (declared === undefined || declared === "utf-8" || declared.startsWith("utf-16")) return "windows-1252";
  const extended = octets.some((octet) => octet >= 0x80 && octet < 0xa0) ? windowsSets.get(declared) : undefined;
  return extended ?? declared;
}

const windowsSets: ReadonlyMap<string, string> = new Map([
  ["iso-8859-2", "windows-1250"],
  ["iso-8859-5", "windows-1251"],
  ["iso-8859-7", "windows-1253"],
  ["iso-8859-15", "windows-1252"],
]);

function charsetName(charset: number | undefined): string | undefined {
  return charset === undefined ? undefined : charsets.get(charset);
}

function decodeNamed(octets: Uint8Array, name: string): string {
  // TextDecoder follows the web platform: it has no Roman-8, and of the DOS code pages only 866.
  if (/^(?:hproman8|cp|big5-hkscs$)/.test(name)) return iconv.decode(octets, name);
  return new TextDecoder(name).decode(octets);
}

/** Octets up to the first NUL: the rest is padding, or old content of the device's memory. */
function firstString(octets: Uint8Array): Uint8Array {
  const start = octets.findIndex((octet) => octet !== 0);
  if (start < 0) return new Uint8Array();
  const end = octets.indexOf(0, start);
  return octets.subarray(start, end < 0 ? undefined : end);
}

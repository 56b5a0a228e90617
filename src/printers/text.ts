import iconv from "iconv-lite";

/**
 * IANA MIBenum numbers that prtLocalizationCharacterSet takes, by the name that iconv-lite or TextDecoder knows.
 * https://www.iana.org/assignments/character-sets
 */
const charsets: Readonly<Record<number, string>> = {
  3: "windows-1252",
  4: "windows-1252",
  5: "iso-8859-2",
  6: "iso-8859-3",
  7: "iso-8859-4",
  8: "iso-8859-5",
  9: "iso-8859-6",
  10: "iso-8859-7",
  11: "iso-8859-8",
  12: "windows-1254",
  13: "iso-8859-10",
  17: "shift_jis",
  18: "euc-jp",
  36: "euc-kr",
  37: "euc-kr",
  38: "euc-kr",
  39: "iso-2022-jp",
  106: "utf-8",
  109: "iso-8859-13",
  110: "iso-8859-14",
  111: "iso-8859-15",
  112: "iso-8859-16",
  113: "gbk",
  114: "gb18030",
  1000: "utf-16be",
  1013: "utf-16be",
  1014: "utf-16le",
  1015: "utf-16be",
  2004: "hproman8",
  2009: "cp850",
  2010: "cp852",
  2011: "cp437",
  2013: "cp862",
  2024: "shift_jis",
  2025: "gbk",
  2026: "big5",
  2027: "macintosh",
  2045: "cp855",
  2046: "cp855",
  2047: "cp857",
  2049: "cp864",
  2052: "cp866",
  2084: "koi8-r",
  2085: "gb2312",
  2086: "cp866",
  2087: "cp775",
  2088: "koi8-u",
  2101: "big5-hkscs",
  2109: "windows-874",
  2250: "windows-1250",
  2251: "windows-1251",
  2252: "windows-1252",
  2253: "windows-1253",
  2254: "windows-1254",
  2255: "windows-1255",
  2256: "windows-1256",
  2257: "windows-1257",
  2258: "windows-1258",
  2259: "tis-620",
};

/**
 * Text of octets from a device: valid multi-octet UTF-8 is UTF-8 whatever the device declares, anything else is read
 * by the IANA MIBenum of prtLocalizationCharacterSet, or as Latin-1 when that is unknown. The result holds nothing that
 * a terminal would interpret, and no padding.
 */
export function decodeText(octets: Uint8Array, charset?: number): string {
  return cleanText(decodeOctets(withoutTrailingNuls(octets), charset));
}

/** Text of octets whose lines after the first may be octets in hexadecimal: "Black Cartr\n69 64 67 65". */
export function decodeHexContinued(octets: Uint8Array, charset?: number): string {
  const [first = "", ...rest] = new TextDecoder("latin1").decode(octets).split("\n");
  if (rest.length === 0 || !rest.every((line) => hexLine.test(line))) return decodeText(octets, charset);
  const tail = rest.flatMap((line) => line.trim().split(" ").map((pair) => Number.parseInt(pair, 16)));
  return decodeText(Uint8Array.from([...octets.subarray(0, first.length), ...tail]), charset);
}

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
  if (octets.every((octet) => octet < 0x80)) {
    // UTF-16 text is all ASCII octets and NULs for Latin script; every other listed set contains ASCII.
    return charsetName(charset)?.startsWith("utf-16") && octets.includes(0)
      ? decodeNamed(octets, charsetName(charset)!)
      : new TextDecoder("utf-8").decode(octets);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(octets);
  } catch {
    // Not UTF-8: the declared character set decides.
  }
  const name = charsetName(charset);
  return decodeNamed(octets, name === undefined || name === "utf-8" ? "windows-1252" : name);
}

function charsetName(charset: number | undefined): string | undefined {
  return charset === undefined ? undefined : charsets[charset];
}

function decodeNamed(octets: Uint8Array, name: string): string {
  // TextDecoder follows the web platform and has no Roman-8 and no DOS code pages but 866.
  if (/^(?:hproman8|cp|big5-hkscs$)/.test(name)) return iconv.decode(octets, name);
  return new TextDecoder(name).decode(octets);
}

function withoutTrailingNuls(octets: Uint8Array): Uint8Array {
  let end = octets.length;
  while (end > 0 && octets[end - 1] === 0) end--;
  return octets.subarray(0, end);
}

/** Order codes and serial numbers that makers write into the descriptions of supplies. */
import { remembered } from "./remembered.ts";

export interface SupplyName {
  description: string;
  partNumber: string | null;
  serial: string | null;
}

/** The label before a serial number. */
const serialLabel = "(?:S\\/N|Serial(?:\\s?(?:No\\.?|Number|Nr\\.?|#))?)\\s*[:#.]?\\s*";
const serials = [
  new RegExp(`[\\s,;([]*\\b${serialLabel}([A-Z0-9-]*)\\s*[)\\]]?\\s*(?=$|[,;])`, "i"),
  /[,;]\s*SN[:#. ]*([A-Z0-9-]*)\s*(?=$|[,;])/i,
  /[\s([]+SN(?:\s*[:#.]\s*|\s+)([A-Z0-9-]*\d[A-Z0-9-]*)\s*[)\]]?\s*(?=$|[,;])/i,
  /[\s,;([]+(CRUM-?[A-Z0-9]+)\s*[)\]]?\s*(?=$|[,;])/i,
];

/** Labels that are also ordinary words, unlike PN: the text after them must look like a code. */
const partLabel = [
  "Part(?:\\s?(?:No\\.?|Number|Nr\\.?|#)|-?No\\.?)",
  "OEM(?:\\s?(?:code|no\\.?))?",
  "(?:Order|Product|Item)\\s?(?:code|no\\.?|number|#)",
  "(?:Art|Best|Teile)\\.?-?\\s?(?:Nr|nummer)\\.?",
  "R[ée]f(?:\\.|[ée]rence|erencia)?",
  "N[.º°úu]*m?(?:ero)?\\.?\\s(?:de\\s)?(?:pieza|parte|peça|pièce)",
  "Артикул",
  "品番|部品番号|部件号",
].join("|");
const parts = [
  /[\s,;([]+P\/?N(?:\s*[:#]\s*|\s+)([^;,]*?)\s*[)\]]?\s*(?=$|[;,])/i,
  new RegExp(`[\\s,;([]+(?:${partLabel})\\s*[:#]?\\s*([A-Z0-9./-]*\\d[A-Z0-9./-]*)\\s*[)\\]]?\\s*(?=$|[;,])`, "iu"),
  // HP's name before its order code at the end
  /[\s,]+HP\s*((?:[A-Z]{1,2}\d{2,4}[A-Z]{1,2}|[A-Z]\d[A-Z]\d{2}[A-Z]{1,2}|\d[A-Z]{2}\d{2}[A-Z]{1,2}|unknown|none))\s*$/i,
];

/** Order codes in the makers' formats, to find them without a label. */
const codes = new RegExp(
  `(?<![\\p{L}\\d-])(${
    [
      // HP CF410X, W2110A, W9004MC, Q5942A, CN045AE, D7H14A, 3YM63AE
      "[A-Z]{1,2}\\d{2,4}(?:[AXY]|[AXYMJ][CDEHM])|[A-Z]\\d[A-Z]\\d{2}[AX]E?|\\d[A-Z]{2}\\d{2}[AX]E?",
      // Brother TN-423BK, DR-421CL, LC-3219XLC, BU-330CL; Kyocera TK-5240K, DK-5230; UTAX PK-3010S, CK-8514M; Pantum TL-5120X
      "(?:TN|DR|LC|BU|WT|TK|DK|MK|FK|DV|PK|CK|TL|DL|PC)-?\\d{2,5}[A-Z]{0,4}",
      // Samsung CLT-K504S, MLT-D204L
      "(?:CLT|MLT|SCX|CLP)-[A-Z]\\d{3,4}[A-Z]{0,2}",
      // Sharp MX-61GTBA, BP-GT20BA; Toshiba T-FC505EK, T-FC415E-C
      "(?:MX|BP|AR)-[A-Z]?\\d{0,3}[A-Z]{1,2}\\d{0,3}[A-Z]{2}|T-[A-Z]{0,2}\\d{2,4}[A-Z]{0,2}(?:-[KCMY])?",
      // Epson C13T907140, C13S050691; Xerox 106R03532; Konica Minolta A33K150, A0X5153; Fuji CT201370; Dell 593-BBLL
      "C1[23][TS][A-Z0-9]{6}|\\d{3}[RKEN]\\d{5}|A[A-Z0-9]{2}[A-Z]\\d{3}|A[A-Z0-9]{3}\\d{3}|CT\\d{6}|CWAA\\d{4}|593-[A-Z0-9]{4,5}",
      // Canon C-EXV51, GPR-55, NPG-71, PFI-1000, CLI-581, PGI-580, CRG-054H
      "(?:C-EXV|GPR|NPG|PFI|CLI|PGI|CRG)[- ]?\\d{2,4}[A-Z]{0,4}",
      // Lexmark 71B20K0, 24B6186, 50F2X00, C2320K0
      "\\d{2}[A-Z]\\d[A-Z0-9]{2}\\d|[BC]\\d{4}[KCMYX]0",
      // Ricoh 841817, OKI 44469803
      "(?:40|41|82|84|88|89)\\d{4}|4\\d{7}",
    ].join("|")
  })(?![\\p{L}\\d-])`,
  "u",
);

/** A description that consists of one or several codes only: Kyocera and older Brother devices. */
const bareCodes = /^[A-Z]{2,3}-?\d{2,5}[A-Z]{0,3}(?:\/[A-Z]{2,3}-?\d{2,5}[A-Z]{0,3})*$/;

/**
 * Separates part number and serial from a description: `Black Toner, PN 006R00000;SN00`, `… S/N:CRUM-00`, `… (Part No.
 * X00)`, `Black Cartridge HP CF000A`. "unknown" and empty ones are null, but are removed from the description too; a
 * code without a label stays there.
 */
export const splitSupplyName = remembered((text): Readonly<SupplyName> => {
  let description = text;
  const cut = (patterns: RegExp[]): string | null => {
    for (const pattern of patterns) {
      const found = pattern.exec(description);
      if (found === null) continue;
      description = description.slice(0, found.index) + description.slice(found.index + found[0].length);
      const code = maybeCode(found[1]?.trim());
      if (code !== null) return code;
    }
    return null;
  };
  const serial = cut(serials);
  let partNumber = cut(parts);
  description = description.replace(/[\s,;:([]+$/, "").trim();
  if (bareCodes.test(description)) partNumber ??= description;
  partNumber ??= maybeCode(codes.exec(description)?.[1]?.replace(" ", ""));
  return { description, partNumber, serial };
});

/** A code must have digits, and not only zeros. */
function maybeCode(text: string | undefined): string | null {
  if (text === undefined || !/\d.*\d/.test(text) || /^[0-]*$/.test(text) || /\s/.test(text)) return null;
  return text;
}

const letters: ReadonlyMap<string, string> = new Map([
  ["K", "black"],
  ["B", "black"],
  ["C", "cyan"],
  ["M", "magenta"],
  ["Y", "yellow"],
]);

/**
 * Colorants of order codes that differ in one letter, such as TK-5240K and TK-5240C: the letters are taken as colours
 * if at least two of black, cyan, magenta and yellow occur. Otherwise undefined.
 */
export function colorantsByCode(codes: readonly (string | null)[]): readonly (string | undefined)[] {
  return codes.some((code) => code !== null) ? colorantsOf(JSON.stringify(codes)) : codes.map(() => undefined);
}

const colorantsOf = remembered((text): readonly (string | undefined)[] => {
  const codes: (string | null)[] = JSON.parse(text);
  const plain = codes.map((code) => code?.replace(/BK(?=$|[^A-Z])/, "K") ?? null);
  return plain.map((code) => {
    if (code === null) return undefined;
    for (const [position, letter] of [...code].entries()) {
      const colorant = letters.get(letter);
      if (colorant === undefined) continue;
      const blank = (text: string) => `${text.slice(0, position)}?${text.slice(position + 1)}`;
      const found = new Set(
        plain.filter((other) => other !== null && other.length === code.length && blank(other) === blank(code))
          .map((other) => other![position]!),
      );
      const coloured = [...found].filter((it) => letters.has(it));
      if (coloured.length === found.size && coloured.some((it) => "CMY".includes(it)) && found.size > 1) {
        return colorant;
      }
    }
    return undefined;
  });
});

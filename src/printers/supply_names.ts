/**
 * What a supply is, from the words of its description. Makers leave type and colorant out, or say `other`, and write
 * the description in the language of the panel.
 */

/** Colorants by name; the first match wins, so that "matte black" comes before "black". */
const colorants: readonly [colorant: string, words: RegExp][] = [
  [
    "color",
    /\btri-?colou?r|\bcmy\b|\bcolou?r\b(?=.*\b(?:cartridge|developer|drum|ink|toner|kit|imaging)\b)|farbpatrone|tricolore|tricromia/i,
  ],
  ["matteBlack", /\bmatt?e? ?black|mattschwarz|noir mat|nero opaco|negro mate/i],
  ["photoBlack", /\bphoto ?black|fotoschwarz|photoschwarz|noir photo|nero foto|negro foto/i],
  ["lightCyan", /\b(?:light|photo) ?cyan|hellcyan|cyan clair|ciano chiaro|cian claro/i],
  ["lightMagenta", /\b(?:light|photo|vivid light) ?magenta|hellmagenta|magenta (?:clair|chiaro|claro)/i],
  ["lightGray", /\b(?:light|photo) ?gr[ae]y|hellgrau|gris clair|grigio chiaro|gris claro/i],
  [
    "black",
    /\bblack\b|schwarz|\bnoire?\b|\bnero\b|\bnera\b|\bnegr[oa]\b|\bpret[oa]\b|czarn|черн|чёрн|svart|\bsort\b|zwart|fekete|čern|siyah|黒|黑|ブラック|검정/iu,
  ],
  ["cyan", /\bcyan\b|\bciano?\b|\bcyjan|błękitn|голуб|циан|azurov|シアン|青色|青/iu],
  ["magenta", /magenta|purpurow|пурпур|маджент|マゼンタ|品红|洋红|红色/iu],
  [
    "yellow",
    /yellow|gelb|jaune|giall[oa]|amarill[oa]|amarel[oa]|żółt|zolt|желт|жёлт|\bgul\b|\bgeel\b|sárga|žlut|イエロー|黄/iu,
  ],
  ["gray", /\bgr[ae]y\b|\bgrau\b|\bgris\b|\bgrigio\b|szar[ya]|серый/iu],
  ["red", /\bred\b|\brot\b|\brouge\b|\brosso\b|\brojo\b|czerwon|красн/iu],
  ["green", /\bgreen\b|\bgrün\b|\bvert\b|\bverde\b|zielon|зел[её]н/iu],
  ["blue", /\bblue\b|\bblau\b|\bbleu\b|\bblu\b|\bazul\b|niebiesk|синий/iu],
  ["orange", /\borange\b|\barancione\b|\bnaranja\b|pomarańcz|оранж/iu],
  ["violet", /\bviolet\b|\bviola\b|\bvioleta\b/i],
  ["white", /\bwhite\b|\bwei(?:ß|ss)\b|\bblanc\b|\bbianco\b|\bblanco\b|biał|бел[аы]/iu],
  ["clear", /\bclear\b|\btransparent\b|gloss (?:optimizer|enhancer)/i],
];

/** Kinds by word, most telling first: "waste toner" is no toner and a "transfer belt cleaner" no cleaner. */
const kinds: readonly [kind: string, words: RegExp][] = [
  [
    "wasteInk",
    /(?:waste|maintenance)[ -]?ink|ink waste|resttinte|maintenance (?:box|cartridge|tank)|wartungs(?:tank|patrone|kassette)|tampon d'encre/i,
  ],
  [
    "wasteToner",
    /waste|resttoner|alttoner|r[ée]cup[ée]rat|usagé|scart[io]|recupero|residu|resíduo|zużyt|zuzyt|отработ|廃|废/iu,
  ],
  ["staples", /stapl|heftklammer|agraf|punt[oi] metallic|graffett|grapas|zszyw|скоб|ステープ|针|針/iu],
  [
    "developer",
    /develop|entwickler|révélateur|developpeur|sviluppator|revelador|wywoływ|проявит|девелопер|現像|显影/iu,
  ],
  ["fuser", /\bfus(?:er|ing|ore|or)\b|fixier|fixeuse|fusion(?:e|adora)?\b|utrwal|термо|фьюзер|печк|定着|定影/iu],
  ["transferUnit", /transfer|übertrag|trasferim|transferen|transfert|перенос|\bbelt\b|転写|转印|转写/iu],
  [
    "drum",
    /drum|photo ?conduct|photorecept|imaging (?:unit|kit|drum)|image unit|\bopc\b|trommel|tambour|tambur|tambor|fotoric|fotorrec|fotoconduc|unit(?:à|a) (?:di )?imag|bęben|beben|барабан|фотобар|ドラム|感光|硒鼓|成像/iu,
  ],
  ["cleanerUnit", /\bclean(?:er|ing)\b|reinigung|nettoyage|pulizia|limpieza|czyszcz/iu],
  ["toner", /toner|tóner|тонер|トナー|碳粉|墨粉|粉盒/iu],
  ["ink", /\binks?\b|tinte|\bencres?\b|inchiostro|\btintas?\b|atrament|чернил|インク|墨水|墨盒|printhead/iu],
];

/** A cartridge of a colour that does not say what is in it: toner, for ink is always called ink. */
const cartridge = /cartridge|kartusche|kassette|cartouche|cartuccia|cartucho|kartridż|картридж|カートリッジ/iu;

/** The kind that a description names, or undefined. */
export function kindFromWords(description: string): string | undefined {
  const named = kinds.find(([, words]) => words.test(description))?.[0];
  if (named !== undefined) return named;
  return cartridge.test(description) && colorantFromWords(description) !== undefined ? "tonerCartridge" : undefined;
}

/** The colorant that a name or description says, `color` when it says several, or undefined. */
export function colorantFromWords(text: string): string | undefined {
  const found = colorants.filter(([, words]) => words.test(text)).map(([colorant]) => colorant);
  const primaries = found.filter((colorant) => ["cyan", "magenta", "yellow"].includes(colorant));
  if (primaries.length > 1) return "color";
  if (found.length > 0) return found[0];
  // "Toner [K] Cartridge", "Toner (C)": a letter alone in brackets.
  const letter = /[[(]([KCMY])[\])]/.exec(text)?.[1];
  return letter === undefined ? undefined : letters[letter];
}

const letters: Readonly<Record<string, string>> = { K: "black", C: "cyan", M: "magenta", Y: "yellow" };

export interface SupplyName {
  description: string;
  partNumber: string | null;
  serial: string | null;
}

/**
 * Takes part number and serial out of a description: `Black Toner, PN 006R00000;SN00`, `… S/N:CRUM-00`, `… PN#106R00000`,
 * `Black Cartridge HP CF000A`. "unknown" and empty ones are null, and leave the description all the same.
 */
export function splitSupplyName(text: string): SupplyName {
  let description = text;
  let partNumber: string | null = null;
  let serial: string | null = null;
  const cut = (pattern: RegExp): string | undefined => {
    const found = pattern.exec(description);
    if (found === null) return undefined;
    description = description.slice(0, found.index) + description.slice(found.index + found[0].length);
    return found[1]?.trim();
  };
  serial = maybeCode(cut(/[\s,;]*\bS\/N\s*[:#]?\s*([A-Z0-9-]*)\s*$/i) ?? cut(/[,;]\s*SN[:# ]*([A-Z0-9-]*)\s*$/i));
  partNumber = maybeCode(cut(/[\s,;]+P\/?N(?:\s*[:#]\s*|\s+)([^;,]*?)\s*(?=$|[;,])/i));
  partNumber ??= maybeCode(
    cut(
      /[\s,]+(?:HP\s*)((?:[A-Z]{1,2}\d{2,4}[A-Z]{1,2}|[A-Z]\d[A-Z]\d{2}[A-Z]{1,2}|\d[A-Z]{2}\d{2}[A-Z]{1,2}|unknown|none))\s*$/i,
    ),
  );
  partNumber ??= maybeCode(/\bHP ([A-Z]{1,2}\d{2,4}[A-Z]{1,2}|[A-Z]\d[A-Z]\d{2}[A-Z]{1,2})\b/.exec(description)?.[1]);
  description = description.replace(/[\s,;:]+$/, "").trim();
  // Kyocera and older Brothers print nothing but the order code.
  if (/^[A-Z]{2,3}-?\d{2,5}[A-Z]{0,3}(?:\/[A-Z]{2,3}-?\d{2,5}[A-Z]{0,3})*$/.test(description)) {
    partNumber ??= description;
  }
  return { description, partNumber, serial };
}

/** A code has digits and is no series of zeros. */
function maybeCode(text: string | undefined): string | null {
  if (text === undefined || !/\d.*\d/.test(text) || /^[0-]*$/.test(text) || /\s/.test(text)) return null;
  return text;
}

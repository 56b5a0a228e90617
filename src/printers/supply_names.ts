import { remembered } from "./remembered.ts";

/**
 * Kind and colour of a supply from the words of its description. Makers omit type and colorant, or use `other`, and
 * write the description in the language of the panel. \b works for ASCII letters only, so short words are enclosed in
 * (?<!\p{L}) and (?!\p{L}).
 */

function word(words: string): string {
  return `(?<![\\p{L}\\d])(?:${words})(?![\\p{L}\\d])`;
}

function any(...patterns: string[]): RegExp {
  return new RegExp(patterns.join("|"), "iu");
}

/**
 * The printing colours in further languages of panels: Thai, Vietnamese, Indonesian and Malay, Filipino; Arabic,
 * Persian, Hebrew, Hindi; Turkish, Kazakh; Hungarian, Romanian, Albanian, Greek; Bulgarian, Ukrainian, Belarusian,
 * Serbian, Macedonian, Croatian, Slovak, Slovenian; Lithuanian, Latvian, Estonian, Finnish, Icelandic; Catalan,
 * Galician, Basque, Afrikaans.
 */
const elsewhere = {
  black: [
    "ด(?:ำ|ํา)|[đð]en(?!\\p{L})|[أا]سود|سوداء|سیاه|مشکی|שחור|काल[ाीे]|μα[υύ]ρ|ч[ео]р(?:ен|ны)|црн[аои]?(?!\\p{L})|čiern|črn",
    word(
      "hitam|itim|s[iİ]yah|қара|fekete|negr[uae]|zezë|i zi|crn[aiou]|juod[aoi]s?|meln[ais]|must|svartur|beltza?|swart",
    ),
  ],
  cyan: [
    "ฟ้า|ไซแอน|ไซยาน|xanh (?:lam|lơ|da trời|lục lam)|lục lam|سماوي|سيان|سایان|فیروزه|ציאן|טורקיז|תכלת|सियान|स्यान|क्यान",
    "camgöbe[ğg]|cam göbe[ğg]|turkuaz|көгілдір|κυαν|τιρκουάζ|с[иі]н[ьъ]озелен|блакіт|цијан|az[uú]rov|žydr|žalsvai mėl|ciān|zilgan|tsüaan",
    word("sian|biru muda|ciánkék|azuriu|turcoaz|cijana?|plavozelen[aio]|blágrænn?|ziana?|siaan"),
  ],
  magenta: [
    "ม่วงแดง|แดงม่วง|บานเย็น|มาเจนต้า|มาเจนตา|ชมพู|đỏ (?:tươi|tía|sẫm|thẫm)|hồng|cánh sen|أرجواني|ارجواني|قرمزي|ماجنتا|ماجينتا|فوشيا",
    "سرخابی|ارغوانی|מג'?נטה|ארגמן|मैजेंटा|मजेंटा|macenta|маг[еэ]нт|мадж[еэ]нт|қызғылт|πορφυρ|φούξια|ματζ[εέ]ντα|пурпур|малинов",
    "grimizn|škrlatn|purpurn|purpurin|fuks[iī]n|fuksia|рожев",
    word("merah (?:muda|keunguan|tua)|maxenta|karmazyn\\w*|amarant\\w*|rauðblár"),
  ],
  yellow: [
    "เหลือง|vàng|[أا]صفر|صفراء|زرد|צהוב|पील[ाीे]|κ[ιί]τριν|ж[ъо]лт|жоўт|жут[аои](?!\\p{L})|жолт",
    word(
      "kuning|dilaw|sar[iı]|сары|galben[aă]?|verdhë|žut[aiou]|rumen[aoi]|gelton(?:as?|i|os)|dzelten[ais]|kollane|gulur|groc|grog[ua]|horia?",
    ),
  ],
};

/** Colorants by name; the first match wins, so that "matte black" comes before "black". */
const colorants: readonly [colorant: string, words: RegExp][] = [
  [
    "matteBlack",
    any(
      "matt?e?[ -]?(?:black|bk)",
      "mattschwarz",
      "noir mat",
      "nero opaco",
      "negro mate",
      "preto fosco|マットブラック",
    ),
  ],
  [
    "photoBlack",
    any("photo[ -]?(?:black|bk)", "(?:foto|photo)schwarz", "noir photo", "nero foto", "negro foto", "フォトブラック"),
  ],
  ["lightLightBlack", any("light[ -]?light[ -]?black")],
  ["lightBlack", any("light[ -]?black")],
  [
    "lightCyan",
    any("(?:light|photo)[ -]?cyan", "hellcyan", "cyan clair", "ciano chiaro", "cian claro", "ライトシアン|淡青"),
  ],
  ["vividLightMagenta", any("vivid[ -]?light[ -]?magenta")],
  [
    "lightMagenta",
    any("(?:light|photo)[ -]?magenta", "hellmagenta", "magenta (?:clair|chiaro|claro)", "ライトマゼンタ"),
  ],
  ["vividMagenta", any("vivid[ -]?magenta")],
  ["photoGray", any("photo[ -]?gr[ae]y", "fotograu", "gris photo", "grigio foto", "フォトグレー")],
  ["lightGray", any("light[ -]?gr[ae]y", "hellgrau", "gris clair", "grigio chiaro", "gris claro", "ライトグレー")],
  ["darkGray", any("dark[ -]?gr[ae]y", "dunkelgrau", "gris (?:foncé|oscuro)", "grigio scuro")],
  [
    "black",
    any(
      "schwarz|czarn|черн|чёрн|чорн|čern|čierny|čierna|crn[aio](?!\\p{L})|黒|黑|ブラック|검정|검은|블랙|흑색",
      word("black|noire?|ner[oa]|negr[oaue]|pret[oa]|svart|sort|zwarte?|musta"),
      ...elsewhere.black,
    ),
  ],
  [
    "cyan",
    any(
      "błękitn|голуб|циан|блакит|azurov|シアン|青|시안|청록",
      word("cyan(?:e|fr?ag)?|ciano?|cián|cyjan(?:owy)?|cyaan|zyan|syaani|tirkizn[aio]"),
      ...elsewhere.cyan,
    ),
  ],
  [
    "magenta",
    any(
      "magenta|purpurow|purpurov|мажент|bíbor|マゼンタ|品红|品紅|洋红|洋紅|桃红|桃紅|紫红|紫紅|红色|紅色|마젠타|자홍|심홍|진홍",
      ...elsewhere.magenta,
    ),
  ],
  [
    "yellow",
    any(
      "yellow|gelb|jaune|giall[oa]|amarill[oa]|amarel[oa]|żółt|zolt|желт|жёлт|жовт|žlut|žlt|sárga|keltai|イエロー|黄|黃|노랑|노란|옐로|황색",
      word("gule?|gele?|geel"),
      ...elsewhere.yellow,
    ),
  ],
  ["gray", any("szar[ya]|сер(?:ый|ая|ые)(?!\\p{L})|グレー|灰", word("gr[ae]y|grau|gris|grigio|cinza|grijs|grå"))],
  [
    "red",
    any(
      "czerwon|красн|レッド|赤|แดง|أحمر|אדום|кырмыз|crven|červen|κόκκιν",
      word("red|rote?|rouge|ross[oa]|roj[oa]|vermelh[oa]|rood|röd|rød"),
    ),
  ],
  [
    "green",
    any(
      "zielon|зел[её]н|グリーン|绿|綠|緑|เขียว|أخضر|ירוק|zelen|πράσιν|yeşil",
      word("green|grün|verte?|verde|groen|grön|grøn"),
    ),
  ],
  [
    "blue",
    any(
      "niebiesk|синий|ブルー|蓝|藍|น้(?:ำ|ํา)เงิน|xanh dương|أزرق|כחול|μπλε|mavi",
      word("blue|blau|bleue?|blu|azul|blauw|blå"),
    ),
  ],
  ["orange", any("pomarańcz|оранж|オレンジ", word("orange|arancione|naranja|laranja|oranje"))],
  ["violet", any(word("violett?e?|viola|violeta|purple"), "バイオレット")],
  ["white", any("biał|бел(?:ый|ая)|ホワイト|白", word("white|wei(?:ß|ss)|blanc|bianco|blanco|branco|wit|vit|hvid"))],
  ["clear", any(word("clear|transparente?|klar"), "(?:gloss|chroma) (?:optimi[sz]er|enhancer)|クリア")],
  ["silver", any(word("silver|silber|argent"))],
  ["gold", any(word("gold|oro"))],
];

const severalColours = any(
  "tri-?(?:colou?r|chrom)|tricromia|farbpatrone|三色|3色",
  word("cmy|(?:three|3)[ -]colou?r|c\\/m\\/y"),
  // "black and colour" means all colours.
  "(?:black|schwarz|noir|nero|negro)\\s*(?:and|und|et|e|y|&|\\+|\\/)\\s*(?:colou?r|farbe|couleur|colore)",
);

/** "Color" alone means several colours only for parts that contain colorant: not for a "Color LaserJet Fuser". */
const colourful = any(
  `${
    word("colou?r|couleur|colore|kleur|farbe")
  }(?=.*(?:cartridge|developer|drum|ink|toner|imaging|encre|tinte|kartusche))`,
  "(?:encre|cartouche)s? (?:de )?couleur|cartuccia (?:a )?color|カラー(?:インク|トナー)|цветн",
);

/** Abbreviations of colorants, valid as the whole text or as the first or last word of a description. */
const abbreviations: ReadonlyMap<string, string> = new Map([
  ["k", "black"],
  ["bk", "black"],
  ["blk", "black"],
  ["c", "cyan"],
  ["cy", "cyan"],
  ["cyn", "cyan"],
  ["m", "magenta"],
  ["mg", "magenta"],
  ["mag", "magenta"],
  ["y", "yellow"],
  ["ye", "yellow"],
  ["yl", "yellow"],
  ["yel", "yellow"],
  ["pk", "photoBlack"],
  ["pbk", "photoBlack"],
  ["mk", "matteBlack"],
  ["mbk", "matteBlack"],
  ["lk", "lightBlack"],
  ["llk", "lightLightBlack"],
  ["lc", "lightCyan"],
  ["lm", "lightMagenta"],
  ["pc", "lightCyan"],
  ["pm", "lightMagenta"],
  ["gy", "gray"],
  ["lgy", "lightGray"],
  ["pgy", "photoGray"],
  ["cmy", "color"],
]);

/** Kinds by word, most specific first: "waste toner" is not toner, and a "transfer belt cleaner" is not a cleaner. */
const kinds: readonly [kind: string, words: RegExp][] = [
  [
    "wastePaper",
    any(
      "(?:punch|staple|locher).*(?:waste|dust|scrap|chips?(?!\\p{L})|abfall)|(?:waste|scrap).*punch|パンチ(?:くず|屑)",
    ),
  ],
  [
    "wasteInk",
    any(
      "(?:waste|maintenance|used)[ -]?ink|ink[ -]?(?:waste|maintenance)|resttinte|maintenance (?:box|cartridge|tank)",
      "wartungs(?:tank|patrone|kassette|box)|tampon (?:d'|à )encre|(?:caja|cartucho) de mantenimiento|(?:caixa|cartucho) de manutenção",
      "(?:contenitore|scatola|cartuccia) (?:di )?manutenzione|廃インク|メンテナンスボックス|废墨",
    ),
  ],
  [
    "wasteToner",
    any(
      "waste|used toner|toner collect|resttoner|alttoner|restton|tonersammel|tonerauffang|tonerabfall|abfall",
      "r[ée]cup[ée]rat|usagé|usado|scart[io]|recupero|residu|resíduo|desech|esaust",
      "zużyt|zuzyt|odpad|spilltoner|spildtoner|överskott|overskud|brukt toner|hukka|afval|отработ|бункер|atık",
      "廃|回収|廢|废|폐|회수|ของเสีย|ใช้แล้ว|ทิ้ง|thải|limbah|buangan|terpakai|نفايات|مستعمل|فائض|ضایعات|פסולת|hulladék|használt",
      "reziduri|uzat|deșeuri|άχρηστ|απ[οό]βλητ|χρησιμοποιημέν|отпад|отпадъ|відпрац|використан|otpad|panaudot|atliek|izlietot|atkritum|jäätme|kasutatud",
      "úrgang|hondakin|sobrante|residual",
    ),
  ],
  [
    "staples",
    any(
      "stapl|heftklammer|heftpatrone|agraf|punt[oi] metallic|graffett|grapas|agrafos|grampos|niet(?:en|jes)",
      "zszyw|скоб|ステープ|针|針",
    ),
  ],
  ["inkRibbon", any("ribbon|farbband|nastro|ruban|inktlint|taśma barw|красящ|リボン|色带|色帶", word("cinta"))],
  [
    "developer",
    any(
      "develop|entwickler|révélateur|developpeur|sviluppator|revelador|wywoływ|vývojn|ontwikkel|framkall|проявит|девелопер|現像|显影|顯影",
    ),
  ],
  ["fuserCleaningPad", any("(?:fuser|fusing)[ -]?(?:clean|web)|cleaning web")],
  ["fuserOil", any("(?:fuser|fusing)[ -]?oil|silicone? oil")],
  [
    "fuser",
    any(
      word("fus(?:er|ing|ore|or)|fus(?:ion|ione|ión|ão)|fusionadora?|fuserenhet|печь"),
      "(?:module|kit) (?:du |de )?four|fixier|fixeuse|fixeer|fixering|fikser|fixačn|fixace|zapékac|utrwal|nagrzew|термо(?:блок|узел|закреп)|фьюзер|фузер|печк|закреплен|定着|定影|정착",
      "ฟิวเซอร์|sấy|مصهر|صهر|פיוזר|beégető|fixáló|fiksir|grelna|fiksav|kaitinim|kuumut|isıtıcı|ısıtıcı|kaynaştır|τήξης",
    ),
  ],
  [
    "transferUnit",
    any(
      "transfer|übertrag|trasferim|transferen|transfert|överföring|přenos|перенос|転写|转印|轉印|转写|전사|ถ่ายโอน|truyền|نقل|továbbít|átvitel|μεταφορ|aktarım|prijenos|prenos|перенес",
      word("belt"),
    ),
  ],
  ["coronaWire", any("corona|koronadraht|コロナ")],
  [
    "drum",
    any(
      word("opc|dob(?:egység)?|rumpu|cilindro|cilindre"),
      "drum|photo[ -]?conduct|photorecept|imaging (?:unit|kit|drum|assembly)|image (?:unit|drum)|trommel|tromle|trumm|tambour|tambur|tambor",
      "ดรัม|ลูกกลิ้ง|trống|أسطوانة|اسطوانة|طبلة|תוף|τύμπανο|bubanj|boben|būgn|veltn|trummel|tambor",
      "fotoric|fotorrec|fotoconduc|fotocondut|fotokond|bildeinheit|unit(?:à|a) (?:di )?imag|unidad de (?:imagen|formación)|unité d['’ ]imag",
      "bęben|beben|válec|барабан|фотобар|ドラム|感光|硒鼓|鼓|成像|드럼",
    ),
  ],
  ["cleanerUnit", any(word("clean(?:er|ing)"), "reinigung|nettoyage|pulizia|limpieza|limpeza|czyszcz|čist")],
  ["solidWax", any("solid ink|colorstix|festtinte")],
  [
    "toner",
    any(
      "toner|tóner|tooner|тонер|トナー|碳粉|墨粉|粉盒|토너|tonera|ผงหมึก|โทนเนอร์|bột mực|تونر|مسحوق|טונר|टोनर|τόνερ|γραφίτη|festékkazetta|dažai",
    ),
  ],
  [
    "ink",
    any(
      word("inks?|encres?|tint[ae]s?|inkt|muste|tusze?"),
      "tinte|(?<!\\p{L})inkt|inchiostro|atrament|inkoust|bläck|blæk|blekk|mürekkep|cerneal|чернил|インク|墨水|墨盒|잉크|หมึก|mực|حبر|جوهر|דיו|स्याही|μελάν|мастил|rašal|črnil|tindi|blek",
    ),
  ],
];

/** A coloured cartridge without a named content: it is toner, as ink is always named. */
const cartridge = any(
  "cartridge|kartusche|kassette|patrone|patroon|cartouche|cartuccia|cartucho|kartridż|картридж|カートリッジ",
);

/** Combined cartridges are ordered and counted as toner. */
const withToner = (() => {
  const other = "drum|develop\\w*|trommel|tambour|tambor|tamburo|entwickler";
  const and = " ?(?:\\/|&|\\+|and|und|et|y|e) ?";
  return any(`toner${and}(?:${other})`, `(?:${other})${and}toner`);
})();

/** Words that mean both toner and ink: Thai, Vietnamese, Arabic and Persian, Hebrew, Hindi. */
const inkOrToner = /หมึก|mực|حبر|جوهر|דיו|स्याही/iu;

/** Whether a text with a word for ink may mean toner as well. */
export function mayBeToner(text: string): boolean {
  return inkOrToner.test(composed(text));
}

/** The kind that a description names, or undefined. */
export const kindFromWords = remembered((text): string | undefined => {
  const description = composed(text);
  const named = kinds.find(([, words]) => words.test(description))?.[0];
  if ((named === "drum" || named === "developer") && withToner.test(description)) return "toner";
  if (named !== undefined) return named;
  return cartridge.test(description) && colorantFromWords(description) !== undefined ? "tonerCartridge" : undefined;
});

/** The colorant in a name or description, `color` for several, or undefined. */
export const colorantFromWords = remembered((name): string | undefined => {
  const text = composed(name);
  const whole = abbreviations.get(text.trim().toLowerCase());
  if (whole !== undefined) return whole;
  const found = colorants.filter(([, words]) => words.test(text)).map(([colorant]) => colorant);
  const primaries = found.filter((colorant) => ["cyan", "magenta", "yellow"].includes(colorant));
  if (primaries.length > 1 || severalColours.test(text)) return "color";
  return found[0] ?? abbreviated(text) ?? (colourful.test(text) ? "color" : undefined);
});

/**
 * Normalises equivalent spellings: accents and Thai vowels as one or several characters, half-width katakana,
 * full-width letters.
 */
function composed(text: string): string {
  return text.normalize("NFKC");
}

const holdsColour =
  /toner|\bink|drum|develop|cartridge|trommel|tambour|imaging|tinte|encre|kartusche|カートリッジ|トナー/i;

/**
 * Finds an abbreviation that starts with a capital: in brackets anywhere ("Toner [K] Cartridge", "Toner (Bk)"), or as
 * the first or last word of the name of a part with colorant ("Toner C", "BK Toner").
 */
function abbreviated(text: string): string | undefined {
  const bracketed = /[[(]([A-Z]{1,3}|[A-Z][a-z]{1,2})[\])]/.exec(text)?.[1];
  if (bracketed !== undefined) return abbreviations.get(bracketed.toLowerCase());
  if (!holdsColour.test(text)) return undefined;
  const ends = /^([A-Z]{1,3}|[A-Z][a-z])[\s_:-]|[\s_:-]([A-Z]{1,3}|[A-Z][a-z])$/.exec(text.trim());
  return abbreviations.get((ends?.[1] ?? ends?.[2] ?? "").toLowerCase());
}

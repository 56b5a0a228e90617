import { fieldOffer } from "./identity.ts";
import { knownText } from "./known_text.ts";
import { type Inquiry, maybeText, openInquiry } from "./inquiry.ts";
import type { ObjectStore } from "./object_store.ts";
import { detectedErrors, oids } from "./printer_mib.ts";
import type { Profile } from "./profile.ts";
import type { SnmpValue } from "../snmp/value.ts";
import { maybeInteger, maybeOctets, rawOf } from "./raw_value.ts";
import { remembered } from "./remembered.ts";
import type { PrinterState, PrinterStatus } from "../../common/reading/reading.ts";
import { ofPrinter, rowsOf } from "./table_rows.ts";
import { firstValid, type Offer } from "./trace.ts";

/** Panel texts of a sleeping printer, by language. An eco mode that saves toner is not sleep. */
const sleeping = new RegExp(
  [
    // English, German, French
    "sleep|power[ -]?sav|energy[ -]?sav|low[ -]?power|hibernat",
    "energiespar|ruhe(?:modus|zustand|stellung)|schlaf|stromspar",
    "veille|sommeil|hibernation|[ée]conomi\\w* d['’ ]?[ée]nergie|[ée]conomiseur d['’]énergie",
    // Italian, Spanish and Portuguese, Catalan and Galician, Basque, Romanian
    "risparmio(?! (?:di )?(?:toner|inchiostro))|(?:modo|modalità|a) riposo|sospensione|ibernazione",
    "reposo|ahorro(?! de (?:t[oó]ner|tinta))|suspensi[oó]n|suspendid|durmiendo|hibernaci|suspensão|suspenso|repouso|hiberna[cç]|a dormir",
    "(?:poupança|economia|economizador|econ\\.?) (?:de )?energia|poupar energia",
    "repòs|estalvi d['’]energia|suspensió|adormit|aforro de enerx[ií]a|lo (?:egoera|modu)|lotan|energia.?aurrez",
    "repaus|economisire(?! (?:de )?toner)|(?<!\\p{L})somn(?!\\p{L})|adormit|hibernare|inactivitate",
    // Dutch, Danish, Norwegian, Swedish, Finnish, Icelandic, Estonian
    "slaap|sluimer|energiebespar|energiespaar|stroombespar",
    "dvale|hvile|slumre|strømspar|strømbespar|energispar|energibespar|viloläge|vilar|strömspar|energibespar",
    "(?<!\\p{L})sov(?:er|e)(?!\\p{L})|lepotila|virransääst|horros|lepotilassa|energiansääst|unitila|svefn|orkuspar|une(?:re[zž]iim|olek)|puhkere[zž]iim|energiasääst",
    // Polish, Czech and Slovak, Hungarian, Croatian and Slovenian, Lithuanian and Latvian
    "uśpi|uspie|hibernacj|oszcz[ęe]dz(?!\\p{L}* toner)|(?:tryb|stan) snu",
    "sp[aá]nk|spánok|spánek|(?<!\\p{L})spí(?!\\p{L})|úspor(?!\\p{L}* toner)|alvó|alvás|energiatakar",
    "mirovanj|spavanj|(?<!\\p{L})spava|(?:štednj|ušted)\\p{L}* energije|spanj|varčev\\p{L}* z energijo|(?<!\\p{L})spanec",
    "mieg[oaų]|energijos taup|miega|energoekonom|enerģijas taup",
    // Russian, Ukrainian, Bulgarian, Serbian, Kazakh
    "спящ|(?<!\\p{L})(?:сон|сна|сну|спит)(?!\\p{L})|энергосбер|эконом\\p{L}*\\.? энерг|сплячий|сплячого|енергозбер|енергоощад|економі\\p{L}* енерг",
    "спящ|(?<!\\p{L})сън(?!\\p{L})|заспа|енергоспест|пестене на енерг|спавањ|мировањ|уштед\\p{L}* енерг|ұйқы",
    // Turkish, Greek
    "uyku|uyuyor|güç tasarruf|enerji tasarruf|αναστολ[ηή]|[υύ]πν|αδράνεια|νάρκη|εξοικονόμηση ενέργειας",
    // Arabic, Persian, Hebrew, Hindi
    "سكون|سبات|السبات|النوم|وضع نوم|توفير الطاقة|خمول|خواب|ذخیره انرژی|صرفه.?جویی در|שינה|תרדמה|חי?סכון ב?(?:חשמל|אנרגיה)|स्लीप|निद्रा",
    // Thai, Vietnamese, Indonesian and Malay, Filipino
    "พัก|หลับ|สลีป|ประหยัดพลังงาน|ngủ|tiết kiệm (?:năng lượng|điện)|(?<!\\p{L})tidur|hemat (?:daya|energi)|penghemat|jimat (?:kuasa|tenaga)|natutulog",
    // Japanese, Chinese, Korean
    "スリープ|節電|省エネ|低電力|休止|休眠|睡眠|节能|節能|节电|省电|省電|低功耗|低耗|절전|슬립|수면|휴면",
  ].join("|"),
  "iu",
);

/**
 * State, errors and panel. hrPrinterStatus and hrDeviceStatus are interpreted in pairs as in RFC 3805 section 2.2.13.2:
 * `other` means standby on a running device and stopped on one that is down.
 */
export function readStatus(inquiry: Inquiry): PrinterStatus {
  const { store, hostRow, trace } = inquiry;
  const panel = readPanel(inquiry);
  const [printerOid, hostOid, errorsOid] = [
    oids.hrPrinterStatus,
    oids.hrDeviceStatus,
    oids.hrPrinterDetectedErrorState,
  ].map((column) => `${column}.${hostRow}`) as [string, string, string];
  const printer = maybeInteger(store.get(printerOid));
  const host = maybeInteger(store.get(hostOid));
  const state = stateOf({ printer, host, panel });
  const raw = { printerStatus: printer ?? null, deviceStatus: host ?? null, panel };
  const rule = "rfc3805.state";
  const answered = store.get(printerOid) ?? store.get(hostOid);
  const known = answered === undefined && panel === null ? undefined : state;
  firstValid(trace, "status.state", [{ oid: printerOid, rule, answered, raw, value: known }]);
  const octets = store.get(errorsOid);
  const bits = maybeErrorBits(octets);
  const errors = decodeErrors(bits);
  const value = bits === undefined ? undefined : errors.join(", ");
  firstValid(trace, "status.errors", [{ oid: errorsOid, rule: "hostResources.errors", answered: octets, value }]);
  return { state, errors, panel };
}

const isSleep = remembered((panel): boolean => sleeping.test(panel.normalize("NFKC")));

/** Whether the objects that were read so far show that the printer sleeps. */
export function reportsSleep(store: ObjectStore, profile: Profile): boolean {
  return readStatus(openInquiry(store, profile, [])).state === "sleeping";
}

/**
 * Octets of hrPrinterDetectedErrorState. Some agents send hexadecimal text ("0000", "00 40"), some an INTEGER: 0 means
 * no error, a number of 16 bits has both octets, and for one below 256 it is unknown which octet it is.
 */
export function maybeErrorBits(value: SnmpValue | undefined): Uint8Array | undefined {
  const octets = maybeOctets(value);
  if (octets === undefined) {
    const number = maybeInteger(value);
    if (number === 0) return new Uint8Array(2);
    return number !== undefined && number >= 256 && number < 65536
      ? Uint8Array.of(number >> 8, number & 255)
      : undefined;
  }
  // Most printers send bits, which need no text.
  if (octets.length < 2 || !isHexDigit(octets[0]!)) return octets;
  const text = new TextDecoder("latin1").decode(octets).replace(/[\0\s]+$/, "").replace(/^0x/i, "");
  // Two digits could be two raw octets, but these errors never occur together; longer texts as raw octets are not valid
  // errors of RFC 2790.
  const isSpelt = /^\d\d$/.test(text) || /^[0-9a-f]{2}(?:[ :-]?[0-9a-f]{2})+$/i.test(text);
  return isSpelt ? Uint8Array.fromHex(text.replace(/[^0-9a-f]/gi, "")) : octets;
}

/** Whether the octet is a character of 0 to 9 or of A to F in either case. */
function isHexDigit(octet: number): boolean {
  const lower = octet | 0x20;
  return (octet >= 0x30 && octet <= 0x39) || (lower >= 0x61 && lower <= 0x66);
}

/** Names of the set bits, however many octets the device sends. */
export function decodeErrors(octets: Uint8Array | undefined): string[] {
  if (octets === undefined) return [];
  return detectedErrors.filter((_, bit) => ((octets[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0);
}

/** The state of a printer from hrPrinterStatus, hrDeviceStatus and the panel's text. */
export function stateOf(
  seen: { printer: number | undefined; host: number | undefined; panel: string | null },
): PrinterState {
  if (seen.printer === 4) return "printing";
  if (seen.host === 5) return seen.printer === 5 ? "warmup" : "stopped";
  if (seen.printer === 5) return "warmup";
  if (seen.panel !== null && isSleep(seen.panel)) return "sleeping";
  if (seen.printer === 3) return "idle";
  if (seen.printer === 1 && seen.host === 2) return "sleeping";
  return "unknown";
}

function readPanel(inquiry: Inquiry): string | null {
  const localized = { ...inquiry, charset: inquiry.panelCharset };
  const offers = (inquiry.profile.panel ?? []).map((rule) => fieldOffer(localized, rule, knownText));
  const rows = ofPrinter(rowsOf(inquiry.store, { text: oids.prtConsoleDisplayBufferText }), inquiry.device);
  const lines = rows.map(({ values }) => knownText(maybeText(values.text, inquiry.panelCharset)))
    .filter((line) => line !== undefined);
  const buffer: Offer<string> = {
    oid: oids.prtConsoleDisplayBufferText,
    rule: "rfc3805.console",
    answered: rows[0]?.values.text,
    value: lines.join(" ") || undefined,
    reason: rows.length === 0 ? "not answered" : "empty",
  };
  const raw = Object.fromEntries(rows.map(({ index, values }) => [index, rawOf(values.text)]));
  offers.push(rows.length === 0 ? buffer : { ...buffer, raw });
  return firstValid(inquiry.trace, "status.panel", offers)?.value ?? null;
}

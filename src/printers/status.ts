import { fieldOffer } from "./identity.ts";
import { knownText } from "./known_text.ts";
import { type Inquiry, maybeText, openInquiry } from "./inquiry.ts";
import type { ObjectStore } from "./object_store.ts";
import { detectedErrors, oids } from "./printer_mib.ts";
import type { Profile } from "./profile.ts";
import type { SnmpValue } from "../snmp/value.ts";
import { maybeInteger, maybeOctets, rawOf } from "./raw_value.ts";
import type { PrinterState, PrinterStatus } from "./reading.ts";
import { ofPrinter, rowsOf } from "./table_rows.ts";
import { firstValid, type Offer } from "./trace.ts";

/** Panel texts of a printer that sleeps, by language. An eco mode saves toner, which is no sleep. */
const sleeping = new RegExp(
  [
    // English, German, French
    "sleep|power[ -]?sav|energy[ -]?sav|low[ -]power|hibernat",
    "energiespar|ruhe(?:modus|zustand)|schlaf|stromspar",
    "veille|[ée]conomi\\w* d['’ ]?[ée]nergie",
    // Italian, Spanish and Portuguese, Romanian
    "risparmio|modo riposo|a riposo|sospensione",
    "reposo|ahorro|suspensi[oó]n|suspendid|suspensão|repouso|hiberna[cç]|(?:poupança|economia|econ\\.?) (?:de )?energia",
    "repaus|economisire",
    // Dutch, Danish, Norwegian, Swedish, Finnish
    "slaap|sluimer|energiebespar|energiespaar",
    "dvale|hvile|strømspar|strømbespar|energispar|viloläge|strömspar|lepotila|virransääst|lepotilassa",
    // Polish, Czech and Slovak, Hungarian, Russian and Ukrainian, Turkish, Greek
    "uśpi|uspie|oszczędz|oszczedz",
    "sp[aá]nk|spánok|spánek|úspor|alvó|energiatakar",
    "спящ|(?<!\\p{L})сон(?!\\p{L})|энергосбер|эконом\\w*\\.? энерг|сплячий",
    "uyku|αναστολή|ύπνου|αδράνεια",
    // Japanese, Chinese, Korean
    "スリープ|節電|省エネ|低電力|休眠|睡眠|节能|節能|省电|省電|절전|슬립",
  ].join("|"),
  "iu",
);

/**
 * State, errors and panel. hrPrinterStatus and hrDeviceStatus are read together as RFC 3805 section 2.2.13.2 pairs
 * them: `other` means standby on a running device and stopped on one that is down.
 */
export function readStatus(inquiry: Inquiry): PrinterStatus {
  const { store, device, trace } = inquiry;
  const panel = readPanel(inquiry);
  const [printerOid, hostOid, errorsOid] = [
    oids.hrPrinterStatus,
    oids.hrDeviceStatus,
    oids.hrPrinterDetectedErrorState,
  ].map((column) => `${column}.${device}`) as [string, string, string];
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

/** Whether the state that was read so far is that of a printer that sleeps. */
export function saysItSleeps(store: ObjectStore, profile: Profile): boolean {
  return readStatus(openInquiry(store, profile, [])).state === "sleeping";
}

/**
 * Octets of hrPrinterDetectedErrorState. Some agents spell them as hexadecimal text ("0000", "00 40"), some answer an
 * INTEGER: 0 is no error, a number of 16 bits is both octets, and of one below 256 nobody knows which octet it is.
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
  const text = new TextDecoder("latin1").decode(octets).replace(/[\0\s]+$/, "").replace(/^0x/i, "");
  // Two digits could be two octets, but never for errors that come together; longer ones are no errors of RFC 2790.
  const isSpelt = /^\d\d$/.test(text) || /^[0-9a-f]{2}(?:[ :-]?[0-9a-f]{2})+$/i.test(text);
  return isSpelt ? Uint8Array.fromHex(text.replace(/[^0-9a-f]/gi, "")) : octets;
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
  if (seen.panel !== null && sleeping.test(seen.panel)) return "sleeping";
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

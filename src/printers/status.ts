import { fieldOffer, knownText } from "./identity.ts";
import { type Inquiry, maybeText } from "./inquiry.ts";
import { detectedErrors, oids } from "./printer_mib.ts";
import { maybeInteger, maybeOctets, rawOf } from "./raw_value.ts";
import type { PrinterState, PrinterStatus } from "./reading.ts";
import { firstValid, type Offer } from "./trace.ts";

/** Panel texts of a printer that sleeps, in the languages that have been seen. */
const sleeping = new RegExp(
  [
    "sleep|power ?sav|energy ?sav|deep ?sleep|low power|eco mode|hibernat",
    "energiespar|ruhe(?:modus|zustand)|schlaf|stromspar",
    "veille|économie d'énergie|economie d'energie",
    "risparmio|riposo|sospensione",
    "reposo|ahorro|suspensi[oó]n",
    "uśpi|uspie|oszczędz|oszczedz",
    "спящ|сон\\b|энергосбер",
    "uyku|slaapst|dvale|hvile|viloläge|lepotila|spánku|alvó|repaus",
    "スリープ|節電|休眠|睡眠|节能|省电",
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
  const errors = decodeErrors(maybeOctets(octets));
  const value = maybeOctets(octets) === undefined ? undefined : errors.join(", ");
  firstValid(trace, "status.errors", [{ oid: errorsOid, rule: "hostResources.errors", answered: octets, value }]);
  return { state, errors, panel };
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
  const rows = inquiry.store.column(oids.prtConsoleDisplayBufferText)
    .filter(([index]) => index.split(".")[0] === inquiry.device);
  const lines = rows.map(([, value]) => maybeText(value, inquiry.panelCharset)).filter((line) => line !== undefined);
  const buffer: Offer<string> = {
    oid: oids.prtConsoleDisplayBufferText,
    rule: "rfc3805.console",
    answered: rows[0]?.[1],
    value: lines.join(" ") || undefined,
    reason: rows.length === 0 ? "not answered" : "empty",
  };
  const raw = Object.fromEntries(rows.map(([index, value]) => [index, rawOf(value)]));
  offers.push(rows.length === 0 ? buffer : { ...buffer, raw });
  return firstValid(inquiry.trace, "status.panel", offers)?.value ?? null;
}

import { readField } from "./identity.ts";
import { type Inquiry, maybeText } from "./inquiry.ts";
import { detectedErrors, oids } from "./printer_mib.ts";
import { maybeInteger, maybeOctets } from "./raw_value.ts";
import type { PrinterState, PrinterStatus } from "./reading.ts";

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
  const { store, device } = inquiry;
  const printer = maybeInteger(store.get(`${oids.hrPrinterStatus}.${device}`));
  const host = maybeInteger(store.get(`${oids.hrDeviceStatus}.${device}`));
  const errors = decodeErrors(maybeOctets(store.get(`${oids.hrPrinterDetectedErrorState}.${device}`)));
  const panel = readPanel(inquiry);
  return { state: stateOf({ printer, host, panel }), errors, panel };
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
  const own = readField({ ...inquiry, charset: inquiry.panelCharset }, "status.panel", inquiry.profile.panel);
  if (own !== null) return own;
  const lines = inquiry.store.column(oids.prtConsoleDisplayBufferText)
    .filter(([index]) => index.split(".")[0] === inquiry.device)
    .map(([, value]) => maybeText(value, inquiry.panelCharset))
    .filter((line) => line !== undefined);
  return lines.join(" ") || null;
}

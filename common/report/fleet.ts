import { byAddress } from "../core/address_order.ts";
import type { Reading, ScanDocument, Supply, UnreadDevice } from "../reading/reading.ts";
import { isLow, words } from "../reading/supply_verdict.ts";

/** A supply that needs attention, and its printer. */
export interface LowSupply {
  reading: Reading;
  supply: Supply;
}

/** Summary of all printers for an administrator; printers are ordered by address. */
export interface Fleet {
  printers: Reading[];
  stopped: Reading[];
  /** Lowest first. */
  lowSupplies: LowSupply[];
  /** Number of printers with low supplies. */
  lowPrinters: number;
  /** Printers that report an error or a critical alert, or are stopped. */
  troubled: Reading[];
  /** Printers that could not be read in full. */
  partlyRead: Reading[];
}

/** "7 low supplies in 5 printers". */
export function lowInWords({ lowSupplies, lowPrinters }: Pick<Fleet, "lowSupplies" | "lowPrinters">): string {
  const low = `${grouped(lowSupplies.length)} low ${lowSupplies.length === 1 ? "supply" : "supplies"}`;
  return lowSupplies.length === 0 ? low : `${low} in ${counted(lowPrinters, "printer")}`;
}

/** Counts and lists over all printers of a scan. */
export function fleetOf(document: ScanDocument): Fleet {
  const printers = byAddress(document.printers);
  const lowSupplies = printers.flatMap((reading) =>
    reading.supplies.filter((supply) => isLow(supply.level)).map((supply) => ({ reading, supply }))
  );
  lowSupplies.sort((a, b) => (a.supply.level.percent ?? 0) - (b.supply.level.percent ?? 0));
  return {
    printers,
    stopped: printers.filter((reading) => reading.status.state === "stopped"),
    lowSupplies,
    lowPrinters: new Set(lowSupplies.map(({ reading }) => reading)).size,
    troubled: printers.filter(hasProblem),
    partlyRead: printers.filter((reading) => reading.problems.length > 0),
  };
}

/* Bits of hrPrinterDetectedErrorState (RFC 2790) with which a printer goes on printing. */
const mildErrors = new Set(["lowPaper", "lowToner", "outputNearFull", "inputTrayEmpty", "overduePreventMaint"]);

/** Whether a detected error needs a person at the printer. */
export function isSevereError(error: string): boolean {
  return !mildErrors.has(error);
}

/** Whether a printer does not print, or reports that it will soon stop. */
export function hasProblem(reading: Reading): boolean {
  return reading.status.state === "stopped" || reading.status.errors.some(isSevereError) ||
    reading.alerts.some((alert) => alert.severity === "critical");
}

/** Maker and model as one name; the description or a dash if both are unknown. */
export function nameOf(reading: Reading): string {
  const { manufacturer, model } = reading;
  if (model === null) return manufacturer ?? reading.description ?? "unknown printer";
  if (manufacturer === null || model.toLowerCase().startsWith(manufacturer.toLowerCase())) return model;
  return `${manufacturer} ${model}`;
}

/** Address of a printer, with its device index if several answer there ("10.0.0.7 #2"). */
export function placeOf({ address, deviceIndex }: Pick<Reading, "address" | "deviceIndex">): string {
  return deviceIndex === undefined ? address : `${address} #${deviceIndex}`;
}

/** The value of a meter by name, or undefined when the device has none. */
export function meterOf(reading: Reading, name: string): number | undefined {
  return reading.meters.find((meter) => meter.name === name)?.value;
}

/** The total, with its unit if that is not pages ("12.5 metres"); undefined if the device has none. */
export function totalText(reading: Reading): string | undefined {
  const total = reading.meters.find((meter) => meter.name === "total");
  if (total === undefined) return undefined;
  return isPages(total.unit) ? grouped(total.value) : `${grouped(total.value)} ${words(total.unit)}`;
}

/** The total in words: "64,299 pages", "12.5 metres", "pages unknown". */
export function totalInWords(reading: Reading): string {
  const total = reading.meters.find((meter) => meter.name === "total");
  if (total === undefined) return "pages unknown";
  return isPages(total.unit) ? counted(total.value, "page") : totalText(reading)!;
}

function isPages(unit: string): boolean {
  return unit === "impressions" || unit === "sheets";
}

/** Why a device that was found was not read. */
export const whyUnread: Record<UnreadDevice["reason"], string> = {
  stopped: "the scan was stopped",
  deadline: "the deadline for a device was reached",
  failed: "the scanner failed",
  late: "the answer came too late",
  elsewhere: "the answer came from another address or port",
};

/** A count with grouped digits: 1,234,567. */
export function grouped(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: 2 });
}

/** "1 printer", "2 printers", "1,024 printers". */
export function counted(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? "" : /(s|ch)$/.test(noun) ? "es" : "s"}`;
}

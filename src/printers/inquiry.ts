import type { SnmpValue } from "../snmp/value.ts";
import type { ObjectStore } from "./object_store.ts";
import { oids } from "./printer_mib.ts";
import type { Profile } from "./profile.ts";
import { maybeInteger, maybeOctets } from "./raw_value.ts";
import type { Problem } from "../../common/reading/reading.ts";
import { decodeText } from "./text.ts";
import type { Trace } from "./trace.ts";

/** Shared by the readers of one device: the answers, the maker's rules, and the results. */
export interface Inquiry {
  store: ObjectStore;
  profile: Profile;
  /** Null if it is not needed how the values were chosen, as in a scan: recording it takes a third of the time. */
  trace: Trace | null;
  problems: Problem[];
  /** hrDeviceIndex of the printer. */
  device: string;
  /**
   * Row of the printer in the tables of HOST-RESOURCES-MIB: hrDeviceIndex, except for agents that number them
   * differently.
   */
  hostRow: string;
  /** Whether other printers answer at the same address: then only objects with this printer's row belong to it. */
  isOneOfSeveral: boolean;
  /** IANA MIBenum of localized texts, undefined when the device declares none. */
  charset: number | undefined;
  /** IANA MIBenum of the panel's texts. */
  panelCharset: number | undefined;
  /** Set once the identity is read: some rules hold for a product line only. */
  model: string | null;
}

/** Opens the answers of one device for reading; `oneOfSeveral` is the hrDeviceIndex of one of several printers. */
export function openInquiry(
  store: ObjectStore,
  profile: Profile,
  problems: Problem[],
  { oneOfSeveral, trace = null }: { oneOfSeveral?: string | undefined; trace?: Trace | null } = {},
): Inquiry {
  const device = oneOfSeveral ?? printerDevice(store);
  const isOneOfSeveral = oneOfSeveral !== undefined;
  const hostRow = oneOfSeveral ?? hostRowOf(store, device);
  const charset = charsetOf(store, { device, selector: oids.prtGeneralCurrentLocalization }) ?? profile.charset;
  const panelCharset = charsetOf(store, { device, selector: oids.prtConsoleLocalization }) ?? profile.charset;
  return { store, profile, trace, problems, device, hostRow, isOneOfSeveral, charset, panelCharset, model: null };
}

/** Text of a value; undefined if it is absent, empty or not a text. */
export function maybeText(value: SnmpValue | undefined, charset?: number): string | undefined {
  const octets = maybeOctets(value);
  if (octets === undefined) return undefined;
  return decodeText(octets, charset) || undefined;
}

/**
 * hrDeviceIndex of the printer: taken from rows of the Printer-MIB; hrPrinterTable and hrDeviceType are used only if
 * there are none, because print servers have several printers and hosts list print queues.
 */
export function printerDevice(store: ObjectStore): string {
  const tables = [
    oids.prtGeneralCurrentLocalization,
    oids.prtConsoleLocalization,
    oids.prtGeneralPrinterName,
    oids.prtGeneralSerialNumber,
    oids.prtMarkerLifeCount,
    oids.prtMarkerSuppliesLevel,
    oids.hrPrinterStatus,
    oids.hrPrinterDetectedErrorState,
  ];
  for (const column of tables) {
    const index = store.column(column)[0]?.[0];
    if (index !== undefined) return index.split(".")[0]!;
  }
  return store.column(oids.hrDeviceType).find(([, value]) => value.value === oids.hrDevicePrinter)?.[0] ?? "1";
}

/**
 * Row of the printer in hrDeviceTable and hrPrinterTable: its hrDeviceIndex, or the only printer's row there if the
 * agent numbers the Printer-MIB independently, so that the row of that index is missing or is a processor.
 */
export function hostRowOf(store: ObjectStore, device: string): string {
  const isOwn = [oids.hrPrinterStatus, oids.hrPrinterDetectedErrorState].some((column) =>
    store.get(`${column}.${device}`) !== undefined
  );
  const named = store.get(`${oids.hrDeviceDescr}.${device}`) !== undefined;
  if (isOwn || (named && !isPartOfHost(store, device))) return device;
  const printers = new Set([
    ...store.column(oids.hrPrinterStatus).map(([index]) => index),
    ...store.column(oids.hrPrinterDetectedErrorState).map(([index]) => index),
    ...store.column(oids.hrDeviceType).filter(([, { value }]) => value === oids.hrDevicePrinter).map(([index]) =>
      index
    ),
  ]);
  return printers.size === 1 ? [...printers][0]! : device;
}

/** hrDeviceTypes of parts of a computer: processor, network, disk, video and so on up to memory. */
const partTypes = /^1\.3\.6\.1\.2\.1\.25\.3\.1\.(?:3|4|6|1\d|2[01])$/;

/**
 * Whether the printer's row in hrDeviceTable describes another part, so that its hrDeviceDescr is not the printer's.
 */
export function isPartOfHost(store: ObjectStore, device: string): boolean {
  const type = store.get(`${oids.hrDeviceType}.${device}`)?.value;
  return typeof type === "string" && partTypes.test(type);
}

/** Row of the localization table that a selector object points to: `hrDeviceIndex.prtLocalizationIndex`. */
export function localizationRow(store: ObjectStore, options: { device: string; selector: string }): string {
  const chosen = maybeInteger(store.get(`${options.selector}.${options.device}`));
  return `${options.device}.${chosen !== undefined && chosen > 0 ? chosen : 1}`;
}

function charsetOf(store: ObjectStore, options: { device: string; selector: string }): number | undefined {
  const row = localizationRow(store, options);
  const declared = maybeCharset(store.get(`${oids.prtLocalizationCharacterSet}.${row}`));
  // Most devices use one character set for all languages, so any row is better than none.
  return declared ?? maybeCharset(store.column(oids.prtLocalizationCharacterSet)[0]?.[1]);
}

/** A declared character set; IANA's numbers 1 ("other") and 2 ("unknown") count as undeclared. */
function maybeCharset(value: SnmpValue | undefined): number | undefined {
  const number = maybeInteger(value);
  return number !== undefined && number > 2 ? number : undefined;
}

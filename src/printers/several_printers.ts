/**
 * Print servers and controllers answer for several printers at one address: each is an hrDeviceTable row of its own, and
 * every table of the Printer-MIB has hrDeviceIndex as the first arc of its index (RFC 3805, section 2.2.1).
 */
import type { ObjectStore } from "./object_store.ts";
import { oids } from "./printer_mib.ts";
import { printerDevice } from "./inquiry.ts";

export interface AnsweringPrinters {
  /** hrDeviceIndex of each printer that answers Printer-MIB rows, ascending; of the only one where there are not several. */
  devices: string[];
  /** Printers that hrDeviceTable names as well and of which nothing else is answered. */
  silent: string[];
}

/** Columns of which a second row means a second printer: the rows are one a printer. */
export const printerColumns: readonly string[] = [
  oids.hrPrinterStatus,
  oids.prtGeneralCurrentLocalization,
  oids.prtGeneralSerialNumber,
];

const generalColumns = [
  oids.prtGeneralCurrentLocalization,
  oids.prtConsoleLocalization,
  oids.prtGeneralPrinterName,
  oids.prtGeneralSerialNumber,
];
const markerColumns = [oids.prtMarkerCounterUnit, oids.prtMarkerLifeCount];
const tellingColumns = [...printerColumns, ...markerColumns];
const supplyColumns = [oids.prtMarkerSuppliesType, oids.prtMarkerSuppliesLevel];

/** The printers that answer at one address. */
export function answeringPrinters(store: ObjectStore): AnsweringPrinters {
  const general = devicesIn(store, generalColumns);
  const markers = devicesIn(store, markerColumns);
  const named = devicesIn(store, [oids.hrPrinterStatus, oids.hrPrinterDetectedErrorState]);
  const all = new Set([...general, ...markers, ...devicesIn(store, supplyColumns)]);
  // An agent that numbers one table from 1 and the next from 2 has one printer: some table must tell two apart. Of tables
  // with a further index alone the arcs may be in the wrong order, where hrPrinterTable knows one printer.
  const apart = general.size > 1 || named.size > 1 || (markers.size > 1 && named.size === 0);
  const devices = apart && all.size > 1 ? ascending(all) : [printerDevice(store)];
  const silent = ascending(named).filter((device) => !devices.includes(device) && isNamedPrinter(store, device));
  return { devices, silent: silent.length + devices.length > 1 && isNamedPrinter(store, devices[0]!) ? silent : [] };
}

/** A printer by its row in hrDeviceTable. */
function isNamedPrinter(store: ObjectStore, device: string): boolean {
  return store.get(`${oids.hrDeviceType}.${device}`)?.value === oids.hrDevicePrinter &&
    store.get(`${oids.hrDeviceDescr}.${device}`) !== undefined;
}

function devicesIn(store: ObjectStore, columns: readonly string[]): Set<string> {
  const devices = new Set<string>();
  for (const column of columns) {
    for (const [index] of store.column(column)) {
      const dot = index.indexOf(".");
      const device = dot < 0 ? index : index.slice(0, dot);
      if (device !== "0") devices.add(device);
    }
  }
  return devices;
}

function ascending(devices: Set<string>): string[] {
  return [...devices].sort((a, b) => Number(a) - Number(b));
}

/** Whether there may be more than one printer, so that hrDeviceTable is worth reading as a whole. */
export function maybeSeveral(store: ObjectStore): boolean {
  return devicesIn(store, tellingColumns).size > 1;
}

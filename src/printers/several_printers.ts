/**
 * Print servers and controllers answer for several printers at one address: each is an hrDeviceTable row of its own,
 * and every table of the Printer-MIB has hrDeviceIndex as the first arc of its index (RFC 3805, section 2.2.1).
 */
import type { ObjectStore } from "./object_store.ts";
import { oids } from "./printer_mib.ts";
import { printerDevice } from "./inquiry.ts";

export interface AnsweringPrinters {
  /** hrDeviceIndex of each printer with Printer-MIB rows, ascending; one entry if there are not several. */
  devices: string[];
  /** Further printers in hrDeviceTable, for which nothing else is answered. */
  silent: string[];
}

/** Columns with one row for each printer: a second row means a second printer. */
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
  // An agent that numbers one table from 1 and the next from 2 has one printer: at least one table must have two.
  // Tables with a further index may have the arcs in the wrong order, so they do not count if hrPrinterTable has one
  // printer.
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

/** Whether there may be several printers, so that the whole hrDeviceTable must be read. */
export function maybeSeveral(store: ObjectStore): boolean {
  return devicesIn(store, tellingColumns).size > 1;
}

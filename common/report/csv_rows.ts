/** A row for each supply, meter or alert, with the printer's identity in front. */
import type { Reading, ScanDocument } from "../reading/reading.ts";
import { inShownOrder, longName, shownPercent } from "../reading/supply_verdict.ts";

export type Cell = string | number | null;

export const csvRows = ["printers", "supplies", "meters", "alerts"] as const;
export type CsvRows = (typeof csvRows)[number];

/** A column of the CSV. */
export interface CsvColumn<T = Reading> {
  name: string;
  meaning: string;
  valueOf: (item: T) => Cell;
}

const identity: Record<string, (reading: Reading) => Cell> = {
  address: (reading) => reading.address,
  deviceIndex: (reading) => reading.deviceIndex ?? null,
  hostname: (reading) => reading.hostname,
  manufacturer: (reading) => reading.manufacturer,
  model: (reading) => reading.model,
  serial: (reading) => reading.serial,
  mac: (reading) => reading.mac,
  location: (reading) => reading.location,
  observedAt: (reading) => reading.observedAt,
};

const items: Record<Exclude<CsvRows, "printers">, (reading: Reading) => Record<string, Cell>[]> = {
  supplies: ({ supplies }) =>
    inShownOrder(supplies).map((supply) => ({
      index: supply.index,
      kind: supply.kind,
      colorant: supply.colorant,
      name: longName(supply),
      description: supply.description,
      partNumber: supply.partNumber,
      supplySerial: supply.serial,
      levelKind: supply.level.kind,
      percentLeft: supply.level.percent === null ? null : shownPercent(supply.level.percent),
      level: supply.level.level,
      capacity: supply.level.capacity,
      unit: supply.level.unit ?? null,
    })),
  meters: ({ meters }) => meters.map(({ name, value, unit }) => ({ meter: name, value, unit })),
  alerts: ({ alerts }) =>
    alerts.map(({ severity, code, group, description, since }) => ({ severity, code, group, description, since })),
};

const itemNames: Record<Exclude<CsvRows, "printers">, string[]> = {
  supplies: [
    ...["index", "kind", "colorant", "name", "description", "partNumber", "supplySerial", "levelKind", "percentLeft"],
    ...["level", "capacity", "unit"],
  ],
  meters: ["meter", "value", "unit"],
  alerts: ["severity", "code", "group", "description", "since"],
};

/** Rows of all printers; a printer without items has none. */
export function itemRows(
  { printers }: ScanDocument,
  rows: Exclude<CsvRows, "printers">,
): [headings: string[], cells: Cell[][]] {
  const names = itemNames[rows];
  const cells = printers.flatMap((reading) =>
    items[rows](reading).map((item) => [
      ...Object.values(identity).map((valueOf) => valueOf(reading)),
      ...names.map((name) => item[name] ?? null),
      null,
    ])
  );
  return [[...Object.keys(identity), ...names, "problems"], cells];
}

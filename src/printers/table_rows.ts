import { compareOids } from "../snmp/oid.ts";
import type { SnmpValue } from "../snmp/value.ts";
import type { ObjectStore } from "./object_store.ts";

/** A conceptual row: its index and the columns that were answered. */
export interface TableRow<Name extends string> {
  index: string;
  values: { [name in Name]?: SnmpValue };
}

/**
 * Rows of the printer: those whose first index arc is its hrDeviceIndex. Some agents number one table from 0 and the
 * next from 1, so rows under 0 are used if there are no others.
 */
export function ofPrinter<Row extends { index: string }>(rows: Row[], device: string): Row[] {
  const under = (index: string) => rows.filter((row) => row.index.split(".")[0] === index);
  const own = under(device);
  return own.length > 0 ? own : under(device === "0" ? "1" : "0");
}

/** Rows of a table in MIB order. Columns may be sparse: a row exists if any of its columns does. */
export function rowsOf<Name extends string>(store: ObjectStore, columns: Record<Name, string>): TableRow<Name>[] {
  const rows = new Map<string, TableRow<Name>>();
  for (const name of Object.keys(columns) as Name[]) {
    for (const [index, value] of store.column(columns[name])) {
      let row = rows.get(index);
      if (row === undefined) rows.set(index, row = { index, values: {} });
      row.values[name] = value;
    }
  }
  return [...rows.values()].sort((a, b) => compareOids(a.index, b.index));
}

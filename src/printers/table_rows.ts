import { compareOids } from "../snmp/oid.ts";
import type { SnmpValue } from "../snmp/value.ts";
import type { ObjectStore } from "./object_store.ts";

/** A conceptual row: its index and the columns that were answered. */
export interface TableRow<Name extends string> {
  index: string;
  values: { [name in Name]?: SnmpValue };
}

/** Rows of a table in MIB order. Columns may be sparse: a row is there when any of its columns is. */
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

import type { ObjectStore } from "../printers/object_store.ts";
import { oids } from "../printers/printer_mib.ts";
import type { Profile } from "../printers/profile.ts";
import type { ColumnGroup } from "../printers/read_plan.ts";

/** Objects of one subtree, unless `--full`. */
export const normalRows = 5_000;
export const fullRows = 30_000;

const enterprises = "1.3.6.1.4.1";
const pwg = `${enterprises}.2699`;

/**
 * What a maintainer needs beside what the reader asks: the standard tables and the private subtrees of every maker that
 * the device names. A subtree is walked as a group of one column.
 */
export function captureGroups(
  device: { store: ObjectStore; profile: Profile },
  options: { maxRows: number },
): ColumnGroup[] {
  const { maxRows } = options;
  const subtree = (name: string, base: string): ColumnGroup => ({ name, columns: [base], expectedRows: 44, maxRows });
  return [
    subtree("system", "1.3.6.1.2.1.1"),
    {
      name: "interfaces",
      columns: ["1.3.6.1.2.1.2.2.1.2", oids.ifType, oids.ifPhysAddress],
      expectedRows: 2,
      maxRows: 64,
    },
    subtree("hrDeviceTable", "1.3.6.1.2.1.25.3.2"),
    subtree("hrPrinterTable", "1.3.6.1.2.1.25.3.5"),
    subtree("Printer-MIB", "1.3.6.1.2.1.43"),
    ...[...makersOf(device)].map((base) => subtree(`enterprise ${base.split(".").at(-1)}`, base)),
    subtree("PWG", pwg),
  ];
}

function makersOf({ store, profile }: { store: ObjectStore; profile: Profile }): Set<string> {
  const objectId = store.get(oids.sysObjectID)?.value;
  const makers = new Set<string>();
  for (const oid of [String(objectId ?? ""), ...profile.recognise.objectIds ?? [], ...[...store].map(([oid]) => oid)]) {
    const base = /^1\.3\.6\.1\.4\.1\.\d+(?=\.|$)/.exec(oid)?.[0];
    if (base !== undefined && base !== pwg) makers.add(base);
  }
  return makers;
}

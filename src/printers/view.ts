/** How much of a device a credential shows by the access rules on the device (RFC 3415). Pure. */
import { isUnder } from "../snmp/oid.ts";
import { maybeText } from "./inquiry.ts";
import type { ObjectStore } from "./object_store.ts";
import { oids } from "./printer_mib.ts";
import type { Profile } from "./profile.ts";
import { isGenericPrintServer, type Recognised } from "./recognise.ts";
import { maybeSeveral } from "./several_printers.ts";

/**
 * From less to more: nothing; only the system group; more, but nothing of the Printer MIB; the Printer MIB without
 * markers and supplies; these, but no private objects of a maker whose private objects are read; everything that a
 * reading needs.
 */
export const views = ["nothing", "system", "noPrinterMib", "noMarkers", "noPrivate", "printer"] as const;
export type View = typeof views[number];

/** Objects of the SNMP agent itself: a view with only these counts as `nothing`. */
const ofTheAgent = ["1.3.6.1.2.1.11", "1.3.6.1.6"];
const system = "1.3.6.1.2.1.1";

/** The view after `identifyColumns` were asked with GETNEXT, which returns the next object in the view. */
export function viewOf(store: ObjectStore, { profile }: Pick<Recognised, "profile">): View {
  if (store.has(oids.prtMarkerEntry) || store.has(oids.prtMarkerSuppliesEntry)) {
    return hasPrivateRules(profile) && !store.has("1.3.6.1.4.1") && !isBehindServer(store) ? "noPrivate" : "printer";
  }
  if (store.has("1.3.6.1.2.1.43")) return "noMarkers";
  const told = [...store.oids()].filter((oid) => !ofTheAgent.some((base) => isUnder(oid, base)));
  if (told.some((oid) => !isUnder(oid, system))) return "noPrinterMib";
  return told.length > 0 ? "system" : "nothing";
}

/** A print server has the standard tables of its printers, but no private objects of their makers. */
function isBehindServer(store: ObjectStore): boolean {
  return maybeSeveral(store) || isGenericPrintServer(maybeText(store.get(oids.sysDescr)) ?? "");
}

/**
 * Whether the maker's private objects are read. GETNEXT for other makers' objects returns them as well, as they come
 * later.
 */
function hasPrivateRules({ meters, supplies, serial }: Profile): boolean {
  return [meters, supplies, serial].some((rules) => (rules?.length ?? 0) > 0);
}

/** Whether `view` shows as much as `other` or more. */
export function showsAsMuch(view: View, other: View): boolean {
  return views.indexOf(view) >= views.indexOf(other);
}

/**
 * Whether another credential could show more: for a printer without its MIB, and for a device that shows too little to
 * exclude a printer.
 */
export function mayShowMore(store: ObjectStore, recognised: Recognised): boolean {
  const { printer, ruledOut } = recognised;
  const view = viewOf(store, recognised);
  if (view === "printer") return false;
  if (printer) return true;
  if (ruledOut) return false;
  return !showsAsMuch(view, "noPrinterMib") ||
    store.column(oids.hrDeviceType).some(([, { value }]) => value === oids.hrDevicePrinter);
}

/** Views in words, for the end of a sentence about a credential. */
export const viewWords: Readonly<Record<View, string>> = {
  nothing: "shows nothing",
  system: "shows the system group alone",
  noPrinterMib: "shows no Printer MIB",
  noMarkers: "shows the Printer MIB without markers and supplies",
  noPrivate: "shows none of the maker's own counters",
  printer: "shows the Printer MIB",
};

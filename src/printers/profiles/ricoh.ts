import type { FieldRule, Profile, SupplyRule } from "../profile.ts";
import { ricohMeters } from "./ricoh_meters.ts";

/** RICOH-PRIVATE-MIB. */
const ricohRoot = "1.3.6.1.4.1.367.3.2.1";
const tonerTable = `${ricohRoot}.2.24.1.1`;

const supplies: SupplyRule[] = [
  {
    // The standard table says −3 only; librenms PrinterSupplies.php, zabbix Printers/Ricoh: −100 empty or nearly so
    kind: "table",
    rule: "ricoh.toner",
    levels: `${tonerTable}.5`,
    // .3 is in the language of the panel, .2 in English (Checkmk printer_supply_ricoh), and .4 a number: 3 and 4 are black and
    // red of monochrome machines, 10 to 13 those of colour ones (public header made from Ricoh's MIB specification 4.09)
    names: `${tonerTable}.3`,
    plainNames: `${tonerTable}.2`,
    colorants: {
      column: `${tonerTable}.4`,
      codes: [[3, "black"], [4, "red"], [10, "cyan"], [11, "magenta"], [12, "yellow"], [13, "black"]],
    },
    read: "percent",
    codes: [{ value: -100, level: "empty" }, { value: -3, level: "some" }, { value: -2, level: "unknown" }],
    maxRows: 16,
  },
];

/** librenms ricoh.yaml */
const model: FieldRule[] = [
  { oid: `${ricohRoot}.1.1.1.0`, rule: "ricoh.model" },
  // "RICOH MODEL FIRMWARE / RICOH Network Printer C model / …"
  { oid: "1.3.6.1.2.1.1.1.0", rule: "ricoh.description", take: /^\S+ (.+?) \d+(?:\.\d+)+ \/ / },
];
const serial: FieldRule[] = [{ oid: `${ricohRoot}.2.1.4.0`, rule: "ricoh.serial" }];
const firmware: FieldRule[] = [
  { oid: `${ricohRoot}.1.1.2.0`, rule: "ricoh.version" },
  { oid: "1.3.6.1.2.1.1.1.0", rule: "ricoh.description", take: /^\S+ .+? (\d+(?:\.\d+)+) \/ / },
];
/** glpi-agent Ricoh.pm */
const hostname: FieldRule[] = [{ oid: `${ricohRoot}.6.1.1.7.1`, rule: "ricoh.hostName" }];

/** Ricoh and the brands under which it sells the same machines; each prints its own name in sysDescr.0. */
function brand(id: string, maker: string, names: string): Profile {
  const pattern = new RegExp(`^(?:${names})\\b`, "i");
  const never = [/projector|\bPJ WX?|camera|whiteboard|unified communication/i];
  return {
    id,
    maker,
    recognise: {
      objectIds: ["1.3.6.1.4.1.367.1", "1.3.6.1.4.1.367"],
      printerIds: ["1.3.6.1.4.1.367.1.1"],
      descriptions: [pattern],
      devices: [pattern],
      deviceIds: [pattern],
      never,
    },
    model,
    serial,
    firmware,
    hostname,
    meters: ricohMeters,
    supplies,
    // As in the private table; librenms PrinterSupplies.php
    standardSupplies: { codes: [{ level: -100, kind: "empty" }] },
  };
}

export const ricoh = brand("ricoh", "Ricoh", "RICOH|Aficio");
export const ricohBrands: Profile[] = [
  brand("lanier", "Lanier", "LANIER"),
  brand("nrg", "NRG", "NRG"),
  brand("gestetner", "Gestetner", "Gestetner"),
  brand("savin", "Savin", "SAVIN"),
  brand("infotec", "Infotec", "infotec"),
  brand("rex_rotary", "Rex-Rotary", "Rex[- ]?Rotary"),
  brand("nashuatec", "Nashuatec", "Nashuatec"),
];

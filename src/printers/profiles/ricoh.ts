import type { FieldRule, MeterRule, Profile, SupplyRule } from "../profile.ts";

/** RICOH-PRIVATE-MIB. */
const ricohRoot = "1.3.6.1.4.1.367.3.2.1";
const counter = `${ricohRoot}.2.19.5.1`;
const tonerTable = `${ricohRoot}.2.24.1.1`;

/** glpi-agent Ricoh.pm, zabbix community-templates template_ricoh_snmp_printers: type .2, name .5, value .9 */
const meters: MeterRule[] = [
  {
    kind: "typed",
    rule: "ricoh.counter",
    values: `${counter}.9`,
    types: `${counter}.2`,
    names: [
      [10, "total"],
      [200, "copy.total"],
      [201, "copy.mono"],
      [202, "copy.color"],
      [203, "copy.color"],
      [300, "fax.total"],
      [400, "print.total"],
      [401, "print.mono"],
      [402, "print.color"],
      [403, "print.color"],
      [870, "scan.total"],
      [871, "scan.total"],
    ],
    maxRows: 160,
  },
  // zabbix template_ricoh_aficio_3500sf_and_3510sf
  { kind: "scalar", meter: "total", oid: `${ricohRoot}.2.19.1.0`, rule: "ricoh.total" },
  { kind: "scalar", meter: "print.total", oid: `${ricohRoot}.2.19.2.0`, rule: "ricoh.printed" },
  { kind: "scalar", meter: "copy.total", oid: `${ricohRoot}.2.19.4.0`, rule: "ricoh.copied" },
];

const supplies: SupplyRule[] = [
  {
    // The standard table says −3 only; librenms PrinterSupplies.php, zabbix Printers/Ricoh: −100 empty or nearly so
    kind: "table",
    rule: "ricoh.toner",
    levels: `${tonerTable}.5`,
    names: `${tonerTable}.3`,
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
    meters,
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

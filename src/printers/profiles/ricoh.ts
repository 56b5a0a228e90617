import type { FieldRule, LabelledMeters, MeterRule, Profile, SupplyRule, TypedMeters } from "../profile.ts";

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

const counters = "1.3.6.1.4.1.367.3.2.1.2.19";
/** ricohEngCounterTable: type .2, name .5, value .9; .6 is the name in the language of the device. */
const table = `${counters}.5.1`;

/** Some counters stand in the table twice. */
function typed(names: TypedMeters["names"]): MeterRule {
  return {
    kind: "typed",
    rule: "ricoh.counter",
    values: `${table}.9`,
    types: `${table}.2`,
    names,
    once: true,
    maxRows: 160,
  };
}

function named(names: LabelledMeters["names"]): MeterRule {
  return {
    kind: "labelled",
    rule: "ricoh.namedCounter",
    values: `${table}.9`,
    labels: `${table}.5`,
    names,
    once: true,
    maxRows: 160,
  };
}

const mono = "(?:Black ?(?:&|and) ?White|B ?[&/] ?W)";
/** Full colour, and what is printed with one or two toners: all of it is colour. */
const colours = "(?:Full Colou?r|Single.*|Two-?col.*|Economy Colou?r)";

function name(...parts: string[]): RegExp {
  return new RegExp(`^${parts.join(": ?")}$`, "i");
}

/** Pages of one function, as `prefix` begins their names. */
function byFunction(meter: string, prefix: string[]): LabelledMeters["names"] {
  return [[name(...prefix, mono), `${meter}.mono`], [name(...prefix, colours), `${meter}.color`]];
}

/**
 * glpi-agent Ricoh.pm and issue 574, checkmk printer_pages_ricoh, zabbix community-templates template_ricoh_snmp_printers,
 * and the private MIB specification as quoted by scripts id 35762003650 and 62170531987. 870 is all that was scanned and
 * sent, 871 the black part of it. Older firmware has names and no types. What comes later in the list stands in for
 * what comes earlier.
 */
const meters: MeterRule[] = [
  typed([
    [10, "total"],
    [609, "mono"],
    [608, "color"],
    [200, "copy.total"],
    [201, "copy.mono"],
    [202, "copy.color"],
    [203, "copy.color"],
    [300, "fax.total"],
    [301, "fax.mono"],
    [302, "fax.color"],
    [303, "fax.color"],
    [400, "print.total"],
    [401, "print.mono"],
    [402, "print.color"],
    [403, "print.color"],
    [700, "large.total"],
    [701, "duplex"],
    [870, "scan.total"],
    [874, "scan.mono"],
    [873, "scan.color"],
  ]),
  typed([
    [800, "total"],
    [620, "copy.mono"],
    [621, "copy.color"],
    [622, "copy.color"],
    [623, "copy.color"],
    [640, "print.mono"],
    [642, "print.color"],
    [643, "print.color"],
    [644, "print.color"],
    [630, "fax.mono"],
    [631, "fax.color"],
    [840, "large.total"],
    [841, "duplex"],
    [873, "scan.total"],
    [874, "scan.total"],
  ]),
  typed([
    [811, "copy.mono"],
    [810, "copy.color"],
    [812, "copy.color"],
    [813, "copy.color"],
    [821, "print.mono"],
    [820, "print.color"],
    [822, "print.color"],
    [823, "print.color"],
    [830, "fax.mono"],
    [831, "fax.color"],
    [871, "scan.total"],
  ]),
  named([
    [name("Counter", "(?:Machine )?Total"), "total"],
    [name("Total Prints", mono), "mono"],
    [name("Total Prints", "Colou?r"), "color"],
    [name("Counter", "Copy", "Total"), "copy.total"],
    ...byFunction("copy", ["Counter", "Copy"]),
    [name("Counter", "Print", "Total"), "print.total"],
    ...byFunction("print", ["Counter", "Print"]),
    [name("Counter", "Fax", "Total"), "fax.total"],
    ...byFunction("fax", ["Counter", "Fax"]),
    [/^Large Paper Prints\b/i, "large.total"],
    [/^No\. of Printed Sides in Duplex$/i, "duplex"],
    [name("Counter", "Transmission", "Total"), "scan.total"],
    [name("Counter", "Transmission", `${mono} Scan`), "scan.mono"],
    [name("Counter", "Transmission", "Colou?r Scan"), "scan.color"],
  ]),
  named([
    [name("Counter", mono), "mono"],
    [name("Counter", colours), "color"],
    ...byFunction("copy", ["Copier"]),
    ...byFunction("print", ["Printer"]),
    ...byFunction("fax", ["Fax"]),
    [name("Counter", "Transmission", "(?:B ?[&/] ?W|Colou?r) Scan"), "scan.total"],
  ]),
  // zabbix template_ricoh_aficio_3500sf_and_3510sf
  { kind: "scalar", meter: "total", oid: `${counters}.1.0`, rule: "ricoh.total" },
  { kind: "scalar", meter: "print.total", oid: `${counters}.2.0`, rule: "ricoh.printed" },
  { kind: "scalar", meter: "copy.total", oid: `${counters}.4.0`, rule: "ricoh.copied" },
];

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

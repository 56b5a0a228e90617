import type { FieldRule, MeterRule, Profile, SumMeter } from "../profile.ts";

const kyoceraRoot = "1.3.6.1.4.1.1347";
/** Pages by paper size: name .2, total .6, mono .7, full colour .8, single colour .9 (mstrhakr/printmaster, script id 24131387146). */
const sizes = `${kyoceraRoot}.42.2.1.1.1`;
/** Pages by colour mode: 1 monochrome, 2 single colour, 3 full colour; recording kyocera-taskalfa-size-names. */
const modes = `${kyoceraRoot}.42.2.2.1.1.3.1`;
/** Pages printed on one side and on both; glpi-agent issue 382: they add up to what the status page says. */
const sides = `${kyoceraRoot}.42.2.5.1.1`;
/** By function, 1 print, 2 copy, 4 fax: pages .1.1.1, pages by colour mode .2.1.1, originals .3.1.1 and sent .4.1.1.1. */
const functions = `${kyoceraRoot}.42.3.1`;
const allFunctions = [1, 2, 3, 4];
const colourModes = [2, 3];

/** What a device does not have, it does not answer. */
function sum(meter: string, oids: string[], rule: string): SumMeter {
  return { kind: "sum", meter, oids, rule: `kyocera.${rule}`, needs: "any" };
}

function byMode(tasks: number[], chosen: number[]): string[] {
  return tasks.flatMap((task) => chosen.map((mode) => `${functions}.2.1.1.${task}.${mode}`));
}

/** Every size has a row, so that the rows add up to all pages: what another table says is checked by it. */
function bySize(meter: string, columns: number[]): MeterRule {
  const values = columns.map((column) => `${sizes}.${column}`);
  const names: [RegExp, string][] = [[/./, meter]];
  return { kind: "labelled", rule: "kyocera.sizes", values, labels: `${sizes}.2`, names, maxRows: 32, check: true };
}

/** A3 and Ledger are 1 and 7 where the sizes have no names (script id 14043241145). */
function large(meter: string, columns: number[]): MeterRule {
  return {
    kind: "labelled",
    rule: "kyocera.large",
    values: columns.map((column) => `${sizes}.${column}`),
    labels: `${sizes}.2`,
    names: [[/^(?:S?R?A3|Ledger|Tabloid|11 ?["”]? ?x ?17|12 ?["”]? ?x ?18)/i, meter], [/./, null]],
    indexes: [["1.1", meter], ["1.7", meter]],
    maxRows: 32,
  };
}

/**
 * prtMarkerLifeCount is the life of the engine, 0.6 to 2 % above the total that panel and web page show, and another one
 * after a repair: mstrhakr/printmaster docs/vendor/KYOCERA_OID_MAPPING.md and its walk of a CS 4053ci. Functions:
 * fusioninventory-agent issues 520 and 638, glpi-agent Hardware.pm, zabbix community-templates Printers/Kyocera.
 */
export const kyoceraMeters: MeterRule[] = [
  { kind: "scalar", meter: "total", oid: `${kyoceraRoot}.43.10.1.1.12.1.1`, rule: "kyocera.total" },
  { ...sum("total", allFunctions.map((task) => `${functions}.1.1.1.${task}`), "functions"), check: true },
  sum("total", byMode(allFunctions, [1, ...colourModes]), "functionModes"),
  sum("total", [1, 2, 3].map((mode) => `${modes}.${mode}`), "modes"),
  { kind: "sum", meter: "total", oids: [`${sides}.1.1`, `${sides}.2.1`], rule: "kyocera.sides" },
  bySize("total", [6]),
  sum("mono", byMode(allFunctions, [1]), "functionMono"),
  sum("mono", [`${modes}.1`], "modeMono"),
  bySize("mono", [7]),
  sum("color", byMode(allFunctions, colourModes), "functionColour"),
  sum("color", colourModes.map((mode) => `${modes}.${mode}`), "modeColour"),
  bySize("color", [8, 9]),
  { kind: "scalar", meter: "print.total", oid: `${functions}.1.1.1.1`, rule: "kyocera.print" },
  { kind: "scalar", meter: "copy.total", oid: `${functions}.1.1.1.2`, rule: "kyocera.copy" },
  { kind: "scalar", meter: "fax.total", oid: `${functions}.1.1.1.4`, rule: "kyocera.fax" },
  sum("print.mono", byMode([1], [1]), "printMono"),
  // ECOSYS count in single colour, TASKalfa in full colour
  sum("print.color", byMode([1], colourModes), "printColour"),
  sum("copy.mono", byMode([2], [1]), "copyMono"),
  sum("copy.color", byMode([2], colourModes), "copyColour"),
  sum("fax.mono", byMode([4], [1]), "faxMono"),
  sum("fax.color", byMode([4], colourModes), "faxColour"),
  // Printers without other functions
  sum("print.mono", [`${modes}.1`], "modeMono"),
  sum("print.color", colourModes.map((mode) => `${modes}.${mode}`), "modeColour"),
  { kind: "scalar", meter: "duplex", oid: `${sides}.2.1`, rule: "kyocera.twoSided" },
  large("large.total", [6]),
  large("large.mono", [7]),
  large("large.color", [8, 9]),
  // All scans: those for copies and faxes, and those that were sent or stored
  { kind: "scalar", meter: "scan.total", oid: `${kyoceraRoot}.46.10.1.1.5.3`, rule: "kyocera.scanTotal" },
  sum("scan.total", [...allFunctions.map((task) => `${functions}.3.1.1.${task}`), `${functions}.4.1.1.1`], "scans"),
];

/** librenms kyocera.yaml and utax.yaml */
export const kyoceraModel: FieldRule[] = [{ oid: `${kyoceraRoot}.43.5.1.1.1.1`, rule: "kyocera.model" }];
export const kyoceraSerial: FieldRule[] = [{ oid: `${kyoceraRoot}.43.5.1.1.28.1`, rule: "kyocera.serial" }];
export const kyoceraFirmware: FieldRule[] = [{ oid: `${kyoceraRoot}.43.5.4.1.5.1.1`, rule: "kyocera.firmware" }];
/** glpi-agent Kyocera.pm */
export const kyoceraHostname: FieldRule[] = [{ oid: `${kyoceraRoot}.40.10.1.1.5.1`, rule: "kyocera.hostName" }];

export const kyocera: Profile = {
  id: "kyocera",
  maker: "Kyocera",
  recognise: {
    objectIds: [kyoceraRoot],
    printerIds: [`${kyoceraRoot}.41`],
    descriptions: [/^KYOCERA\b/i, /\b(?:ECOSYS|TASKalfa)\b/i],
    devices: [/^KYOCERA\b|\b(?:ECOSYS|TASKalfa)\b|^FS-\d/i],
    deviceIds: [/^KYOCERA\b/i],
  },
  model: kyoceraModel,
  serial: kyoceraSerial,
  firmware: kyoceraFirmware,
  hostname: kyoceraHostname,
  meters: kyoceraMeters,
};

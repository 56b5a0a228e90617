import type { MeterRule, Profile } from "../profile.ts";

/** kmSysTotalCount of KONICAMINOLTA-IMAGING-MIB. */
const counts = "1.3.6.1.4.1.18334.1.1.1.5.7.2";

/** Pages by colour (1 black, 2 full, 3 single, 4 two colours) and function (1 copy, 2 print); those on large paper. */
const pages = `${counts}.2.1.5`;
const largePages = `${counts}.2.1.7`;
const black = [1];
/** A page in one or two colours costs as a colour page, and the total counts it. */
const colours = [2, 3, 4];
const copies = [1];
const prints = [2];

/** A machine without a function or a colour does not answer its counters. */
function sum(meter: string, where: { table: string; colours: number[]; functions: number[] }, rule: string): MeterRule {
  const oids = where.colours.flatMap((colour) => where.functions.map((it) => `${where.table}.${colour}.${it}`));
  return { kind: "sum", meter, oids, rule: `konica.${rule}`, needs: "any" };
}

/**
 * librenms includes/discovery/sensors/count/printer.inc.php, glpi-agent Konica.pm; single colour and two colours: script
 * ids 27202015660, 35954921285 and 25560575108.
 */
export const konicaMeters: MeterRule[] = [
  { kind: "scalar", meter: "total", oid: `${counts}.1.1.0`, rule: "konica.total" },
  sum("mono", { table: pages, colours: black, functions: [...copies, ...prints] }, "black"),
  sum("color", { table: pages, colours, functions: [...copies, ...prints] }, "colour"),
  { kind: "scalar", meter: "duplex", oid: `${counts}.1.3.0`, rule: "konica.duplex" },
  { kind: "scalar", meter: "scan.total", oid: `${counts}.1.5.0`, rule: "konica.scans" },
  { kind: "scalar", meter: "scan.total", oid: `${counts}.3.1.5.1`, rule: "konica.scansOlder" },
  sum("copy.mono", { table: pages, colours: black, functions: copies }, "copyBlack"),
  sum("print.mono", { table: pages, colours: black, functions: prints }, "printBlack"),
  sum("copy.color", { table: pages, colours, functions: copies }, "copyColour"),
  sum("print.color", { table: pages, colours, functions: prints }, "printColour"),
  sum("large.mono", { table: largePages, colours: black, functions: [...copies, ...prints] }, "largeBlack"),
  sum("large.color", { table: largePages, colours, functions: [...copies, ...prints] }, "largeColour"),
  { kind: "scalar", meter: "print.mono", oid: `${counts}.3.1.7.1`, rule: "konica.printBlackOlder" },
  { kind: "scalar", meter: "print.color", oid: `${counts}.3.1.11.1`, rule: "konica.printColourOlder" },
];

/** librenms konica.yaml, glpi-agent Konica.pm */
export const konicaModel = [{ oid: "1.3.6.1.4.1.18334.1.1.1.1.6.2.1.0", rule: "konica.model" }];
export const konicaFirmware = [{ oid: "1.3.6.1.4.1.18334.1.1.1.1.6.1.0", rule: "konica.version" }];

export const konica: Profile = {
  id: "konica",
  maker: "Konica Minolta",
  recognise: {
    objectIds: ["1.3.6.1.4.1.18334"],
    printerIds: ["1.3.6.1.4.1.18334.1.1.1.2"],
    descriptions: [/^(?:KONICA )?MINOLTA\b/i, /\b(?:bizhub|magicolor|pagepro|AccurioPrint|AccurioPress)\b/i],
    devices: [/^(?:KONICA )?MINOLTA\b|\bbizhub\b/i],
    deviceIds: [/^(?:KONICA[ _]?)?MINOLTA\b/i],
  },
  model: konicaModel,
  firmware: konicaFirmware,
  meters: konicaMeters,
};

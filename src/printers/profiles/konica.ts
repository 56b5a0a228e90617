import type { MeterRule, Profile } from "../profile.ts";

/** kmSysTotalCount of KONICAMINOLTA-IMAGING-MIB. */
const counts = "1.3.6.1.4.1.18334.1.1.1.5.7.2";

/** Totals by colour (1 black, 2 full colour) and function (1 copy, 2 print); large paper. */
const totals = `${counts}.2.1.5`;
const largeTotals = `${counts}.2.1.7`;

/** librenms includes/discovery/sensors/count/printer.inc.php and its table of objects, glpi-agent Konica.pm */
export const konicaMeters: MeterRule[] = [
  { kind: "scalar", meter: "total", oid: `${counts}.1.1.0`, rule: "konica.total" },
  { kind: "sum", meter: "mono", oids: [`${totals}.1.1`, `${totals}.1.2`], rule: "konica.black" },
  { kind: "sum", meter: "color", oids: [`${totals}.2.1`, `${totals}.2.2`], rule: "konica.colour" },
  { kind: "scalar", meter: "duplex", oid: `${counts}.1.3.0`, rule: "konica.duplex" },
  { kind: "scalar", meter: "scan.total", oid: `${counts}.1.5.0`, rule: "konica.scans" },
  { kind: "scalar", meter: "scan.total", oid: `${counts}.3.1.5.1`, rule: "konica.scansOlder" },
  { kind: "scalar", meter: "copy.mono", oid: `${totals}.1.1`, rule: "konica.copyBlack" },
  { kind: "scalar", meter: "print.mono", oid: `${totals}.1.2`, rule: "konica.printBlack" },
  { kind: "scalar", meter: "copy.color", oid: `${totals}.2.1`, rule: "konica.copyColour" },
  { kind: "scalar", meter: "print.color", oid: `${totals}.2.2`, rule: "konica.printColour" },
  { kind: "sum", meter: "large.mono", oids: [`${largeTotals}.1.1`, `${largeTotals}.1.2`], rule: "konica.largeBlack" },
  { kind: "sum", meter: "large.color", oids: [`${largeTotals}.2.1`, `${largeTotals}.2.2`], rule: "konica.largeColour" },
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

import type { FieldRule, MeterRule, Profile } from "../profile.ts";

const kyoceraRoot = "1.3.6.1.4.1.1347";
/** Pages by paper size: total .6, mono .7, colour .8; size 1 is A3, 7 Ledger (recording kyocera-taskalfa-size-names). */
const sizes = `${kyoceraRoot}.42.2.1.1.1`;
const functions = `${kyoceraRoot}.42.3.1`;

function colour(meter: string, task: number): MeterRule {
  const oids = [2, 3].map((mode) => `${functions}.2.1.1.${task}.${mode}`);
  return { kind: "sum", meter, oids, rule: "kyocera.functionColour", needs: "any" };
}

/**
 * fusioninventory-agent issues 520 and 638, glpi-agent Hardware.pm, zabbix community-templates Printers/Kyocera.
 * prtMarkerLifeCount stays the total: 43.10.1.1.12.1.1 is left to devices without it (glpi-agent issue 382).
 */
export const kyoceraMeters: MeterRule[] = [
  { kind: "scalar", meter: "total", oid: `${kyoceraRoot}.43.10.1.1.12.1.1`, rule: "kyocera.total" },
  { kind: "scalar", meter: "print.total", oid: `${functions}.1.1.1.1`, rule: "kyocera.print" },
  { kind: "scalar", meter: "copy.total", oid: `${functions}.1.1.1.2`, rule: "kyocera.copy" },
  { kind: "scalar", meter: "fax.total", oid: `${functions}.1.1.1.4`, rule: "kyocera.fax" },
  { kind: "scalar", meter: "print.mono", oid: `${functions}.2.1.1.1.1`, rule: "kyocera.printMono" },
  // 2 single colour, 3 full colour; ECOSYS count in 2, TASKalfa in 3
  colour("print.color", 1),
  { kind: "scalar", meter: "copy.mono", oid: `${functions}.2.1.1.2.1`, rule: "kyocera.copyMono" },
  colour("copy.color", 2),
  // Printers without other functions: 1 monochrome, 2 single colour, 3 full colour
  { kind: "scalar", meter: "print.mono", oid: `${kyoceraRoot}.42.2.2.1.1.3.1.1`, rule: "kyocera.mono" },
  {
    kind: "sum",
    meter: "print.color",
    oids: [`${kyoceraRoot}.42.2.2.1.1.3.1.2`, `${kyoceraRoot}.42.2.2.1.1.3.1.3`],
    rule: "kyocera.colour",
    needs: "any",
  },
  { kind: "sum", meter: "large.mono", oids: [`${sizes}.7.1.1`, `${sizes}.7.1.7`], rule: "kyocera.a3Mono" },
  { kind: "sum", meter: "large.color", oids: [`${sizes}.8.1.1`, `${sizes}.8.1.7`], rule: "kyocera.a3Colour" },
  { kind: "scalar", meter: "scan.total", oid: `${kyoceraRoot}.46.10.1.1.5.3`, rule: "kyocera.scanTotal" },
  { kind: "scalar", meter: "scan.total", oid: `${functions}.4.1.1.1`, rule: "kyocera.scan" },
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

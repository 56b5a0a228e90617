import type { MeterRule, Profile } from "../profile.ts";

/** General counters of LEXMARK-MPS-MIB: type .2, unit .3 (4 sides, 5 sheets), value .4. */
const counts = "1.3.6.1.4.1.641.6.4.2.1.1";
/** Counters by paper size: size .2, mono .4, colour .5. */
const sizes = "1.3.6.1.4.1.641.6.4.2.2.1";

/** Size codes are rows of their own: 67 is A3 (recording lexmark-xc9235 and the printer's web page). */
const large = [67];

/**
 * Total, black and colour of printers before LEXMARK-MPS-MIB; public counter scripts (ids 71267114123, 69510293606 and
 * 66847302376). `root` is Lexmark's subtree, or that of a maker which sells its printers.
 */
export function lexmarkOldMeters(root: string): MeterRule[] {
  return ["total", "mono", "color"].flatMap((meter, i) =>
    [0, 1].map((instance): MeterRule => (
      { kind: "scalar", meter, oid: `${root}.2.1.5.${i + 1}.${instance}`, rule: `lexmark.old.${i + 1}` }
    ))
  );
}

export const lexmarkMeters: MeterRule[] = [
  {
    // Types by steledama/lac profiles.json and the printer's web page; 16, 32 and 48 on by function: they add up to 1.
    kind: "typed",
    rule: "lexmark.mpsCount",
    values: `${counts}.4`,
    types: `${counts}.2`,
    where: { column: `${counts}.3`, equals: 4 },
    names: [
      [1, "total"],
      [3, "mono"],
      [4, "color"],
      [17, "print.mono"],
      [18, "print.color"],
      [33, "copy.mono"],
      [34, "copy.color"],
      [49, "fax.mono"],
      [50, "fax.color"],
    ],
    maxRows: 64,
  },
  {
    kind: "typed",
    rule: "lexmark.mpsSize",
    values: `${sizes}.4`,
    types: `${sizes}.2`,
    names: large.map((size) => [size, "large.mono"]),
    maxRows: 48,
  },
  {
    kind: "typed",
    rule: "lexmark.mpsSize",
    values: `${sizes}.5`,
    types: `${sizes}.2`,
    names: large.map((size) => [size, "large.color"]),
    maxRows: 48,
  },
  ...lexmarkOldMeters("1.3.6.1.4.1.641"),
];

export const lexmark: Profile = {
  id: "lexmark",
  maker: "Lexmark",
  recognise: {
    objectIds: ["1.3.6.1.4.1.641"],
    printerIds: ["1.3.6.1.4.1.641.1", "1.3.6.1.4.1.641.2", "1.3.6.1.4.1.641.52"],
    descriptions: [/^Lexmark\b(?!.*\bMarkNet\b)/i],
    // MarkNet print servers stand before printers of others as well.
    cards: [/^Lexmark\b.*\bMarkNet\b/i],
    devices: [/^Lexmark\b/i],
    deviceIds: [/^Lexmark\b/i],
  },
  model: [
    // "Lexmark MODEL version FIRMWARE kernel …"
    { oid: "1.3.6.1.2.1.1.1.0", rule: "lexmark.description", take: /^Lexmark (.+?) version /i },
    // deviceModel of LEXMARK-MPS-MIB; glpi-agent Lexmark.pm
    { oid: "1.3.6.1.4.1.641.6.2.3.1.4.1", rule: "lexmark.deviceModel" },
    // prtgenPrinterName of LEXMARK-PVT-MIB; glpi-agent Lexmark.pm
    { oid: "1.3.6.1.4.1.641.2.1.2.1.2.1", rule: "lexmark.printerName" },
  ],
  serial: [
    // deviceSerialNumber and prtgenSerialNo; glpi-agent Lexmark.pm
    { oid: "1.3.6.1.4.1.641.6.2.3.1.5.1", rule: "lexmark.deviceSerial" },
    { oid: "1.3.6.1.4.1.641.2.1.2.1.6.1", rule: "lexmark.serial" },
  ],
  firmware: [
    // prtgenCodeRevision; glpi-agent Lexmark.pm
    { oid: "1.3.6.1.4.1.641.2.1.2.1.4.1", rule: "lexmark.codeRevision" },
    { oid: "1.3.6.1.4.1.641.1.1.1.0", rule: "lexmark.firmware" },
    { oid: "1.3.6.1.2.1.1.1.0", rule: "lexmark.description", take: / version (\S+)/i },
    // The first of the versions by unit is that of the device; glpi-agent Lexmark.pm
    { oid: "1.3.6.1.4.1.641.6.3.3.1.7.1.1", rule: "lexmark.version" },
  ],
  meters: lexmarkMeters,
};

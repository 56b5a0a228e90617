import type { LabelledMeters, MeterRule, Profile } from "../profile.ts";

/** canPdInfo of CANON-MIB. */
const product = "1.3.6.1.4.1.1602.1.1.1";
/** Counters that name themselves. */
const named = "1.3.6.1.4.1.1602.1.11.2.1.1";

/**
 * Counters by Canon's counter code: glpi-agent Canon.pm, zabbix community-templates Printers/Canon, librenms issue 6990, and
 * the codes with their names in script id 35767688656. Those named "2" count large pages twice. Single colour is colour.
 * There are hundreds of codes, and a machine shows a few that its dealer chose: many speak SNMPv1 only, which takes a
 * request for each that is asked without an answer.
 */
export const canonCodes: readonly { meter: string; codes: number[]; needs?: "all" | "any"; fallback?: true }[] = [
  { meter: "total", codes: [101] },
  { meter: "total", codes: [102], fallback: true },
  { meter: "mono", codes: [108] },
  { meter: "mono", codes: [112, 113] },
  { meter: "mono", codes: [109] },
  { meter: "color", codes: [122, 123] },
  { meter: "color", codes: [125] },
  { meter: "color", codes: [105, 118], needs: "any" },
  { meter: "color", codes: [124] },
  { meter: "large.total", codes: [103] },
  { meter: "large.mono", codes: [112] },
  { meter: "large.color", codes: [122] },
  { meter: "small.mono", codes: [113] },
  { meter: "small.color", codes: [123] },
  { meter: "copy.total", codes: [201] },
  { meter: "print.total", codes: [301] },
  { meter: "scan.total", codes: [501] },
];

const codeMeters = canonCodes.map(({ codes, ...more }): MeterRule => ({
  kind: "sum",
  oids: codes.map((code) => `1.3.6.1.4.1.1602.1.11.1.3.1.4.${code}`),
  rule: `canon.counter.${codes.join("+")}`,
  ...more,
}));

const black = "Black(?: ?& ?White)?";
const full = "Full Colou?r";
const single = "Single Colou?r";
const both = `(?:Full )?Colou?r ?\\+ ?${single}`;

function label(group: string, what: string): RegExp {
  return new RegExp(`^${group} ?\\(${what}\\)$`, "i");
}

/** What comes later stands in for what comes earlier. */
function byName(names: LabelledMeters["names"]): MeterRule {
  return {
    kind: "labelled",
    rule: "canon.namedCounter",
    values: `${named}.3`,
    labels: `${named}.2`,
    names,
    maxRows: 64,
  };
}

const namedMeters: MeterRule[] = [
  byName([
    [/^Total ?1$/i, "total"],
    [label("Total", `${black} ?1`), "mono"],
    [label("Total", `(?:${both}|Colou?r) ?1`), "color"],
    [label("Total", `${black} ?/ ?Large`), "large.mono"],
    [label("Total", `${black} ?/ ?Small`), "small.mono"],
    [label("Total", `${both} ?/ ?Large`), "large.color"],
    [label("Total", `${both} ?/ ?Small`), "small.color"],
    [label("Print", "Total ?1"), "print.total"],
    [label("Copy", "Total ?1"), "copy.total"],
    [label("Scan", "Total ?1"), "scan.total"],
  ]),
  byName([
    [label("Total", `${black} ?/ ?(?:Large|Small)`), "mono"],
    [label("Total", `(?:${full}|${single}) ?1`), "color"],
    [label("Total", `(?:${full}|${single}|Colou?r) ?/ ?Large`), "large.color"],
    [label("Total", `(?:${full}|${single}|Colou?r) ?/ ?Small`), "small.color"],
  ]),
  byName([[label("Total", `${both} ?/ ?(?:Large|Small)`), "color"]]),
];

export const canon: Profile = {
  id: "canon",
  maker: "Canon",
  recognise: {
    objectIds: ["1.3.6.1.4.1.1602.4", "1.3.6.1.4.1.1602"],
    printerIds: ["1.3.6.1.4.1.1602.4"],
    descriptions: [
      /^Canon\b.* \/P\b/i,
      /^Canon\b.*\bPRISMAsync\b/i,
      /^Canon (?:iR|LBP|MF\d|D\d|TM-|TX-|TZ-|iPF|image(?:PRESS|RUNNER|CLASS|PROGRAF)|PRO-|GP-|GX|TS\d|TR\d|MG\d|MX\d|MB\d|iX|iP\d|MAXIFY|PIXMA|G\d{4}|FAX|i-SENSYS|Satera)/i,
    ],
    devices: [/^Canon\b/i],
    deviceIds: [/^Canon\b/i],
    never: [/network camera|VB-|projector/i],
  },
  model: [
    // canPdInfoProductName; glpi-agent Canon.pm, librenms canonprinter.yaml
    { oid: `${product}.1.0`, rule: "canon.productName" },
    { oid: "1.3.6.1.2.1.1.1.0", rule: "canon.description", take: /^Canon (.+?)(?: \/P.*)?$/i },
  ],
  serial: [
    // canServInfoSerialNumberDeviceNumber; glpi-agent Canon.pm
    { oid: "1.3.6.1.4.1.1602.1.2.1.8.1.3.1.1", rule: "canon.deviceNumber" },
    // zabbix template_canon_c5540
    { oid: "1.3.6.1.4.1.1602.1.2.1.4.0", rule: "canon.serial" },
  ],
  firmware: [
    // canPdInfoProductVersion; librenms canonprinter.yaml
    { oid: `${product}.4.0`, rule: "canon.productVersion" },
  ],
  meters: [...codeMeters, ...namedMeters],
};

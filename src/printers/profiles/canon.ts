import type { MeterRule, Profile } from "../profile.ts";

/** canPdInfo of CANON-MIB. */
const product = "1.3.6.1.4.1.1602.1.1.1";
/** Counters by Canon's counter code. */
const counts = "1.3.6.1.4.1.1602.1.11.1.3.1.4";
/** Counters that name themselves. */
const named = "1.3.6.1.4.1.1602.1.11.2.1.1";

function code(meter: string, number: number): MeterRule {
  return { kind: "scalar", meter, oid: `${counts}.${number}`, rule: `canon.counter.${number}` };
}

export const canon: Profile = {
  id: "canon",
  maker: "Canon",
  recognise: {
    objectIds: ["1.3.6.1.4.1.1602.4", "1.3.6.1.4.1.1602"],
    printerIds: ["1.3.6.1.4.1.1602.4"],
    descriptions: [
      /^Canon\b.* \/P\b/i,
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
  meters: [
    // glpi-agent Canon.pm, zabbix community-templates Printers/Canon, librenms issue 6990. Those named "2" count large
    // pages twice.
    code("total", 101),
    code("total", 102),
    code("mono", 108),
    { kind: "sum", meter: "mono", oids: [`${counts}.112`, `${counts}.113`], rule: "canon.counter.112+113" },
    code("mono", 109),
    { kind: "sum", meter: "color", oids: [`${counts}.122`, `${counts}.123`], rule: "canon.counter.122+123" },
    code("color", 124),
    code("large.mono", 112),
    code("small.mono", 113),
    code("large.color", 122),
    code("small.color", 123),
    code("print.total", 301),
    code("scan.total", 501),
    {
      kind: "labelled",
      rule: "canon.namedCounter",
      values: `${named}.3`,
      labels: `${named}.2`,
      names: [
        [/^Total 1$/i, "total"],
        [/^Total \(Black ?1\)$/i, "mono"],
        [/^Total \((?:Full )?Colou?r(?: \+ Single Colou?r)? ?1\)$/i, "color"],
        [/^Total \(Black ?\/ ?Large\)$/i, "large.mono"],
        [/^Total \(Black ?\/ ?Small\)$/i, "small.mono"],
        [/^Total \((?:Full )?Colou?r.*\/ ?Large\)$/i, "large.color"],
        [/^Total \((?:Full )?Colou?r.*\/ ?Small\)$/i, "small.color"],
        [/^Print \(Total 1\)$/i, "print.total"],
        [/^Copy \(Total 1\)$/i, "copy.total"],
        [/^Scan \(Total 1\)$/i, "scan.total"],
      ],
      maxRows: 64,
    },
  ],
};

import type { MeterRule, Profile } from "../profile.ts";

/** xcmHrDevDetail value column of XEROX-HOST-RESOURCES-EXT-MIB; then group, 20 (counters), code. */
const detail = "1.3.6.1.4.1.253.8.53.13.2.1.6";

/** Group numbers of a function, which differ between product lines: controllers by Xerox first, by Fuji Xerox second. */
const groups = { scan: [10, 102], copy: [11, 103], fax: [10, 104] } as const;

function either(meter: string, group: keyof typeof groups, code: number): MeterRule[] {
  return groups[group].map((number) => ({
    kind: "scalar",
    meter,
    oid: `${detail}.${number}.20.${code}`,
    rule: `xerox.detail.${code}`,
  }));
}

/** Meters of XCMI; steledama/lac profiles.json, glpi-agent Xerox.pm, zabbix community-templates, and the device's labels. */
export const xeroxMeters: MeterRule[] = [
  { kind: "scalar", meter: "total", oid: `${detail}.1.20.1`, rule: "xerox.detail.1" },
  { kind: "scalar", meter: "mono", oid: `${detail}.1.20.34`, rule: "xerox.detail.34" },
  { kind: "scalar", meter: "color", oid: `${detail}.1.20.33`, rule: "xerox.detail.33" },
  { kind: "scalar", meter: "print.mono", oid: `${detail}.1.20.7`, rule: "xerox.detail.7" },
  { kind: "scalar", meter: "print.color", oid: `${detail}.1.20.29`, rule: "xerox.detail.29" },
  { kind: "scalar", meter: "large.mono", oid: `${detail}.1.20.44`, rule: "xerox.detail.44" },
  { kind: "scalar", meter: "large.color", oid: `${detail}.1.20.43`, rule: "xerox.detail.43" },
  { kind: "scalar", meter: "large.total", oid: `${detail}.1.20.47`, rule: "xerox.detail.47" },
  // Two-sided sheets of all functions where the device sums them, otherwise those printed.
  { kind: "scalar", meter: "duplex", oid: `${detail}.1.20.39`, rule: "xerox.detail.39", unit: "sheets" },
  {
    kind: "sum",
    meter: "duplex",
    oids: [`${detail}.1.20.9`, `${detail}.1.20.31`],
    rule: "xerox.detail.9+31",
    unit: "sheets",
  },
  { kind: "scalar", meter: "duplex", oid: `${detail}.1.20.9`, rule: "xerox.detail.9", unit: "sheets" },
  ...either("copy.mono", "copy", 3),
  ...either("copy.color", "copy", 25),
  // Fuji Xerox controllers sum what was sent; others count network and e-mail scans apart.
  ...groups.scan.map((number): MeterRule => ({
    kind: "sum",
    meter: "scan.total",
    oids: [`${detail}.${number}.20.11`, `${detail}.${number}.20.12`],
    rule: "xerox.detail.11+12",
  })),
  { kind: "scalar", meter: "fax.total", oid: `${detail}.1.20.71`, rule: "xerox.detail.71" },
  ...either("fax.total", "fax", 14),
];

export const xerox: Profile = {
  id: "xerox",
  maker: "Xerox",
  recognise: {
    objectIds: ["1.3.6.1.4.1.253.8.62", "1.3.6.1.4.1.253"],
    descriptions: [
      /^Xerox\b/i,
      /\bXerox\b.*\b(?:WorkCentre|Phaser|VersaLink|AltaLink|ColorQube|DocuColor|DocuPrint|PrimeLink|Versant|Color C\d+)\b/i,
    ],
    devices: [/^Xerox\b/i],
    deviceIds: [/^Xerox\b/i],
    never: [/^FUJI ?XEROX|FreeFlow|DocuShare/i],
  },
  model: [
    // "Xerox WorkCentre 6605DN; Network 90.66, …"
    { oid: "1.3.6.1.2.1.1.1.0", rule: "xerox.description", take: /^Xerox ([^;]+?)(?:;|$| v\d)/i },
  ],
  serial: [
    // xcmHrDevDetail serial; steledama/lac
    { oid: "1.3.6.1.4.1.253.8.53.3.2.1.3.1", rule: "xerox.serial" },
    // Rebadged Samsungs (Phaser 3200 and others); librenms xerox.yaml
    { oid: "1.3.6.1.4.1.236.11.5.1.1.1.4.0", rule: "samsung.serial" },
  ],
  firmware: [
    // System software, or the controller's on smaller ones
    { oid: "1.3.6.1.2.1.1.1.0", rule: "xerox.systemSoftware", take: /[;,] (?:SS|System Software|System) ([\d.]+)/i },
    { oid: "1.3.6.1.2.1.1.1.0", rule: "xerox.controller", take: /\b(?:Controller|ESS) ?([\d.]+)/i },
    { oid: "1.3.6.1.4.1.236.11.5.1.1.1.2.0", rule: "samsung.firmware" },
  ],
  meters: xeroxMeters,
};

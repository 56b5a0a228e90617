import type { MeterRule, Profile } from "../profile.ts";

/** xcmHrDevDetail value column of XEROX-HOST-RESOURCES-EXT-MIB; then group, 20 (counters), code. */
const detail = "1.3.6.1.4.1.253.8.53.13.2.1.6";

/**
 * Services are numbered in the order in which they are installed: from 10 on Xerox's controllers, from 102 on Fuji
 * Xerox's. The code says what is counted, and each of these belongs to one kind of service.
 */
const services = [10, 11, 12, 13, 14, 15, 102, 103, 104];

function anyService(meter: string, codes: number[]): MeterRule {
  const oids = services.flatMap((service) => codes.map((code) => `${detail}.${service}.20.${code}`));
  return { kind: "sum", meter, oids, rule: `xerox.detail.${codes.join("+")}`, needs: "any" };
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
  anyService("copy.mono", [3]),
  anyService("copy.color", [25]),
  // Network and e-mail scans; faxed impressions of the device, then those of each fax service
  anyService("scan.total", [11, 12]),
  { kind: "scalar", meter: "fax.total", oid: `${detail}.1.20.71`, rule: "xerox.detail.71" },
  anyService("fax.total", [14]),
];

export const xerox: Profile = {
  id: "xerox",
  maker: "Xerox",
  recognise: {
    objectIds: ["1.3.6.1.4.1.253.8.62", "1.3.6.1.4.1.253"],
    printerIds: ["1.3.6.1.4.1.253.8.62.1"],
    descriptions: [
      /^Xerox\b/i,
      /\bXerox\b.*\b(?:WorkCentre|Phaser|VersaLink|AltaLink|ColorQube|DocuColor|DocuPrint|PrimeLink|Versant|Color C\d+)\b/i,
    ],
    devices: [/^Xerox\b/i],
    deviceIds: [/^Xerox\b/i],
    never: [/^FUJI ?XEROX|FreeFlow|DocuShare/i],
  },
  model: [
    // "Xerox MODEL; Network VERSION, Controller VERSION, …"
    { oid: "1.3.6.1.2.1.1.1.0", rule: "xerox.description", take: /^Xerox(?:®|\(R\))? ([^;]+?)(?:;|$| v\d)/i },
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

import type { MeterRule, Profile } from "../profile.ts";

/** PML objects of LaserJet MIBs (LJ*-MIB, HP-LASERJET-COMMON-MIB). */
const pml = "1.3.6.1.4.1.11.2.3.9.4.2.1";

function scans(numbers: number[]): MeterRule {
  const oids = numbers.map((number) => `${pml}.2.2.1.${number}.0`);
  return { kind: "sum", meter: "scan.total", oids, rule: `hp.scans.${numbers.join("+")}`, needs: "any" };
}

export const hp: Profile = {
  id: "hp",
  maker: "HP",
  recognise: {
    // HP netPeripheral; switches (11.2.3.7), blades (11.5.7) and servers (232) are elsewhere.
    objectIds: ["1.3.6.1.4.1.11.2.3.9"],
    printerIds: ["1.3.6.1.4.1.11.2.3.9.1"],
    cards: [/JETDIRECT|^HP ETHERNET MULTI-ENVIRONMENT/i],
    descriptions: [
      /\b(?:HP|Hewlett[- ]Packard)\b.*\b(?:(?:Laser|Office|Desk|Design)Jet|PhotoSmart|PageWide|ENVY|Smart Tank)\b/i,
      /^HP (?:Color )?(?:Laser|Neverstop)\b/i,
    ],
    devices: [
      /^(?:HP|Hewlett[- ]Packard)\b|LaserJet|OfficeJet|DeskJet|DesignJet|PageWide|^ENVY\b/i,
      /\b(?:PhotoSmart|Business Inkjet|Smart Tank|Neverstop|Mopier|Color Inkjet|Edgeline|Latex)\b|^psc \d/i,
    ],
    deviceIds: [/^(?:HP|Hewlett[- ]?Packard)\b/i],
    never: [/onboard administrator|virtual connect|procurve|integrated lights-out/i],
  },
  modelFallback: [
    // model-name; glpi-agent HPNetPeripheral.pm
    { oid: `${pml}.1.3.2.0`, rule: "hp.modelName", take: "pml" },
    // "HP ETHERNET MULTI-ENVIRONMENT,SN:…,FN:…,SVCID:…,PID:MODEL": a name that people may change, so it needs a digit
    { oid: "1.3.6.1.2.1.1.1.0", rule: "hp.description", take: /,PID:((?:HP )?[A-Z][^,]*\d[^,]*)/i },
  ],
  serial: [
    // serial-number; glpi-agent HPNetPeripheral.pm, librenms jetdirect.yaml
    { oid: `${pml}.1.3.3.0`, rule: "hp.serial", take: "pml" },
    // The network card's sysDescr of newer ones, as above
    { oid: "1.3.6.1.2.1.1.1.0", rule: "hp.description", take: /,SN:([A-Z0-9]{10}),/ },
  ],
  firmware: [
    // fw-rom-revision; the date code (1.3.5) stands in on old ones; glpi-agent HPNetPeripheral.pm, librenms jetdirect.yaml
    { oid: `${pml}.1.3.6.0`, rule: "hp.firmware", take: "pml" },
    { oid: `${pml}.1.3.5.0`, rule: "hp.firmwareDate", take: "pml" },
  ],
  meters: [
    // librenms jetdirect.yaml, glpi-agent HPNetPeripheral.pm
    // The same count as prtMarkerLifeCount: that of the engine
    { kind: "scalar", meter: "total", oid: `${pml}.4.1.2.5.0`, rule: "hp.totalEnginePageCount", fallback: true },
    { kind: "scalar", meter: "mono", oid: `${pml}.4.1.2.6.0`, rule: "hp.totalMonoPageCount" },
    { kind: "scalar", meter: "color", oid: `${pml}.4.1.2.7.0`, rule: "hp.totalColorPageCount" },
    { kind: "scalar", meter: "duplex", oid: `${pml}.4.1.2.22.0`, rule: "hp.duplexPageCount" },
    // Originals through the feeder and on the glass; mstrhakr/printmaster, script ids 55732967453 and 34990467103
    scans([44, 74]),
    scans([20, 21]),
  ],
  supplies: [
    // Cartridge order code and serial by prtMarkerSuppliesIndex; recording hp-officejet-pro-x476dw
    { kind: "detail", rule: "hp.partNumber", field: "partNumber", column: `${pml}.4.1.10.1.1.1` },
    { kind: "detail", rule: "hp.supplySerial", field: "serial", column: `${pml}.4.1.10.1.1.3` },
  ],
  // recording hp-color-laserjet-flow-mfp-m880
  standardSupplies: { hexContinuation: true },
};

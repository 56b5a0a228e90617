import type { Profile, RecordSupplies } from "../profile.ts";

/** brInfo of BROTHER-MIB. */
const info = "1.3.6.1.4.1.2435.2.3.9.4.2.1.5.5";

/**
 * Ink models carry a J or, with tanks, a T in the number; the first of them a C behind three digits or behind four that
 * begin with 1 to 6: MFC-9120CN and its like are colour lasers.
 */
const ink = "-[JT]\\d|^(?:MFC|DCP|FAX)-(?:\\d{3}|[1-6]\\d{3})C[A-Z]*$";
const inkModels = new RegExp(ink);
const laserModels = new RegExp(`^(?!.*(?:${ink})).*`, "s");

/** Hundredths of a percent left. */
const hundredths = { read: 0.01, minOctets: 2 } as const;

function colours(ids: [number, number, number, number], what: { kind: string; word: string }) {
  return (["black", "cyan", "magenta", "yellow"] as const).map((colorant, i) => ({
    id: ids[i]!,
    kind: what.kind,
    colorant,
    description: `${colorant[0]!.toUpperCase()}${colorant.slice(1)} ${what.word}`,
  }));
}

const toner = { kind: "toner", word: "Toner Cartridge" };
const inkCartridge = { kind: "ink", word: "Ink Cartridge" };

function maintenance(fields: RecordSupplies["fields"], models?: RegExp): RecordSupplies {
  const layout = "id-type-length-value" as const;
  return { kind: "records", rule: "brother.maintenance", oid: `${info}.8.0`, layout, fields, ...models && { models } };
}

export const brother: Profile = {
  id: "brother",
  maker: "Brother",
  recognise: {
    objectIds: ["1.3.6.1.4.1.2435.2.3.9", "1.3.6.1.4.1.2435"],
    descriptions: [/^Brother (?:NC-|HL-|MFC-|DCP-|FAX-|PT-|QL-|TD-|RJ-|PJ-|.*Firmware Ver)/i],
    devices: [/^Brother\b/i],
    deviceIds: [/^Brother\b/i],
    never: [/Brother ADS-|Scanner$/i],
  },
  // HP Roman-8, which its panels are in; bieniu/brother issue 12
  charset: 2004,
  model: [
    // brmDNSPrinterName; librenms LibreNMS/OS/Brother.php
    { oid: "1.3.6.1.4.1.2435.2.4.3.2435.5.13.3.0", rule: "brother.model" },
  ],
  serial: [
    // brInfoSerialNumber; librenms Brother.php, glpi-agent BrotherNetConfig.pm, bieniu/brother const.py
    { oid: `${info}.1.0`, rule: "brother.serial" },
  ],
  firmware: [
    // main firmware; bieniu/brother const.py
    { oid: `${info}.17.0`, rule: "brother.firmware" },
    // brpsMainRevision; glpi-agent BrotherNetConfig.pm
    { oid: "1.3.6.1.4.1.2435.2.4.3.1240.1.4.0", rule: "brother.mainRevision" },
    // brpsFirmwareDescription of the network card, "Firmware Ver.X (date)"; librenms Brother.php
    { oid: "1.3.6.1.4.1.2435.2.4.3.1240.6.5.0", rule: "brother.nicFirmware", take: /^Firmware Ver\.\s*(\S+)/ },
  ],
  hostname: [
    // brpsNodeName; glpi-agent BrotherNetConfig.pm
    { oid: "1.3.6.1.4.1.2435.2.4.3.1240.1.1.0", rule: "brother.nodeName" },
  ],
  panel: [
    // front panel; bieniu/brother const.py
    { oid: "1.3.6.1.4.1.2435.2.3.9.4.2.1.5.4.5.2.0", rule: "brother.panel" },
  ],
  // The panel's page counter is record 00; prtMarkerLifeCount may count more (recording brother-hl-l2340dw).
  meters: [
    {
      // brInfoCounter; bieniu/brother const.py, saper-2/BRN-Printer-sCounters-Info
      kind: "records",
      rule: "brother.counter",
      oid: `${info}.10.0`,
      layout: "id-type-length-value",
      fields: [
        { id: 0x00, meter: "total" },
        { id: 0x01, meter: "mono" },
        { id: 0x02, meter: "color" },
        { id: 0x06, meter: "duplex" },
      ],
    },
    // brScanCountCounter: feeder, flatbed, both sides through a feeder that does that, and last all of them; glpi-agent
    // BrotherNetConfig.pm, script ids 55732967453 and 43729657279
    { kind: "scalar", meter: "scan.total", oid: `${info}.54.2.2.1.3.4`, rule: "brother.scanCount" },
    { kind: "scalar", meter: "scan.total", oid: `${info}.54.2.2.1.3.3`, rule: "brother.scanCount" },
  ],
  supplies: [
    // brInfoMaintenance; bieniu/brother const.py, saper-2. 81-84 are the same in steps of ten.
    maintenance(colours([0x6f, 0x70, 0x71, 0x72], toner).map((field) => ({ ...field, ...hundredths })), laserModels),
    maintenance(colours([0x81, 0x82, 0x83, 0x84], toner).map((field) => ({ ...field, read: 1 })), laserModels),
    maintenance(
      colours([0x6f, 0x70, 0x71, 0x72], inkCartridge).map((field) => ({ ...field, ...hundredths })),
      inkModels,
    ),
    maintenance(colours([0x81, 0x82, 0x83, 0x84], inkCartridge).map((field) => ({ ...field, read: 1 })), inkModels),
    // First ink models: level and capacity in one octet each (recording brother-mfc-5490cn).
    maintenance(
      colours([0xa1, 0xa2, 0xa3, 0xa4], inkCartridge).map((field) => ({ ...field, read: "ratio", minOctets: 2 })),
      inkModels,
    ),
    // The waste ink box of ink models, room left; bieniu/brother issue 850
    maintenance([{ id: 0x85, kind: "wasteInk", colorant: "none", description: "Waste Ink Box", read: 1 }], inkModels),
    maintenance([
      // One octet in 41 is a status code (recording brother-hl-5350dn).
      { id: 0x41, kind: "drum", colorant: "none", description: "Drum Unit", ...hundredths },
      ...colours([0x80, 0x79, 0x7a, 0x7b], { kind: "drum", word: "Drum Unit" }).map((it) => ({ ...it, ...hundredths })),
      { id: 0x69, kind: "transferUnit", colorant: "none", description: "Belt Unit", ...hundredths },
      { id: 0x6a, kind: "fuser", colorant: "none", description: "Fuser Unit", ...hundredths },
      { id: 0x6b, kind: "other", colorant: "none", description: "Laser Unit", ...hundredths },
      { id: 0x6c, kind: "other", colorant: "none", description: "Paper Feeding Kit MP", ...hundredths },
      { id: 0x6d, kind: "other", colorant: "none", description: "Paper Feeding Kit 1", ...hundredths },
    ], laserModels),
    {
      // brInfoNextCare, pages that remain; bieniu/brother const.py, saper-2
      kind: "records",
      rule: "brother.nextCare",
      oid: `${info}.11.0`,
      layout: "id-type-length-value",
      models: laserModels,
      fields: [
        { id: 0x82, kind: "drum", colorant: "none", description: "Drum Unit", read: "pages" },
        ...colours([0xa4, 0xa5, 0xa6, 0xa7], { kind: "drum", word: "Drum Unit" }).map((it) => (
          { ...it, read: "pages" as const }
        )),
        { id: 0x88, kind: "transferUnit", colorant: "none", description: "Belt Unit", read: "pages" },
        { id: 0x89, kind: "fuser", colorant: "none", description: "Fuser Unit", read: "pages" },
        { id: 0x73, kind: "other", colorant: "none", description: "Laser Unit", read: "pages" },
        { id: 0x86, kind: "other", colorant: "none", description: "Paper Feeding Kit MP", read: "pages" },
        { id: 0x77, kind: "other", colorant: "none", description: "Paper Feeding Kit 1", read: "pages" },
      ],
    },
  ],
  standardSupplies: {
    // With capacity −2 the level is a code: 0 fine, 1 low, 2 empty, 3 none; librenms PrinterSupplies.php
    codes: [
      { level: 0, capacity: -2, kind: "some" },
      { level: 1, capacity: -2, kind: "some" },
      { level: 2, capacity: -2, kind: "empty" },
      { level: 3, capacity: -2, kind: "unknown" },
    ],
  },
};

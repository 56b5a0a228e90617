import type { Alert, Level, Meter, Reading, ScanDocument, Supply, Tray } from "../../common/reading/reading.ts";
import { bareReading } from "../fixtures/sample_reading.ts";

/** A level with a capacity of 100, or as told. */
export function exactly(percent: number, capacity = 100, unit = "percent"): Level {
  return { kind: "exact", percent, level: Math.round(percent * capacity / 100), capacity, unit };
}

export const unknownLevel: Level = { kind: "unknown", percent: null, level: null, capacity: null, unit: null };
export const someLevel: Level = { kind: "some", percent: null, level: null, capacity: null, unit: null };
export const emptyLevel: Level = { kind: "empty", percent: 0, level: 0, capacity: 100, unit: "percent" };
export const unlimitedLevel: Level = { kind: "unlimited", percent: null, level: null, capacity: null, unit: null };

/** A supply of an invented printer; toner or ink of a colour, or a part with colorant `none`. */
export function supplyOf(index: number, name: string, level: Level, more: Partial<Supply> = {}): Supply {
  const [kind = "toner", colorant = "none"] = name.split(" ");
  return {
    index: `1.${index}`,
    kind,
    colorant,
    description: `${colorant === "none" ? "" : `${colorant} `}${kind} cartridge`,
    partNumber: null,
    serial: null,
    level,
    source: {
      oid: `1.3.6.1.2.1.43.11.1.1.9.1.${index}`,
      rule: "rfc3805",
      raw: { level: level.level ?? -2, capacity: level.capacity ?? -2, unit: 19, class: 3, type: 3 },
    },
    ...more,
  };
}

function meter(name: string, value: number, unit = "impressions"): Meter {
  const source = { oid: "1.3.6.1.2.1.43.10.2.1.4.1.1", rule: "rfc3805.lifeCount", raw: value };
  return { name, value, unit, source };
}

function tray(index: number, level: Level, media: string | null = "iso-a4"): Tray {
  return { index: `1.${index}`, name: `Tray ${index}`, media, level };
}

function alert(severity: Alert["severity"], description: string, more: Partial<Alert> = {}): Alert {
  return { severity, code: 1104, group: "markerSupplies", description, since: null, ...more };
}

/** An invented printer that is well, changed by `changes`. */
export function readingOf(address: string, changes: Partial<Reading> = {}): Reading {
  return bareReading({
    observedAt: "2026-11-23T06:30:00.000Z",
    address,
    manufacturer: "Example",
    model: "One",
    serial: "EX0000001",
    ...changes,
  });
}

/** A document of the given printers with made-up statistics. */
export function documentOf(printers: Reading[], changes: Partial<ScanDocument> = {}): ScanDocument {
  return {
    schema: "opendca.scan/1",
    startedAt: "2026-11-23T06:29:58.000Z",
    finishedAt: "2026-11-23T06:30:00.210Z",
    stats: {
      addresses: 512,
      answered: printers.length + 2,
      printers: printers.length,
      packetsSent: 1812,
      packetsReceived: 655,
      durationMs: 2210,
    },
    printers,
    unread: [],
    problems: [],
    ...changes,
  };
}

const mono = readingOf("10.1.0.7", {
  hostname: "prn-07.example",
  manufacturer: "Brother",
  model: "HL-L2340DW",
  serial: "X73891A5N000001",
  mac: "00:00:5e:00:53:07",
  firmware: "1.01",
  location: "Ground floor, reception",
  contact: "helpdesk@example.com",
  description: "Brother NC-8700w, Firmware Ver.1.01",
  objectId: "1.3.6.1.4.1.2435.2.3.9.1",
  status: { state: "sleeping", errors: [], panel: "Sleep" },
  meters: [
    {
      ...meter("total", 64299),
      others: [
        { oid: "1.3.6.1.4.1.99999.7.0", rule: "acme.odometer", value: 32150, unit: "sheets", why: "lowerPriority" },
        { oid: "1.3.6.1.4.1.99999.8.0", rule: "acme.pages", value: null, raw: "n/a", why: "notACount" },
      ],
    },
    meter("duplex", 20110, "sheets"),
  ],
  supplies: [
    supplyOf(1, "toner black", someLevel, { description: "Black Toner Cartridge", partNumber: "TN-0000" }),
    supplyOf(2, "drum none", exactly(61, 12000, "impressions"), { description: "Drum Unit" }),
  ],
  trays: [tray(1, exactly(50, 250, "sheets")), tray(2, unknownLevel, null)],
});

const color = readingOf("10.1.0.23", {
  hostname: "prn-23.example",
  manufacturer: "Xerox",
  model: "VersaLink C405",
  serial: "3A00000001",
  mac: "00:00:5e:00:53:17",
  firmware: "68.59.11",
  location: "Second floor, accounting",
  status: { state: "idle", errors: ["lowToner"], panel: "Ready" },
  snmp: { version: "3", engineId: "8000000001020304" },
  meters: [
    meter("total", 1234567),
    meter("mono", 834567),
    meter("color", 400000),
    meter("print.total", 900000),
    meter("copy.total", 300567),
    meter("fax.total", 34000),
    meter("scan.total", 71002),
  ],
  supplies: [
    supplyOf(1, "toner cyan", exactly(12, 4800, "impressions"), {
      partNumber: "000R00001",
      serial: "00000000E0000001",
    }),
    supplyOf(2, "toner magenta", exactly(3.4, 4800, "impressions"), { partNumber: "000R00002" }),
    supplyOf(3, "toner yellow", emptyLevel, { partNumber: "000R00003" }),
    supplyOf(4, "toner black", exactly(98, 5000, "impressions"), { partNumber: "000R00004" }),
    supplyOf(5, "wasteToner none", exactly(18), { description: "Waste Cartridge" }),
    supplyOf(6, "fuser none", exactly(77)),
    supplyOf(7, "transferUnit none", exactly(77)),
  ],
  trays: [tray(1, someLevel), tray(2, emptyLevel, "na-letter"), tray(3, unlimitedLevel)],
  alerts: [
    alert("warning", "Cyan toner is low", { since: "2026-11-21T10:12:00.000Z" }),
    alert("critical", "Replace the yellow toner cartridge", { code: 1101 }),
    alert("other", "", { code: null, group: "mediaPath" }),
  ],
});

const jammed = readingOf("10.1.0.101", {
  hostname: "копир-3",
  manufacturer: "Kyocera",
  model: "ECOSYS M6630cidn",
  serial: "VXX0000001",
  location: "Склад, корпус 2",
  status: {
    state: "stopped",
    errors: ["jammed", "doorOpen", "lowPaper"],
    panel: "Замятие бумаги в кассете 2. Откройте крышку",
  },
  meters: [meter("total", 402118), meter("mono", 300001), meter("color", 102117)],
  supplies: [
    supplyOf(1, "toner black", exactly(44)),
    supplyOf(2, "toner cyan", exactly(51)),
    supplyOf(3, "toner magenta", exactly(20)),
    supplyOf(4, "toner yellow", exactly(5)),
    supplyOf(5, "wasteToner none", someLevel),
  ],
  alerts: [alert("critical", "Замятие бумаги {кассета 2}", { code: 8, group: "mediaPath" })],
});

const chinese = readingOf("10.1.1.4", {
  manufacturer: "Pantum",
  model: "奔图彩色激光多功能一体打印机 CM0000ADN 系列",
  serial: "CX0000001",
  status: { state: "printing", errors: [], panel: "正在打印" },
  meters: [meter("total", 871)],
  supplies: [
    supplyOf(1, "toner black", exactly(100)),
    supplyOf(2, "toner cyan", unknownLevel),
    supplyOf(3, "toner magenta", exactly(35)),
    supplyOf(4, "toner yellow", exactly(67)),
  ],
  alerts: [alert("warning", "青色碳粉盒无法识别，请重新安装碳粉盒")],
});

const ink = readingOf("10.1.1.20", {
  manufacturer: "Canon",
  model: "imagePROGRAF PRO-0000 Large Format Printer with a Remarkably Long Name",
  serial: "A-VERY-LONG-SERIAL-NUMBER-0001",
  status: { state: "warmup", errors: [], panel: null },
  meters: [meter("total", 9120, "feet")],
  supplies: [
    supplyOf(1, "ink black", exactly(81)),
    supplyOf(2, "ink photoBlack", exactly(9)),
    supplyOf(3, "ink cyan", exactly(66)),
    supplyOf(4, "ink photoCyan", exactly(64)),
    supplyOf(5, "ink magenta", exactly(52)),
    supplyOf(6, "ink photoMagenta", exactly(48)),
    supplyOf(7, "ink yellow", exactly(50)),
    supplyOf(8, "ink gray", exactly(0.3)),
    supplyOf(9, "wasteInk none", emptyLevel),
  ],
});

const silent = readingOf("10.1.1.99", {
  snmp: { version: "1", engineId: null },
  manufacturer: null,
  model: null,
  serial: null,
  status: { state: "unknown", errors: [], panel: null },
  problems: [{
    code: "timeout",
    message: "The supplies table was not answered within 5 s; tried 3 times",
    oid: "1.3.6.1.2.1.43.11",
  }],
});

const label = readingOf("2001:db8::2:15", {
  hostname: "label-1.example",
  manufacturer: "Zebra",
  model: "ZT000",
  serial: "99J000000001",
  meters: [meter("total", 12.5, "metres")],
  supplies: [supplyOf(1, "ribbonWax none", unlimitedLevel)],
});

/** Invented printers of several makers, with every kind of level, alert and problem. */
export const sampleDocument: ScanDocument = documentOf([color, mono, label, chinese, jammed, silent, ink], {
  others: [
    { address: "10.1.0.1", description: "Example router", objectId: "1.3.6.1.4.1.32473.1" },
    { address: "10.1.0.2", description: null, objectId: null },
  ],
  problems: [{
    code: "shardFailed",
    address: "10.1.0.240",
    message: "The worker that read this address was restarted 3 times; the address was set aside",
  }],
});

/** A scan that found nothing. */
export const emptyDocument: ScanDocument = documentOf([], {
  stats: { addresses: 256, answered: 0, printers: 0, packetsSent: 512, packetsReceived: 0, durationMs: 3100 },
});

const esc = String.fromCharCode(27);
const bell = String.fromCharCode(7);

/** What a device could say to whoever reads the report; `pwned` may never show as anything but text. */
export const hostileTexts = [
  `${esc}]0;pwned${bell}LaserJet`,
  `${esc}[2J${esc}[31mred`,
  `${esc}]8;;http://pwned.example${esc}\\click${esc}]8;;${esc}\\`,
  `${String.fromCharCode(0x9b)}2Jc1`,
  "\u202Egnp.exe",
  "a\u200Db\u2066c\u2069\uFEFF",
  "<script>alert(1)</script><img src=x onerror=alert(1)>",
  '"><svg onload=alert(1)>',
  "=cmd|' /C calc'!A0",
  "+1+1",
  "-2+3",
  "@SUM(A1)",
  "\t=1+1",
  "two\r\nrows\u2028three\u0085four",
  "x".repeat(10_000),
  "漢".repeat(10_000),
  `Z${"\u0300".repeat(500)}algo`,
  "\ud800 lone",
  "constructor",
  "__proto__",
];

/** A printer that says `text` wherever a device can say something. */
export function hostileReading(text: string): Reading {
  const level = { ...exactly(3), unit: text };
  return readingOf("10.9.9.9", {
    hostname: text,
    manufacturer: text,
    model: text,
    serial: text,
    mac: text,
    firmware: text,
    location: text,
    contact: text,
    description: text,
    objectId: text,
    status: { state: "stopped", errors: [text], panel: text },
    meters: [{ name: "total", value: 5, unit: text, source: { oid: text, rule: text, raw: text } }],
    supplies: [
      supplyOf(1, "toner black", level, { description: text, partNumber: text, serial: text }),
      supplyOf(2, "toner cyan", level, { kind: text, colorant: text }),
    ],
    trays: [{ index: text, name: text, media: text, level }],
    alerts: [{ severity: "critical", code: 1, group: text, description: text, since: null }],
    problems: [{ code: text, message: text, oid: text }],
  });
}

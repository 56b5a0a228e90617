import assert from "node:assert/strict";
import { Tag } from "../snmp/value.ts";
import { knownText } from "./known_text.ts";
import { makerByFirstWord, makerByName } from "./maker_names.ts";
import { maybeMac, maybeSerial, readIdentity } from "./identity.ts";
import { openInquiry } from "./inquiry.ts";
import { oids } from "./printer_mib.ts";
import type { Profile } from "./profile.ts";
import { allProfiles, genericProfile } from "./profiles/all.ts";
import { hp } from "./profiles/hp.ts";
import { recognise } from "./recognise.ts";
import { storeOf, type TestValue } from "./store_of.ts";
import type { Trace } from "./trace.ts";

const serials: [string, string | undefined][] = [
  ["ABC123456", "ABC123456"],
  ["0012345", "0012345"],
  ["S/N: ABC123456", "ABC123456"],
  ["7XX1X99-1-2", "7XX1X99-1-2"],
  ["000000000", undefined],
  ["00-00-00", undefined],
  ["XXXXXXXXXX", undefined],
  ["FFFFFFFF", undefined],
  ["1234567890", undefined],
  ["unknown", undefined],
  ["Serial Number", undefined],
  ["serial_number", undefined],
  ["NULL; blank", undefined],
  ['""', undefined],
  ["A", undefined],
  ["-", undefined],
  ["<private>", undefined],
  ["<private-1>", undefined],
  ["[removed]", undefined],
  ["***1234", undefined],
  ["SERIALNUMBER", undefined],
  ["Unassigned", undefined],
  ["NOTAVAILABLE", undefined],
  ["Ethernet", undefined],
  ["constructor", undefined],
  ["Serial No. 1", undefined],
  ["12345", undefined],
  ["CN0000000000", undefined],
  ["ABCDEFGHIJ", undefined],
  ["(null)", undefined],
  ["To Be Filled By O.E.M.", undefined],
  ["BCDFGHJKLM", "BCDFGHJKLM"],
  ["12/3456-783", "12/3456-783"],
];
for (const [text, want] of serials) {
  Deno.test(`maybeSerial() judges "${text}"`, () => assert.equal(maybeSerial(text), want));
}

const nothings = [
  ...[
    "unknown",
    "N/A",
    "n.a.",
    "none",
    '"none"',
    "(none)",
    "NULL",
    "(null)",
    "<null>",
    "[NULL]",
    "nil",
    "Not Installed",
  ],
  ...[
    "not available",
    "Not Specified",
    "Unspecified",
    "Unknown Model",
    "To Be Filled By O.E.M.",
    "Default string",
    "TBD",
  ],
  ...[
    "---",
    "- -",
    "???",
    "...",
    "0",
    "0000000000",
    "00:00:00:00:00:00",
    "0.0",
    "  ",
    "''",
    "unbekannt",
    "non disponible",
  ],
  ...["desconocido", "неизвестно", "不明", "未设置"],
];
for (const text of nothings) {
  Deno.test(`knownText() takes "${text}" for nothing`, () => assert.equal(knownText(text), undefined));
}
for (const text of ["Nullarbor", "0.1", "10", "None of us", "Nanterre", "Not here", "V0", "Noname Ltd", "ready"]) {
  Deno.test(`knownText() keeps "${text}"`, () => assert.equal(knownText(text), text));
}

Deno.test("readIdentity() takes no placeholder for a value, whoever's object it is", () => {
  for (const profile of allProfiles) {
    for (const text of ["NULL", "(null)", "N/A", "unknown", "none", "000000", "----", "To Be Filled By O.E.M."]) {
      const rules = [profile.model, profile.modelFallback, profile.serial, profile.firmware, profile.hostname];
      const store = storeOf({
        ...Object.fromEntries(rules.flatMap((rule) => rule ?? []).map(({ oid }) => [oid, text])),
        [`${oids.prtGeneralSerialNumber} 1`]: text,
        [`${oids.prtGeneralPrinterName} 1`]: text,
        [`${oids.hrDeviceDescr} 1`]: text,
        [oids.sysDescr]: text,
        "1.3.6.1.4.1.11.2.3.9.1.1.7.0": `MFG:${text};MDL:${text};SN:${text};CLS:PRINTER;`,
      });
      const { model, serial, firmware } = readIdentity(openInquiry(store, profile, []));
      assert.deepEqual([model, serial, firmware], [null, null, null], `${profile.id}: ${text}`);
    }
  }
});

const macs: [string, Uint8Array, string | undefined][] = [
  ["six octets", Uint8Array.of(0, 0x1b, 0xa9, 1, 2, 0xfe), "00:1b:a9:01:02:fe"],
  ["text with colons", new TextEncoder().encode("00:1B:A9:01:02:FE"), "00:1b:a9:01:02:fe"],
  ["twelve digits", new TextEncoder().encode("001ba90102fe"), "00:1b:a9:01:02:fe"],
  ["zeros as none", new Uint8Array(6), undefined],
  ["broadcast as none", new Uint8Array(6).fill(255), undefined],
  ["no octets as none", new Uint8Array(0), undefined],
  ["eight octets as none", new Uint8Array(8).fill(2), undefined],
];
for (const [name, value, want] of macs) {
  Deno.test(`maybeMac() reads ${name}`, () => assert.equal(maybeMac({ tag: Tag.octetString, value }), want));
}

const profile: Profile = {
  id: "acme",
  maker: "Acme",
  recognise: {},
  model: [{ oid: "1.3.9.1.0", rule: "acme.model" }],
  serial: [{ oid: "1.3.9.2.0", rule: "acme.serial" }],
  firmware: [{ oid: "1.3.9.3.0", rule: "acme.firmware", take: /v([\d.]+)/ }, {
    oid: "1.3.9.4.0",
    rule: "acme.pml",
    take: "pml",
  }],
};
const identify = (objects: Record<string, TestValue>) => {
  const trace: Trace = [];
  return { identity: readIdentity(openInquiry(storeOf(objects), profile, [], { trace })), trace };
};

Deno.test("readIdentity() takes the first valid candidate and says why the others lost", () => {
  const { identity, trace } = identify({
    [`${oids.prtGeneralSerialNumber} 1`]: "00000000",
    "1.3.9.2.0": "AB12345",
    "1.3.9.3.0": "Main v1.20 (x)",
    [`${oids.hrDeviceDescr} 1`]: "Acme Z9 AB12345 1.20",
  });
  assert.equal(identity.serial, "AB12345");
  assert.equal(identity.firmware, "1.20");
  assert.equal(identity.model, "Z9");
  const verdicts = trace.find(({ field }) => field === "serial")?.candidates.map(({ verdict }) => verdict);
  assert.deepEqual(verdicts, ["empty or a placeholder", "won"]);
  const model = trace.find(({ field }) => field === "model")?.candidates.map(({ verdict }) => verdict);
  assert.deepEqual(model, ["not answered", "won", "not answered"]);
});

Deno.test("readIdentity() drops the symbol set before a PML string", () => {
  const { identity } = identify({ "1.3.9.4.0": Uint8Array.of(0x01, 0x55, 0x32, 0x2e, 0x31) });
  assert.equal(identity.firmware, "2.1");
});

Deno.test("readIdentity() passes over loopback and empty interfaces", () => {
  const { identity } = identify({
    [`${oids.ifType} 1`]: 24,
    [`${oids.ifPhysAddress} 1`]: Uint8Array.of(2, 2, 2, 2, 2, 2),
    [`${oids.ifPhysAddress} 2`]: "",
    [`${oids.ifPhysAddress} 3`]: Uint8Array.of(0, 1, 2, 3, 4, 5),
  });
  assert.equal(identity.mac, "00:01:02:03:04:05");
});

Deno.test("readIdentity() reads the row of the printer when it is not the first device", () => {
  const { identity } = identify({
    [`${oids.hrDeviceDescr} 1`]: "Some CPU",
    [`${oids.hrDeviceDescr} 7`]: "Acme Z7",
    [`${oids.prtGeneralSerialNumber} 7`]: "S7000001",
  });
  assert.deepEqual([identity.model, identity.serial], ["Z7", "S7000001"]);
});

const counted: [name: string, objects: Record<string, TestValue>][] = [
  ["a processor in the row of that index", {
    [`${oids.hrDeviceType} 1`]: { oid: "1.3.6.1.2.1.25.3.1.3" },
    [`${oids.hrDeviceDescr} 1`]: "ARM CPU",
    [`${oids.hrDeviceType} 7`]: { oid: oids.hrDevicePrinter },
  }],
  ["nothing in the row of that index", { [`${oids.hrPrinterStatus} 7`]: 3 }],
];
for (const [name, objects] of counted) {
  Deno.test(`readIdentity() finds the printer's row with ${name}`, () => {
    const own = { [`${oids.hrDeviceDescr} 7`]: "Acme Z7", [`${oids.prtGeneralSerialNumber} 1`]: "S7000001" };
    const { identity } = identify({ ...objects, ...own });
    assert.deepEqual([identity.model, identity.serial], ["Z7", "S7000001"]);
  });
}

Deno.test("readIdentity() takes no processor for the printer", () => {
  const row = (type: number): Record<string, TestValue> => ({
    [`${oids.hrDeviceType} 1`]: { oid: `1.3.6.1.2.1.25.3.1.${type}` },
    [`${oids.hrDeviceDescr} 1`]: "Acme Z9",
    [`${oids.prtMarkerLifeCount} 1.1`]: 1,
  });
  assert.equal(identify(row(3)).identity.model, null);
  assert.equal(identify(row(5)).identity.model, "Z9");
  assert.equal(identify(row(1)).identity.model, "Z9");
});

const makers: [name: string, objects: Record<string, TestValue>, want: [string | null, string | null]][] = [
  ["a device id", { "1.3.6.1.4.1.11.2.3.9.1.1.7.0": "MFG:Acme;MDL:LP-2000;" }, ["Acme", "LP-2000"]],
  ["a name that is known", { [oids.sysDescr]: "Citizen CL-S0000" }, ["Citizen", "CL-S0000"]],
  ["hrDeviceDescr before sysDescr.0", {
    [`${oids.hrDeviceDescr} 1`]: "Bixolon SRP-000",
    [oids.sysDescr]: "Acme Card 9",
  }, ["Bixolon", "SRP-000"]],
  ["a first word before a model", { [oids.sysDescr]: "Acme LP-2000, firmware 1.2" }, ["Acme", "LP-2000"]],
  ["no product line", { [`${oids.hrDeviceDescr} 1`]: "LaserJet 4000" }, [null, "LaserJet 4000"]],
  ["no kind of device", { [oids.sysDescr]: "Printer 3000" }, [null, null]],
  ["no operating system", { [oids.sysDescr]: "Linux version 2.6.18" }, [null, null]],
  ["no word in lower case", { [oids.sysDescr]: "constructor 12" }, [null, null]],
  ["no word without a model", { [oids.sysDescr]: "Acme" }, [null, null]],
];
for (const [name, objects, want] of makers) {
  Deno.test(`readIdentity() names a maker without a profile by ${name}`, () => {
    const { manufacturer, model } = readIdentity(openInquiry(storeOf(objects), genericProfile, []));
    assert.deepEqual([manufacturer, model], want);
  });
}

for (
  const text of ["WorkForce 100", "ECOSYS P2000", "VersaLink B600", "Color 1000", "Network 10/100", "USB 2.0", "A4 20"]
) {
  Deno.test(`makerByFirstWord() takes "${text}" for no maker`, () => assert.equal(makerByFirstWord(text), undefined));
}

Deno.test("makerByName() wants the whole word", () => {
  assert.equal(makerByName("Starlight 5"), undefined);
  assert.equal(makerByName("Star TSP000"), "Star Micronics");
});

Deno.test("readIdentity() takes HP's model and serial from the network card where nothing else says them", () => {
  const sysDescr = "HP ETHERNET MULTI-ENVIRONMENT,SN:AB0CD12345,FN:X00,SVCID:00000,PID:HP LaserJet Z000dn";
  const read = (objects: Record<string, TestValue>) => readIdentity(openInquiry(storeOf(objects), hp, []));
  const card = read({ [oids.sysDescr]: sysDescr });
  assert.deepEqual([card.model, card.serial], ["LaserJet Z000dn", "AB0CD12345"]);
  const own = read({
    [oids.sysDescr]: sysDescr,
    [`${oids.hrDeviceDescr} 1`]: "HP LaserJet Y000",
    [`${oids.prtGeneralSerialNumber} 1`]: "YY0YY12345",
  });
  assert.deepEqual([own.model, own.serial], ["LaserJet Y000", "YY0YY12345"]);
  assert.equal(read({ [oids.sysDescr]: sysDescr.replace("LaserJet Z000dn", "third floor") }).model, null);
});

const hpObjects: Record<string, TestValue> = {
  [oids.sysObjectID]: { oid: "1.3.6.1.4.1.11.2.3.9.1" },
  "1.3.6.1.4.1.11.2.3.9.1.1.7.0":
    "MFG:Hewlett-Packard;CMD:PJL,PCL;MDL:HP LaserJet 0000 Series;CLS:PRINTER;SN:USAB00077;",
  [`${oids.prtMarkerLifeCount} 1.1`]: 1,
};
const hpName = { [`${oids.hrDeviceDescr} 1`]: "HP LaserJet 0000 Series" };
const jetDirect = { [oids.sysDescr]: "HP ETHERNET MULTI-ENVIRONMENT,ROM none,JETDIRECT,JD00,EEPROM V.00" };
const emulations: [name: string, objects: Record<string, TestValue>, want: [string | null, string | null]][] = [
  ["a Brother's card", { [oids.sysDescr]: "Brother NC-0000h, Firmware Ver.1.11 ,MID 00X" }, ["Brother", null]],
  ["a Kyocera", { [oids.sysDescr]: "KYOCERA MITA Printing System" }, ["Kyocera", null]],
  ["an OKI", { [oids.sysDescr]: "OKI OkiLAN 0000e Rev.01.00" }, ["OKI", null]],
  ["a Xerox", { [oids.sysDescr]: "Xerox Phaser 0000" }, ["Xerox", "Phaser 0000"]],
  ["a Lexmark", { [oids.sysDescr]: "Lexmark T000 version 1.2.3 kernel 2.4 All-N-1" }, ["Lexmark", "T000"]],
  ["a Canon", { [oids.sysDescr]: "Canon LBP0000 /P" }, ["Canon", "LBP0000"]],
  ["a Samsung", { [oids.sysDescr]: "Samsung ML-0000; V1.00; Engine 1" }, ["Samsung", "ML-0000"]],
  ["a Ricoh", { [oids.sysDescr]: "RICOH Aficio AP000 1.00 / RICOH Network Printer C model" }, [
    "Ricoh",
    "Aficio AP000",
  ]],
  ["a Konica Minolta", { [oids.sysDescr]: "MINOLTA-QMS magicolor 0000" }, ["Konica Minolta", "magicolor 0000"]],
  ["a Panasonic", { [oids.sysDescr]: "Panasonic DP-0000" }, ["Panasonic", "DP-0000"]],
  ["a Pantum by the device id in sysDescr.0", {
    [oids.sysDescr]: "MFG:Pantum;CMD:PCL;MDL:BM0000ADW;CLS:PRINTER;",
  }, ["Pantum", "BM0000ADW"]],
  ["a Brother by the device id in an object of its own", {
    [oids.sysDescr]: "Network Printer",
    "1.3.6.1.4.1.2435.2.3.9.1.1.7.0": "MFG:Brother;CMD:PJL;MDL:HL-0000DN;CLS:PRINTER;",
  }, ["Brother", "HL-0000DN"]],
  ["an Epson", { [oids.sysDescr]: "EPSON AL-C0000 Series" }, ["Epson", "AL-C0000"]],
  ["a maker without a profile", { [oids.sysDescr]: "Tektronix Phaser 000" }, ["Tektronix", "Phaser 000"]],
  ["a printer by its name", {
    [oids.sysDescr]: "Brother NC-0000h, Firmware Ver.1.11",
    [`${oids.prtGeneralPrinterName} 1`]: "Brother HL-0000DN",
  }, ["Brother", "HL-0000DN"]],
  ["a name that people gave", {
    [oids.sysDescr]: "Brother NC-0000h, Firmware Ver.1.11",
    [`${oids.prtGeneralPrinterName} 1`]: "LaserJet of room 12",
  }, ["Brother", null]],
];
for (const [name, objects, want] of emulations) {
  for (const emulated of [hpObjects, { ...hpObjects, ...hpName }]) {
    const also = emulated === hpObjects ? "" : " in hrDeviceDescr as well";
    Deno.test(`readIdentity() believes ${name} that emulates an HP${also}`, () => {
      const store = storeOf({ ...emulated, ...objects });
      const { profile, printer } = recognise(store);
      const { manufacturer, model, serial } = readIdentity(openInquiry(store, profile, []));
      assert.deepEqual([manufacturer, model, serial, printer], [...want, null, true]);
    });
  }
}

const servers: [name: string, objects: Record<string, TestValue>, want: [string | null, string]][] = [
  ["an HP behind a JetDirect", { ...jetDirect, ...hpName }, ["HP", "LaserJet 0000"]],
  ["an HP behind an Axis", { [oids.sysDescr]: "AXIS 0000 Network Print Server", ...hpName }, ["HP", "LaserJet 0000"]],
  ["an HP behind a MarkNet", { [oids.sysDescr]: "Lexmark MarkNet N0000", ...hpName }, ["HP", "LaserJet 0000"]],
  ["a Brother behind a JetDirect", { ...jetDirect, [`${oids.hrDeviceDescr} 1`]: "Brother HL-0000N" }, [
    "Brother",
    "HL-0000N",
  ]],
  ["a printer that names no maker behind a JetDirect", { ...jetDirect, [`${oids.hrDeviceDescr} 1`]: "P-0000DN" }, [
    null,
    "P-0000DN",
  ]],
  ["a printer that names no maker behind a D-Link", {
    [oids.sysDescr]: "D-Link DP-300U Print Server",
    [`${oids.hrDeviceDescr} 1`]: "P-0000DN",
  }, [null, "P-0000DN"]],
  ["a Genicom behind a JetDirect", { ...jetDirect, [`${oids.hrDeviceDescr} 1`]: "Genicom LN00" }, ["Genicom", "LN00"]],
];
for (const [name, objects, want] of servers) {
  Deno.test(`readIdentity() believes ${name}`, () => {
    const store = storeOf({
      [oids.sysObjectID]: { oid: "1.3.6.1.4.1.11.2.3.9.1" },
      [`${oids.prtMarkerLifeCount} 1.1`]: 1,
      ...objects,
    });
    const { manufacturer, model } = readIdentity(openInquiry(store, recognise(store).profile, []));
    assert.deepEqual([manufacturer, model], want);
  });
}

const attached: [sysDescr: string, model: string | null, firmware: string | null][] = [
  ["OKI OkiLAN 8000e Rev.02.01 10/100BASE PrintServer: Attached to C0000 Rev.01.51 : (C)2000 Oki", "C0000", "01.51"],
  ["OKI OkiLAN 8000e Rev.02.01 PrintServer: Attached to MC000 MFP Rev.N0.00: (C)", "MC000 MFP", "N0.00"],
  ["OKI OkiLAN 8000e Rev.02.01 PrintServer: Attached to B000", "B000", null],
  ["OKI OkiLAN 8000e Rev.02.01", null, null],
];
for (const [sysDescr, model, firmware] of attached) {
  Deno.test(`readIdentity() tells the printer's firmware from the network card's in "${sysDescr}"`, () => {
    const store = storeOf({ [oids.sysDescr]: sysDescr, [`${oids.prtMarkerLifeCount} 1.1`]: 1 });
    const identity = readIdentity(openInquiry(store, recognise(store).profile, []));
    assert.deepEqual([identity.model, identity.firmware], [model, firmware]);
  });
}

const described: [sysDescr: string, model: string | null][] = [
  ["Hewlett-Packard LaserJet 0000", "LaserJet 0000"],
  ["HP LaserJet MFP E00000, firmware 5.4", "LaserJet MFP E00000"],
  ["KONICA MINOLTA magicolor 0000", "magicolor 0000"],
  ["EPSON WF-0000 Series", "WF-0000"],
  ["SEIKO EPSON UB-E00", "UB-E00"],
  ["OKI DATA CORP C000: Rev 01.00", "C000"],
  ["Lexmark C000 1.234", "C000"],
  ["KYOCERA ECOSYS M0000dn", "ECOSYS M0000dn"],
  ["Aficio SP 0000N", "Aficio SP 0000N"],
  ["Zebra ZD000", "ZD000"],
  ["OKI OkiLAN 8000e Rev.0 Ethernet PrintServer: Attached to C0000n Rev.N0.00 : (C)", "C0000n"],
  ["EPSON 802.11n 10/100 Print Server", null],
  ["Brother NC-8000w, Firmware Ver.1.01", null],
  ["OKI OkiLAN 8000e Rev.1.0", null],
  ["KYOCERA Document Solutions Printing System", null],
  ["Canon Network Printer", null],
  ["HP ETHERNET MULTI-ENVIRONMENT,ROM A.00,JETDIRECT,JD000", null],
];
for (const [sysDescr, model] of described) {
  Deno.test(`readIdentity() reads the model out of "${sysDescr}"`, () => {
    const store = storeOf({ [oids.sysDescr]: sysDescr, [`${oids.prtMarkerLifeCount} 1.1`]: 1 });
    assert.equal(readIdentity(openInquiry(store, recognise(store).profile, [])).model, model);
  });
}

import assert from "node:assert/strict";
import { oids } from "./printer_mib.ts";
import { recognise } from "./recognise.ts";
import { storeOf, type TestValue } from "./store_of.ts";

const { sysDescr, sysObjectID, hrDeviceDescr, hrDeviceType, hrDevicePrinter } = oids;
const hrPrinter = { [`${hrDeviceType} 1`]: { oid: hrDevicePrinter }, [`${oids.hrPrinterStatus} 1`]: 3 };
const marker = { [`${oids.prtMarkerLifeCount} 1.1`]: 5 };

const printers: [name: string, objects: Record<string, TestValue>, maker: string][] = [
  ["Printer-MIB rows alone", marker, ""],
  ["sysDescr.0 of a maker's printer", { [sysDescr]: "Lexmark T000 version X.Y kernel 2.6 All-N-1" }, "Lexmark"],
  ["an IEEE-1284 device id in sysDescr.0", { [sysDescr]: "MFG:Pantum;MDL:P1;CLS:PRINTER;" }, "Pantum"],
  ["the maker rather than the network card's number", {
    ...marker,
    [sysDescr]: "Brother NC-0000h, Firmware Ver.A",
    [sysObjectID]: { oid: "1.3.6.1.4.1.11.2.3.9.1" },
  }, "Brother"],
  ["the badge rather than the number of the maker of the machine", {
    [sysDescr]: "TA_UTAX Z System",
    [sysObjectID]: { oid: "1.3.6.1.4.1.1347.41" },
  }, "UTAX"],
  ["the device id rather than the number", {
    ...marker,
    [sysObjectID]: { oid: "1.3.6.1.4.1.11.2.3.9.1" },
    "1.3.6.1.4.1.11.2.3.9.1.1.7.0": "MFG:Brother;MDL:HL-1;CLS:PRINTER;",
  }, "Brother"],
  ["a machine whose sysObjectID is garbage", {
    ...marker,
    [sysDescr]: "Samsung SL-M0000ND; V4.00;Engine V1.00",
    [sysObjectID]: { oid: "2.123456789.987654321" },
  }, "Samsung"],
  ["Lanier made by Ricoh", { [sysDescr]: "LANIER MP C0000 2.01 / LANIER Network Printer C model" }, "Lanier"],
  ["Triumph-Adler made by Kyocera", { ...marker, [sysDescr]: "TA Triumph-Adler Printing System" }, "Triumph-Adler"],
  ["Infoprint made by Lexmark", {
    [sysDescr]: "IBM Infoprint 0000 version 1.2.3 kernel 2.4 All-N-1",
    [sysObjectID]: { oid: "1.3.6.1.4.1.641.1" },
  }, "IBM"],
  ["a maker by private objects when nothing else is answered", { ...marker, "1.3.6.1.4.1.641.6.4.1.0": 1 }, "Lexmark"],
  ["another maker's printer behind a JetDirect box", {
    ...marker,
    [sysDescr]: "HP ETHERNET MULTI-ENVIRONMENT,ROM A.00.00,JETDIRECT EX,JD00",
    [sysObjectID]: { oid: "1.3.6.1.4.1.11.2.3.9.1" },
    [hrDeviceDescr + " 1"]: "KYOCERA FS-0000DN",
  }, "Kyocera"],
  ["a printer of a maker without a profile behind a JetDirect box", {
    ...marker,
    [sysDescr]: "HP ETHERNET MULTI-ENVIRONMENT,ROM A.00.00,JETDIRECT EX,JD00",
    [sysObjectID]: { oid: "1.3.6.1.4.1.11.2.3.9.1" },
    [hrDeviceDescr + " 1"]: "Citizen CL-S000",
  }, ""],
  ["a JetDirect card alone", { [sysDescr]: "HP ETHERNET MULTI-ENVIRONMENT,ROM none,JETDIRECT,JD000" }, "HP"],
  ["a printer behind an Axis box", {
    ...marker,
    [sysDescr]: "AXIS 000 Network Print Server V0.00",
    [hrDeviceDescr + " 1"]: "HP LaserJet 0000",
  }, "HP"],
  ["a printer behind an SEH box, by its device id", {
    ...marker,
    [sysDescr]: "SEH PS000-Z",
    "1.3.6.1.4.1.2699.1.2.1.2.1.1.3.1.1": "MFG:Brother;MDL:HL-0;CLS:PRINTER;",
  }, "Brother"],
  ["a printer whose sysObjectID is another maker's and whose sysDescr.0 is empty", {
    ...marker,
    [sysDescr]: "",
    [sysObjectID]: { oid: "1.3.6.1.4.1.11.2.3.9.1" },
    [hrDeviceDescr + " 1"]: "OKI B000",
  }, "OKI"],
  ["no maker because HP's objects are answered", {
    ...marker,
    "1.3.6.1.4.1.11.2.3.9.1.1.7.0": "CLS:PRINTER;CMD:PCL;",
  }, ""],
  ["a printer's number where sysDescr.0 is empty", {
    [sysDescr]: "",
    [sysObjectID]: { oid: "1.3.6.1.4.1.253.8.62.1.1.1" },
  }, "Xerox"],
  ["a printer's number beside a name that says nothing", {
    [sysDescr]: "Generic 00BW-0",
    [sysObjectID]: { oid: "1.3.6.1.4.1.18334.1.1.1.2.1.1" },
  }, "Konica Minolta"],
  [
    "a label printer",
    { [sysDescr]: "TOSHIBA TEC B-X0", [sysObjectID]: { oid: "1.3.6.1.4.1.1129.1.2" } },
    "Toshiba TEC",
  ],
  ["a printer that runs Linux and says no more", { ...marker, [sysDescr]: "Linux version 2.6.18" }, ""],
  ["a printer whose sysDescr.0 tells of its scanner", {
    [sysDescr]: "RICOH MP 000 1.00 / RICOH Network Printer C model / RICOH Network Scanner C model",
  }, "Ricoh"],
  ["a printer that calls itself constructor", { ...marker, [sysDescr]: "constructor" }, ""],
  ["a printer of an unknown maker by its device id", {
    "1.3.6.1.4.1.11.2.3.9.1.1.7.0": "MFG:Acme;MDL:Z;CLS:PRINTER;",
  }, ""],
];
for (const [name, objects, maker] of printers) {
  Deno.test(`recognise() takes for a printer ${name}`, () => {
    const { printer, profile, evidence } = recognise(storeOf(objects));
    assert.deepEqual([printer, profile.maker], [true, maker]);
    assert.ok(evidence.length > 0);
  });
}

const others: [name: string, objects: Record<string, TestValue>][] = [
  ["nothing", {}],
  ["a host with print queues", {
    ...hrPrinter,
    [sysDescr]: "Hardware: x86 - Software: Windows Version 6.3",
    [hrDeviceDescr + " 1"]: "HP LaserJet 1000",
  }],
  ["a printer maker's number alone", { ...hrPrinter, [sysObjectID]: { oid: "1.3.6.1.4.1.1248.4.1" } }],
  ["a projector", { [sysDescr]: "EPSON Network Projector", [sysObjectID]: { oid: "1.3.6.1.4.1.1248.4.1" } }],
  ["a scanner", { [sysDescr]: "EPSON 10/100 Ethernet USB Ext. Scan Server" }],
  ["a scanner with a device id", { "1.3.6.1.4.1.2435.2.3.9.1.1.7.0": "MFG:Brother;MDL:ADS-1;CLS:SCANNER;" }],
  ["a display", { [sysDescr]: "SHARP PN-0000" }],
  ["blade management", { [sysDescr]: "HP Onboard Administrator", [sysObjectID]: { oid: "1.3.6.1.4.1.11.5.7.1.2" } }],
  ["a server's management controller", { [sysDescr]: "Integrated Lights-Out 4 2.50" }],
  ["a switch", { [sysDescr]: "HP ProCurve Switch 2000", [sysObjectID]: { oid: "1.3.6.1.4.1.11.2.3.7.11" } }],
  ["a server", { [sysDescr]: "Dell PowerEdge R000 version 1", [sysObjectID]: { oid: "1.3.6.1.4.1.674.10892.5" } }],
  ["a data centre switch", { [sysDescr]: "Dell EMC S0000F-ON", [sysObjectID]: { oid: "1.3.6.1.4.1.674.11000" } }],
  ["an RFID reader", { [sysDescr]: "Zebra FX0000 RFID" }],
  ["a projector with a printer's device id", {
    [sysDescr]: "Acme Network Projector",
    "1.3.6.1.4.1.11.2.3.9.1.1.7.0": "MFG:Acme;MDL:Z;CLS:PRINTER;",
  }],
  ["a UPS with a printer port", { [sysDescr]: "UPS 1000, Printer port: none, HP LaserJet compatible" }],
  ["storage with a print server", { [sysDescr]: "Acme NAS, print server, Linux 4.4" }],
  ["a host that is called like a printer", { ...hrPrinter, [sysDescr]: "Linux hp-laserjet 5.10.0 #1 SMP x86_64" }],
  ["a host with CUPS and a printer's device id in its name", {
    ...hrPrinter,
    [sysDescr]: "Linux cups 5.10 Xerox WorkCentre queue",
    [hrDeviceDescr + " 1"]: "Xerox WorkCentre 0000",
  }],
  ["a Windows host with a virtual printer", {
    ...hrPrinter,
    [sysDescr]: "Hardware: Intel64 - Software: Windows Version 10.0",
    [hrDeviceDescr + " 1"]: "Microsoft Print to PDF",
  }],
  ["a host that answers a printer's number", {
    [sysDescr]: "Linux print01 5.10.0",
    [sysObjectID]: { oid: "1.3.6.1.4.1.11.2.3.9.1" },
  }],
  ["a switch that writes itself like a device id", { [sysDescr]: "Manufacturer: HP; Model: 1900-24G" }],
  ["a scanner with rows of prtGeneralTable", {
    [sysDescr]: "Acme Document Scanner",
    [`${oids.prtGeneralSerialNumber} 1`]: "A1",
  }],
  ["a scanner with a device id and rows of prtGeneralTable", {
    [`${oids.prtGeneralSerialNumber} 1`]: "A1",
    "1.3.6.1.4.1.11.2.3.9.1.1.7.0": "MFG:Acme;MDL:Z;CLS:SCANNER;",
  }],
  ["a print server without a printer", { [sysDescr]: "AXIS 000 Network Print Server V0.00" }],
  ["a camera", { [sysDescr]: "Canon VB-C00 Network Camera" }],
  ["a telephone system", { [sysDescr]: "Panasonic KX-NS000" }],
];
for (const [name, objects] of others) {
  Deno.test(`recognise() takes for no printer ${name}`, () => assert.equal(recognise(storeOf(objects)).printer, false));
}

Deno.test("recognise() reads a badge by the rules of the maker of the machine", () => {
  const { profile } = recognise(storeOf({
    ...marker,
    [sysDescr]: "Sindoh D000",
    [sysObjectID]: { oid: "1.3.6.1.4.1.1347.41" },
  }));
  assert.deepEqual([profile.id, profile.maker], ["sindoh", "Sindoh"]);
  assert.ok(profile.meters!.length > 0);
  const plain = recognise(storeOf({ ...marker, [sysDescr]: "Sindoh D000" })).profile;
  assert.equal(plain.meters, undefined);
});

Deno.test("recognise() reads the counters of the machine also where nobody knows the badge", () => {
  const read = (number: string) =>
    recognise(storeOf({
      ...marker,
      [sysDescr]: "Copier",
      [`${oids.hrDeviceDescr} 1`]: "Imagistics im0000",
      [sysObjectID]: { oid: number },
    })).profile;
  const konica = read("1.3.6.1.4.1.18334.1.1.1.2.1");
  assert.equal(konica.id, "generic");
  assert.ok(konica.meters!.length > 0);
  assert.equal(read("1.3.6.1.4.1.11.2.3.9.1").meters, undefined);
});

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
  ["a camera", { [sysDescr]: "Canon VB-C00 Network Camera" }],
  ["a telephone system", { [sysDescr]: "Panasonic KX-NS000" }],
];
for (const [name, objects] of others) {
  Deno.test(`recognise() takes for no printer ${name}`, () => assert.equal(recognise(storeOf(objects)).printer, false));
}

import assert from "node:assert/strict";
import { colorantsByCode, splitSupplyName } from "./supply_codes.ts";

const names: [string, string, string | null, string | null][] = [
  ["Black Toner, PN 006R00000;SN00112233E0000001", "Black Toner", "006R00000", "00112233E0000001"],
  ["Belt, PN unknown;SNunknown", "Belt", null, null],
  ["Air Filter, PN  ;SNunknown", "Air Filter", null, null],
  ["Toner, PN Genuine Maker(R) Toner;SN12AB", "Toner", null, "12AB"],
  ["Black Toner [K] Cartridge;SN10203040", "Black Toner [K] Cartridge", null, "10203040"],
  ["Toner nero, WorkCentre 1234, PN#106R00001", "Toner nero, WorkCentre 1234", "106R00001", null],
  ["Black Toner Cartridge S/N:CRUM-12345678901", "Black Toner Cartridge", null, "CRUM-12345678901"],
  ["Black Toner Cartridge S/N:CRUM-", "Black Toner Cartridge", null, null],
  ["Fuser S/N:                    ", "Fuser", null, null],
  ["Black Cartridge HP CF000X", "Black Cartridge", "CF000X", null],
  ["Kit HP C1P00A", "Kit", "C1P00A", null],
  ["cyan ink cartridge HP unknown", "cyan ink cartridge", null, null],
  ["Rollers HP None", "Rollers", null, null],
  ["TK-1234", "TK-1234", "TK-1234", null],
  ["TN-100/TN-200", "TN-100/TN-200", "TN-100/TN-200", null],
  ["Toner PN006R00000 x", "Toner PN006R00000 x", null, null],
  ["Black Toner PN 006R00000 SN 12AB34", "Black Toner", "006R00000", "12AB34"],
  ["Black Toner;SN12AB34, PN 006R00000", "Black Toner", "006R00000", "12AB34"],
  ["Black Toner (P/N: 44400003)", "Black Toner", "44400003", null],
  ["Black Toner (P/N 44400003)(S/N 12AB34)", "Black Toner", "44400003", "12AB34"],
  ["Drum Unit, Part No. DR-401CL", "Drum Unit", "DR-401CL", null],
  ["Fuser Part Number: 115R00100", "Fuser", "115R00100", null],
  ["Fuser Part# 115R00100", "Fuser", "115R00100", null],
  ["Toner noir, Réf. TK-1234", "Toner noir", "TK-1234", null],
  ["Toner Schwarz, Best.-Nr. 841000", "Toner Schwarz", "841000", null],
  ["Toner, Serial No. AB12345", "Toner", null, "AB12345"],
  ["Toner Serial Number: AB12345", "Toner", null, "AB12345"],
  ["Toner CRUM-12345678901", "Toner", null, "CRUM-12345678901"],
  ["Black OEM Toner", "Black OEM Toner", null, null],
  ["Reference Fuser", "Reference Fuser", null, null],
  ["Toner Cartridge TN-423BK", "Toner Cartridge TN-423BK", "TN-423BK", null],
  ["W2110A Black Cartridge", "W2110A Black Cartridge", "W2110A", null],
  ["TK-5240K", "TK-5240K", "TK-5240K", null],
  ["MX-61GTBA", "MX-61GTBA", "MX-61GTBA", null],
  ["Black Toner MX-61GTBA", "Black Toner MX-61GTBA", "MX-61GTBA", null],
  ["Toner 44469803", "Toner 44469803", "44469803", null],
  ["C13T907140", "C13T907140", "C13T907140", null],
  ["Black Toner CLT-K504S", "Black Toner CLT-K504S", "CLT-K504S", null],
  ["106R03532 Black", "106R03532 Black", "106R03532", null],
  ["Black Toner 841817", "Black Toner 841817", "841817", null],
  ["A33K150", "A33K150", "A33K150", null],
  ["C-EXV 51 Black Toner", "C-EXV 51 Black Toner", "C-EXV51", null],
  ["Black Cartridge 71B20K0", "Black Cartridge 71B20K0", "71B20K0", null],
  ["Fuser, Phaser 6000", "Fuser, Phaser 6000", null, null],
  ["Toner, WorkCentre 3615", "Toner, WorkCentre 3615", null, null],
  ["Toner for LaserJet M404DN", "Toner for LaserJet M404DN", null, null],
  ["SHARP MX-3570N Toner", "SHARP MX-3570N Toner", null, null],
  ["Fuser Kit 110V", "Fuser Kit 110V", null, null],
  ["300K Maintenance Kit", "300K Maintenance Kit", null, null],
  ["Tray 1 Roller", "Tray 1 Roller", null, null],
  ["Toner <private>", "Toner <private>", null, null],
  ["", "", null, null],
];
for (const [text, description, partNumber, serial] of names) {
  Deno.test(`splitSupplyName() splits "${text}"`, () => {
    assert.deepEqual(splitSupplyName(text), { description, partNumber, serial });
  });
}

const series: [name: string, codes: (string | null)[], want: (string | undefined)[]][] = [
  ["a letter at the end", ["TK-5240K", "TK-5240C", "TK-5240M", "TK-5240Y"], ["black", "cyan", "magenta", "yellow"]],
  ["BK and C", ["TN-423BK", "TN-423C"], ["black", "cyan"]],
  ["a letter in the middle", ["CLT-K504S", "CLT-M504S"], ["black", "magenta"]],
  ["a letter before the last", ["MX-61GTBA", "MX-61GTCA", "MX-61GTYA"], ["black", "cyan", "yellow"]],
  ["nothing of one code", ["TK-5240K", null], [undefined, undefined]],
  ["nothing of another letter among them", ["ZZ-1C", "ZZ-1D"], [undefined, undefined]],
  ["nothing of codes that differ in a digit", ["TK-5240K", "TK-5241C"], [undefined, undefined]],
  ["nothing of twice the same", ["TK-5240K", "TK-5240K"], [undefined, undefined]],
  ["nothing of versions A and B", ["MK-330A", "MK-330B"], [undefined, undefined]],
];
for (const [name, codes, want] of series) {
  Deno.test(`colorantsByCode() reads ${name}`, () => assert.deepEqual(colorantsByCode(codes), want));
}

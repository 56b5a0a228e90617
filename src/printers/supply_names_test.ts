import assert from "node:assert/strict";
import { colorantFromWords, kindFromWords, splitSupplyName } from "./supply_names.ts";

const kinds: [string, string | undefined][] = [
  ["Black Toner", "toner"],
  ["Waste Toner Box", "wasteToner"],
  ["Waste Ink Tank", "wasteInk"],
  ["Maintenance Box", "wasteInk"],
  ["Drum Cartridge (R1)", "drum"],
  ["Imaging Unit", "drum"],
  ["Photoconductor", "drum"],
  ["Fusing Unit", "fuser"],
  ["Transfer Belt Cleaner", "transferUnit"],
  ["Developer Cartridge (Black)", "developer"],
  ["black ink cartridge", "ink"],
  ["Black Cartridge", "tonerCartridge"],
  ["Stapler 1", "staples"],
  ["Cartuccia toner nero", "toner"],
  ["Contenitore scarti", "wasteToner"],
  ["Cartuccia fotoricettore", "drum"],
  ["Fusore", "fuser"],
  ["Resttonerbehälter", "wasteToner"],
  ["Trommeleinheit", "drum"],
  ["Tambour noir", "drum"],
  ["Encre cyan", "ink"],
  ["Bac de récupération", "wasteToner"],
  ["Pojemnik na zużyty toner", "wasteToner"],
  ["Фотобарабан", "drum"],
  ["Тонер-картридж", "toner"],
  ["トナーカートリッジ", "toner"],
  ["廃トナーボックス", "wasteToner"],
  ["粉盒", "toner"],
  ["硒鼓", "drum"],
  ["Ozone Filter", undefined],
  ["Tray 1 Roller", undefined],
  ["ADF Kit", undefined],
  ["Linking Unit", undefined],
];
for (const [text, want] of kinds) {
  Deno.test(`kindFromWords() names "${text}"`, () => assert.equal(kindFromWords(text), want));
}

const colours: [string, string | undefined][] = [
  ["Black Toner", "black"],
  ["Toner (Cyan)", "cyan"],
  ["Toner [K] Cartridge", "black"],
  ["Toner (M)", "magenta"],
  ["Drum Cartridge (R1)", undefined],
  ["Matte Black Ink Tank", "matteBlack"],
  ["Photo black", "photoBlack"],
  ["light magenta", "lightMagenta"],
  ["tri-color ink cartridge", "color"],
  ["Color Developer Kit (CMY)", "color"],
  ["cyan, magenta, yellow", "color"],
  ["Cartuccia toner giallo", "yellow"],
  ["ciano", "cyan"],
  ["Toner noir", "black"],
  ["Gelbe Tonerkassette", "yellow"],
  ["tóner negro", "black"],
  ["toner błękitny", "cyan"],
  ["toner żółty", "yellow"],
  ["Чёрный тонер", "black"],
  ["пурпурный", "magenta"],
  ["イエロー", "yellow"],
  ["黑色碳粉", "black"],
  ["品红色", "magenta"],
  ["Waste Toner Container", undefined],
  ["Transfer Roller", undefined],
];
for (const [text, want] of colours) {
  Deno.test(`colorantFromWords() names "${text}"`, () => assert.equal(colorantFromWords(text), want));
}

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
  ["", "", null, null],
];
for (const [text, description, partNumber, serial] of names) {
  Deno.test(`splitSupplyName() splits "${text}"`, () => {
    assert.deepEqual(splitSupplyName(text), { description, partNumber, serial });
  });
}

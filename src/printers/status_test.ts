import assert from "node:assert/strict";
import { openInquiry } from "./inquiry.ts";
import { oids } from "./printer_mib.ts";
import { brother } from "./profiles/brother.ts";
import { generic } from "./profiles/generic.ts";
import type { PrinterState } from "../../common/reading/reading.ts";
import { decodeErrors, maybeErrorBits, readStatus, stateOf } from "./status.ts";
import { storeOf } from "./store_of.ts";
import { type SnmpValue, Tag } from "../snmp/value.ts";

const states: [string, number | undefined, number | undefined, string | null, PrinterState][] = [
  ["idle on a running device", 3, 2, null, "idle"],
  ["idle with a warning", 3, 3, "Toner low", "idle"],
  ["printing", 4, 2, null, "printing"],
  ["printing with a warning", 4, 3, "Sleep", "printing"],
  ["warming up", 5, 2, null, "warmup"],
  ["moving on-line: down and warming up", 5, 5, null, "warmup"],
  ["a critical alert: down and other", 1, 5, null, "stopped"],
  ["standby: running and other", 1, 2, null, "sleeping"],
  ["other with a warning", 1, 3, null, "unknown"],
  ["idle that sleeps by its panel", 3, 2, "Deep Sleep", "sleeping"],
  ["a Polish panel", undefined, undefined, "Stan uśpienia", "sleeping"],
  ["a German panel", 3, 2, "Energiesparen", "sleeping"],
  ["a Japanese panel", 1, 3, "スリープ中", "sleeping"],
  ["a panel that is ready", undefined, undefined, "Ready", "unknown"],
  ["nothing", undefined, undefined, null, "unknown"],
  ["unknown on a running device", 2, 2, null, "unknown"],
  ["a panel that saves toner", 3, 2, "Ready. Eco mode", "idle"],
  ["a panel that has another word in it", 3, 2, "Персона", "idle"],
];
for (const [name, printer, host, panel, want] of states) {
  Deno.test(`stateOf() reads ${name}`, () => assert.equal(stateOf({ printer, host, panel }), want));
}

const panels: [name: string, charset: number | null, hex: string, want: string][] = [
  ["UTF-8", 106, "e58786e5a487e5b0b1e7bbaa", "准备就绪"],
  ["UTF-8 that is declared as Latin-1", 4, "4765c3a46e64657274", "Geändert"],
  ["Latin-1", 4, "476572e474", "Gerät"],
  ["HP Roman-8", 2004, "476572cc7420626572656974", "Gerät bereit"],
  ["HP Roman-8 that a Brother does not declare", null, "537461702e204b6f706965cd6e", "Stap. Kopieën"],
  ["HP Roman-8 of an unknown character set", 2, "476572cc74", "Gerät"],
  ["Latin-2", 5, "50f86970726176656e", "Připraven"],
  ["Cyrillic", 8, "b3dee2ded2", "Готов"],
  ["Latin-5", 12, "48617afd72", "Hazır"],
  ["Greek", 10, "b8f4efe9ecef", "Έτοιμο"],
  ["Hebrew", 11, "eee5ebef", "מוכן"],
  ["Arabic", 9, "ccc7e7d2", "جاهز"],
  ["Thai", 2259, "bec3e9cdc1", "พร้อม"],
  ["Shift_JIS", 17, "8358838a815b8376", "スリープ"],
  ["EUC-JP", 18, "a5b9a5eaa1bca5d7", "スリープ"],
  ["ISO-2022-JP", 39, "1b24422539256a213c25571b2842", "スリープ"],
  ["GB 2312", 2025, "becdd0f7", "就绪"],
  ["Big5", 2026, "b44ebafc", "就緒"],
  ["EUC-KR", 38, "c0fdc0fc", "절전"],
];
for (const [name, charset, hex, want] of panels) {
  Deno.test(`readStatus() reads a panel in ${name}`, () => {
    const store = storeOf({
      ...charset === null ? {} : { [`${oids.prtLocalizationCharacterSet} 1.1`]: charset },
      "1.3.6.1.4.1.2435.2.3.9.4.2.1.5.4.5.2.0": Uint8Array.fromHex(hex),
    });
    assert.equal(readStatus(openInquiry(store, brother, [])).panel, want);
  });
}

const sleepers = [
  "Sleep",
  "Deep Sleep",
  "Power Save",
  "PowerSave mode",
  "Energy Saver",
  "Energiesparmodus",
  "Ruhezustand",
  "Stromsparmodus",
  "Veille",
  "Mode Veille",
  "Économie d’énergie",
  "Risparmio energia",
  "Modo riposo",
  "Ahorro de energía",
  "Modo de reposo",
  "Economia de energia",
  "Suspensão",
  "Slaapstand",
  "Energiebesparing",
  "Dvaletilstand",
  "Hvilemodus",
  "Energisparläge",
  "Viloläge",
  "Lepotila",
  "Virransäästö",
  "Tryb uśpienia",
  "Oszczędzanie energii",
  "Režim spánku",
  "Spánok",
  "Úsporný režim",
  "Alvó mód",
  "Сон",
  "Спящий режим",
  "Энергосбережение",
  "Uyku Modu",
  "スリープ",
  "節電モード",
  "睡眠模式",
  "节能",
  "절전 모드",
  "Mode sommeil",
  "Tiefschlaf",
  "Ruhezustand",
  "Sospensione",
  "En reposo",
  "Suspensão",
  "Mode repòs",
  "Aforro de enerxía",
  "Lo egoera",
  "Repaus",
  "Mod somn",
  "Slaapstand",
  "Dvaletilstand",
  "Hvilemodus",
  "Viloläge",
  "Lepotila",
  "Svefnhamur",
  "Unerežiim",
  "Tryb uśpienia",
  "Režim spánku",
  "Alvó üzemmód",
  "Stanje mirovanja",
  "Način spanja",
  "Miego režimas",
  "Miega režīms",
  "Спящий режим",
  "Режим сну",
  "Режим на сън",
  "Режим спавања",
  "Uyku modu",
  "ΑΝΑΣΤΟΛΗ",
  "Λειτουργία ύπνου",
  "وضع السكون",
  "حالت خواب",
  "מצב שינה",
  "स्लीप मोड",
  "โหมดพัก",
  "ประหยัดพลังงาน",
  "Chế độ ngủ",
  "Mode tidur",
  "Hemat Daya",
  "ｽﾘｰﾌﾟ",
  "休止中",
  "睡眠模式",
  "節電中",
  "절전 모드",
];
for (const panel of sleepers) {
  Deno.test(`stateOf() takes "${panel}" for sleep`, () => {
    assert.equal(stateOf({ printer: 3, host: 2, panel }), "sleeping");
  });
}

for (
  const panel of [
    "Ready",
    "Bereit",
    "Prêt",
    "Pronto",
    "Listo",
    "Gotowe",
    "Připraven",
    "Готов",
    "印刷できます",
    "就绪",
    "Sẵn sàng",
    "พร้อม",
    "Siap",
    "جاهز",
    "מוכן",
    "Hazır",
    "Kész",
    "Pregătit",
    "Preparada",
    "Έτοιμο",
    "Готово",
    "Valmis",
    "Klar",
    "Pripravený",
    "Spremno",
    "Parengta",
    "Gatavs",
    "Песнь",
    "Toner sparen",
    "Ahorro de tóner",
    "Risparmio toner",
    "Ušteda tonera",
    "Tiết kiệm mực",
    "Oszczędzanie tonera",
    "Økonomi",
    "대기",
  ]
) {
  Deno.test(`stateOf() takes "${panel}" for no sleep`, () => {
    assert.equal(stateOf({ printer: 3, host: 2, panel }), "idle");
  });
}

Deno.test("readStatus() reads the printer's row where an agent counts differently in hrPrinterTable", () => {
  const store = storeOf({
    [`${oids.prtGeneralSerialNumber} 1`]: "S7000001",
    [`${oids.hrDeviceType} 1`]: { oid: "1.3.6.1.2.1.25.3.1.3" },
    [`${oids.hrPrinterStatus} 3`]: 4,
    [`${oids.hrPrinterDetectedErrorState} 3`]: Uint8Array.of(0x20),
  });
  assert.deepEqual(readStatus(openInquiry(store, generic, [])), {
    state: "printing",
    errors: ["lowToner"],
    panel: null,
  });
});

const spellings: [name: string, value: SnmpValue["value"], want: string[]][] = [
  ["no octets", Uint8Array.of(), []],
  ["four octets", Uint8Array.of(0x20, 0, 0, 0), ["lowToner"]],
  ["octets that are letters", Uint8Array.of(0x42), ["noPaper", "offline"]],
  ["two octets that are letters and no digits", Uint8Array.of(0x40, 0x04), ["noPaper", "inputTrayEmpty"]],
  ["text of zeros", new TextEncoder().encode("0000"), []],
  ["short text of zeros", new TextEncoder().encode("00"), []],
  ["text with a prefix", new TextEncoder().encode("0x4000"), ["noPaper"]],
  ["text with a space and a NUL", new TextEncoder().encode("20 00\0"), ["lowToner"]],
  ["text of eight digits", new TextEncoder().encode("04000000"), ["jammed"]],
  ["INTEGER 0", 0, []],
  ["an INTEGER of 16 bits", 0x4004, ["noPaper", "inputTrayEmpty"]],
  ["an INTEGER that may be either octet as nothing", 4, []],
  ["a negative INTEGER as nothing", -2, []],
];
for (const [name, value, want] of spellings) {
  Deno.test(`maybeErrorBits() reads ${name}`, () => {
    const tag = typeof value === "number" ? Tag.integer : Tag.octetString;
    assert.deepEqual(decodeErrors(maybeErrorBits({ tag, value })), want);
  });
}

Deno.test("maybeErrorBits() tells no errors from none known", () => {
  assert.deepEqual(maybeErrorBits({ tag: Tag.integer, value: 0 }), Uint8Array.of(0, 0));
  assert.equal(maybeErrorBits({ tag: Tag.integer, value: 4 }), undefined);
  assert.equal(maybeErrorBits(undefined), undefined);
});

const errors: [string, number[], string[]][] = [
  ["no octets", [], []],
  ["one octet", [0x24], ["lowToner", "jammed"]],
  ["two octets", [0x80, 0x02], ["lowPaper", "overduePreventMaint"]],
  ["bits beyond the standard as nothing", [0x00, 0x01, 0xff], []],
];
for (const [name, octets, want] of errors) {
  Deno.test(`decodeErrors() reads ${name}`, () => assert.deepEqual(decodeErrors(Uint8Array.from(octets)), want));
}

Deno.test("readStatus() joins the panel's lines in the panel's character set", () => {
  const store = storeOf({
    [`${oids.prtConsoleLocalization} 1`]: 2,
    [`${oids.prtLocalizationCharacterSet} 1.1`]: 4,
    [`${oids.prtLocalizationCharacterSet} 1.2`]: 5,
    [`${oids.prtConsoleDisplayBufferText} 1.1`]: Uint8Array.of(0x55, 0xa6, 0x50, 0x20, 0x20),
    [`${oids.prtConsoleDisplayBufferText} 1.2`]: "   ",
    [`${oids.prtConsoleDisplayBufferText} 1.3`]: "Toner",
  });
  assert.equal(readStatus(openInquiry(store, generic, [])).panel, "UŚP Toner");
});

import assert from "node:assert/strict";
import { openInquiry } from "./inquiry.ts";
import { oids } from "./printer_mib.ts";
import { generic } from "./profiles/generic.ts";
import type { PrinterState } from "./reading.ts";
import { decodeErrors, readStatus, stateOf } from "./status.ts";
import { storeOf } from "./store_of.ts";

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
];
for (const [name, printer, host, panel, want] of states) {
  Deno.test(`stateOf() reads ${name}`, () => assert.equal(stateOf({ printer, host, panel }), want));
}

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

/** Counters of which only public scripts tell what they count: black, colour and total, each an object of its own. */
import assert from "node:assert/strict";
import { openInquiry } from "../inquiry.ts";
import { readMeters } from "../meters.ts";
import { oids } from "../printer_mib.ts";
import { storeOf, type TestValue } from "../store_of.ts";
import { maybeProfile } from "./all.ts";

const life = `${oids.prtMarkerLifeCount}.1.1`;
const lexmark = "1.3.6.1.4.1.641.2.1.5";
const dell = "1.3.6.1.4.1.674.10898.100.2.1.5";
const oki = "1.3.6.1.4.1.2001.1.1.1.1.11.1.10.170.1";
const okiLife = "1.3.6.1.4.1.2001.1.1.1.1.100.1.1.1.3.1";
const samsung = "1.3.6.1.4.1.236.11.5.11.53.11.1";
const brother = "1.3.6.1.4.1.2435.2.3.9.4.2.1.5.5.54.2.2.1.3";
const toshiba = "1.3.6.1.4.1.1129.2.3.50.1.3.21.6.1";
const zebra = "1.3.6.1.4.1.10642.200.17.3.0";
const hp = "1.3.6.1.4.1.11.2.3.9.4.2.1";

function read(id: string, objects: Record<string, TestValue>) {
  const found = readMeters(openInquiry(storeOf(objects), maybeProfile(id)!, []));
  return Object.fromEntries(found.map(({ name, value }) => [name, value]));
}

const cases: [id: string, what: string, objects: Record<string, TestValue>, want: Record<string, number>][] = [
  ...["lexmark", "ibm", "dell", "toshiba"].map((id): typeof cases[number] => [
    id,
    "Lexmark's old counters",
    { [life]: 1020, [`${lexmark}.1.0`]: 1000, [`${lexmark}.2.0`]: 700, [`${lexmark}.3.0`]: 300 },
    { total: 1000, mono: 700, color: 300 },
  ]),
  ["lexmark", "old counters of a black-and-white printer that are texts", {
    [`${lexmark}.1.0`]: "1000",
    [`${lexmark}.2.0`]: "1,000",
  }, { total: 1000, mono: 1000 }],
  ["lexmark", "old counters with the instance of a device", { [`${lexmark}.1.1`]: 1000 }, { total: 1000 }],
  ["lexmark", "the life of the engine beside old counters that are not kept", {
    [life]: 1020,
    [`${lexmark}.1.0`]: -2,
    [`${lexmark}.2.0`]: -2,
  }, { total: 1020 }],
  ["dell", "Lexmark's counters by type", {
    "1.3.6.1.4.1.641.6.4.2.1.1.2.1.1": 1,
    "1.3.6.1.4.1.641.6.4.2.1.1.3.1.1": 4,
    "1.3.6.1.4.1.641.6.4.2.1.1.4.1.1": 90,
  }, { total: 90 }],
  ["dell", "Lexmark's old counters in Dell's subtree", { [`${dell}.1.0`]: 90, [`${dell}.3.0`]: 30 }, {
    total: 90,
    color: 30,
  }],
  ["oki", "pages by colour", { [life]: 910, [`${oki}.6.1`]: 300, [`${oki}.7.1`]: 600 }, {
    total: 910,
    mono: 600,
    color: 300,
  }],
  ["oki", "the sum of pages by colour as total", { [`${oki}.6.1`]: 300, [`${oki}.7.1`]: 600 }, {
    total: 900,
    mono: 600,
    color: 300,
  }],
  ["oki", "the standard total before one of unknown meaning", { [life]: 910, [okiLife]: 700 }, { total: 910 }],
  ["oki", "black pages of a printer without colour", { [life]: 910, [`${oki}.6.1`]: -1, [`${oki}.7.1`]: 905 }, {
    total: 910,
    mono: 905,
  }],
  ["samsung", "pages by colour", { [life]: 910, [`${samsung}.1.0`]: 300, [`${samsung}.2.0`]: 600 }, {
    total: 910,
    mono: 600,
    color: 300,
  }],
  ["samsung", "black pages alone", { [life]: 910, [`${samsung}.2.0`]: 905 }, { total: 910, mono: 905 }],
  ["hp", "scans through the feeder and on the glass", { [`${hp}.2.2.1.44.0`]: 50, [`${hp}.2.2.1.74.0`]: 7 }, {
    "scan.total": 57,
  }],
  ["hp", "scans of newer models", { [`${hp}.2.2.1.20.0`]: 50, [`${hp}.2.2.1.21.0`]: 7 }, { "scan.total": 57 }],
  ["brother", "all scans of a feeder that scans both sides", { [`${brother}.3`]: 20, [`${brother}.4`]: 57 }, {
    "scan.total": 57,
  }],
  ["brother", "all scans of others", { [`${brother}.1`]: 50, [`${brother}.2`]: 7, [`${brother}.3`]: 57 }, {
    "scan.total": 57,
  }],
  ["toshiba", "full and two colours as colour, and all scans", {
    [life]: 1020,
    [`${toshiba}.2.1.1`]: 250,
    [`${toshiba}.2.1.2`]: 50,
    [`${toshiba}.2.1.3`]: 700,
    [`${toshiba}.2.1.4`]: 1000,
    [`${toshiba}.3.1.1`]: 150,
    [`${toshiba}.3.1.3`]: 650,
    [`${toshiba}.8.1.1`]: 5,
    [`${toshiba}.8.1.3`]: 6,
    [`${toshiba}.9.1.3`]: 7,
  }, {
    total: 1000,
    mono: 700,
    color: 300,
    "print.total": 800,
    "print.mono": 650,
    "print.color": 150,
    "scan.total": 18,
    "scan.mono": 13,
    "scan.color": 5,
  }],
  ["hp", "scans of a flatbed", { [`${hp}.2.2.1.74.0`]: 7 }, { "scan.total": 7 }],
  ["zebra", "labels before inches of tape", { [life]: 910, [zebra]: "1920 INCHES, 4876 CENTIMETERS" }, { total: 910 }],
  ["zebra", "inches of tape where no labels are counted", { [zebra]: "1920 INCHES, 4876 CENTIMETERS" }, {
    total: 1920,
  }],
  ["hp", "prtMarkerLifeCount before the same count of its own", { [life]: 910, [`${hp}.4.1.2.5.0`]: 905 }, {
    total: 910,
  }],
];
for (const [id, what, objects, want] of cases) {
  Deno.test(`profile ${id} reads ${what}`, () => assert.deepEqual(read(id, objects), want));
}

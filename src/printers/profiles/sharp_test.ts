import assert from "node:assert/strict";
import { openInquiry } from "../inquiry.ts";
import { readMeters } from "../meters.ts";
import { oids } from "../printer_mib.ts";
import { storeOf, type TestValue } from "../store_of.ts";
import { readSupplies } from "../supplies.ts";
import { sharp } from "./sharp.ts";

const counts = "1.3.6.1.4.1.2385.1.1.19.2.1";
const life = `${oids.prtMarkerLifeCount}.1.1`;

/** The count table; a label left out is not answered. */
function read(rows: Record<string, [label: string | undefined, count: TestValue]>) {
  const objects = Object.entries(rows).flatMap(([path, [label, count]]): [string, TestValue][] => [
    ...label === undefined ? [] : [[`${counts}.4.${path}`, label] as [string, TestValue]],
    [`${counts}.3.${path}`, count],
  ]);
  const inquiry = openInquiry(storeOf({ [life]: 130, ...Object.fromEntries(objects) }), sharp, []);
  return Object.fromEntries(readMeters(inquiry).map(({ name, value }) => [name, value]));
}

const tables: [
  name: string,
  rows: Record<string, [label: string | undefined, count: TestValue]>,
  want: Record<string, number>,
][] = [
  ["full colour, two colours and single colour as colour", {
    "5.4.61": ["Black & White Total Count", 70],
    "5.4.63": ["Full Color Total Count", 20],
    "5.4.64": ["Two Color Total Count", 3],
    "5.4.80": ["Single Color Total Count", 4],
    "5.5.61": ["Black & White Other Count", 9],
  }, { total: 97, mono: 70, color: 27 }],
  ["the same without labels", {
    "5.4.61": [undefined, 70],
    "5.4.63": [undefined, 20],
    "5.4.64": [undefined, "3"],
    "5.5.61": [undefined, 9],
  }, { total: 93, mono: 70, color: 23 }],
  ["labels before numbers, for functions differ", {
    "7.4.50": ["Copies", 30],
    "7.4.61": ["Black & White Copy Count", 20],
    "4.4.60": ["Prints", 60],
    "8.4.50": ["Scan to E-mail/FTP", 5],
    "9.4.50": ["Scan to HDD", 6],
    "8.4.51": ["Black & White Scanner Count", 4],
    "8.4.53": ["Full Color Scanner Count", 1],
    "9.4.53": ["Full Color Scan to HDD Count", 6],
    "9.4.60": ["Scan to USB", 2],
    "1.4.75": ["Staples", 1],
  }, {
    total: 130,
    "copy.total": 30,
    "copy.mono": 20,
    "print.total": 60,
    "scan.total": 7,
    "scan.mono": 4,
    "scan.color": 1,
  }],
  ["scans that have no total", {
    "7.4.51": ["Black & White Scanner Count", 4],
    "8.4.53": ["Full Color Scanner Count", 6],
  }, { total: 130, "scan.total": 10, "scan.mono": 4, "scan.color": 6 }],
  ["received faxes of all lines", {
    "9.1.60": ["Fax Receive Line1", 3],
    "9.2.60": ["Fax Receive Line2", 4],
    "9.3.60": ["I-Fax Receive Count", 1],
    "9.4.60": ["Fax Send", 9],
    "5.4.61": ["Black & White Total Print Count", 70],
    "5.4.63": ["Color Total Print Count", 20],
    "5.4.80": ["Single Color Total Print Count", 10],
  }, { total: 100, mono: 70, color: 30, "fax.total": 8 }],
  ["scans to the disk alone", {
    "8.4.50": ["Scan to HDD", 9],
    "8.4.53": ["Full Color Scan to HDD Count", 6],
  }, { total: 130, "scan.total": 9, "scan.color": 6 }],
  ["numbers where the labels are in another language", {
    "1.4.60": ["Drucke", 60],
    "4.4.61": ["S/W-Kopien", 20],
    "7.4.50": ["Scannen: E-Mail/FTP", 5],
    "8.4.50": ["Scannen: HDD", 6],
    "8.4.61": ["S/W-Dokumentenablage", 7],
  }, { total: 130, "print.total": 60, "copy.mono": 20, "scan.total": 5 }],
  ["no sum with a row that has no count", {
    "5.4.61": ["Black & White Total Count", 70],
    "5.4.63": ["Full Color Total Count", -2],
  }, { total: 130, mono: 70 }],
];
for (const [name, rows, want] of tables) {
  Deno.test(`sharp profile reads ${name}`, () => assert.deepEqual(read(rows), want));
}

const levels: [name: string, numbers: [capacity: number, level: number], want: [string, number | null]][] = [
  ["a percentage without a capacity", [-2, 55], ["exact", 55]],
  ["0 % as empty", [-2, 0], ["empty", 0]],
  ["more than 100 as unknown", [-2, 101], ["unknown", null]],
  ["−3 as some", [-2, -3], ["some", null]],
  ["−2 as unknown", [-2, -2], ["unknown", null]],
];
for (const [name, [capacity, level], want] of levels) {
  Deno.test(`sharp profile reads ${name}`, () => {
    const [toner] = readSupplies(openInquiry(
      storeOf({
        [`${oids.prtMarkerSuppliesType} 1.1`]: 3,
        [`${oids.prtMarkerSuppliesMaxCapacity} 1.1`]: capacity,
        [`${oids.prtMarkerSuppliesLevel} 1.1`]: level,
      }),
      sharp,
      [],
    ));
    assert.deepEqual([toner!.level.kind, toner!.level.percent], want);
  });
}

import assert from "node:assert/strict";
import { openInquiry } from "../inquiry.ts";
import { oids } from "../printer_mib.ts";
import { storeOf, type TestValue } from "../store_of.ts";
import { readSupplies } from "../supplies.ts";
import { ricoh, ricohBrands } from "./ricoh.ts";
import { readMeters } from "../meters.ts";

const table = "1.3.6.1.4.1.367.3.2.1.2.24.1.1";
const standard = (level: number) => ({
  [`${oids.prtMarkerSuppliesType} 1.1`]: 3,
  [`${oids.prtMarkerSuppliesMaxCapacity} 1.1`]: 100,
  [`${oids.prtMarkerSuppliesLevel} 1.1`]: level,
});
const cases: [name: string, objects: Record<string, TestValue>, want: [string, number | null]][] = [
  ["−100 in the standard table as empty", standard(-100), ["empty", 0]],
  ["−100 in the private table as empty", {
    ...standard(-3),
    [`${table}.3.1`]: "black toner",
    [`${table}.5.1`]: -100,
  }, ["empty", 0]],
  ["a percentage of the private table", {
    ...standard(-3),
    [`${table}.3.1`]: "black toner",
    [`${table}.5.1`]: 40,
  }, ["exact", 40]],
  ["−3 of both tables as some", { ...standard(-3), [`${table}.3.1`]: "black toner", [`${table}.5.1`]: -3 }, [
    "some",
    null,
  ]],
];
for (const [name, objects, want] of cases) {
  Deno.test(`ricoh profile reads ${name}`, () => {
    const [toner, ...rest] = readSupplies(openInquiry(storeOf(objects), ricoh, []));
    assert.deepEqual([toner!.level.kind, toner!.level.percent], want);
    assert.equal(rest.length, 0);
  });
}

const counter = "1.3.6.1.4.1.367.3.2.1.2.19.5.1";
const life = `${oids.prtMarkerLifeCount}.1.1`;

/** Rows of the counter table: type, name and value of each. */
function counterRows(rows: [type: number | undefined, name: string | undefined, value: TestValue][]) {
  return Object.fromEntries(rows.flatMap(([type, name, value], i): [string, TestValue][] => [
    ...type === undefined ? [] : [[`${counter}.2.${i + 1}`, type] as [string, TestValue]],
    ...name === undefined ? [] : [[`${counter}.5.${i + 1}`, name] as [string, TestValue]],
    [`${counter}.9.${i + 1}`, value],
  ]));
}

function readCounts(objects: Record<string, TestValue>, profile = ricoh) {
  const found = readMeters(openInquiry(storeOf(objects), profile, []));
  return Object.fromEntries(found.map(({ name, value }) => [name, value]));
}

const functions: [number, string, number][] = [
  [10, "Counter: Machine Total", 1000],
  [200, "Counter:Copy:Total", 300],
  [201, "Counter:Copy:Black & White", 200],
  [202, "Counter:Copy:Single/Two-color", 10],
  [203, "Counter:Copy:Full Color", 90],
  [300, "Counter:FAX:Total", 50],
  [301, "Counter:FAX:Black & White", 50],
  [400, "Counter:Print:Total", 650],
  [401, "Counter:Print:Black & White", 400],
  [402, "Counter:Print:Single/Two-col.", 30],
  [403, "Counter:Print:Full Color", 220],
  [10, "Counter: Machine Total", 1000],
  [870, "Counter:Transmission:Total", 77],
  [871, "Counter:Transmission:B&W", 70],
  [841, "No. of Printed Sides in Duplex", 44],
  [850, "Coverage: Color", 9],
];
const functionMeters = {
  total: 1000,
  mono: 650,
  color: 350,
  "copy.total": 300,
  "copy.mono": 200,
  "copy.color": 100,
  "fax.total": 50,
  "fax.mono": 50,
  "print.total": 650,
  "print.mono": 400,
  "print.color": 250,
  "scan.total": 77,
  duplex: 44,
};

for (const profile of [ricoh, ...ricohBrands]) {
  Deno.test(`profile ${profile.id} reads its counters by name where they have no type`, () => {
    const objects = { [life]: 1020, ...counterRows(functions.map(([, name, value]) => [undefined, name, value])) };
    assert.deepEqual(readCounts(objects, profile), functionMeters);
  });
}

Deno.test("ricoh profile reads its counters by type, whatever their names", () => {
  const objects = { [life]: 1020, ...counterRows(functions.map(([type, , value]) => [type, `Zähler ${type}`, value])) };
  assert.deepEqual(readCounts(objects), functionMeters);
});

Deno.test("ricoh profile reads by name what has no type of its own", () => {
  const objects = counterRows(functions.map(([type, name, value]) => [type < 400 ? type : undefined, name, value]));
  assert.deepEqual(readCounts(objects), functionMeters);
});

Deno.test("ricoh profile leaves the life count where no name is known", () => {
  const objects = {
    [life]: 1020,
    ...counterRows(functions.map(([, , value], i) => [undefined, `Compteur ${i}`, value])),
  };
  assert.deepEqual(readCounts(objects), { total: 1020 });
});

Deno.test("ricoh profile reads overall counters and names with spaces and texts", () => {
  assert.deepEqual(
    readCounts(counterRows([
      [undefined, "Counter: Machine Total", "90"],
      [undefined, "Total Prints: Full Color", 30],
      [undefined, "Total Prints: Monocolor", 60],
      [undefined, "Development: Color", 120],
      [undefined, "Total Prints: Color", 30],
      [undefined, "Total Prints: Black & White", 60],
      [undefined, "Counter: Print: Black & White", 60],
      [undefined, "Printer: Black & White", 60],
      [undefined, "Large Paper Prints: >= A3, DLT", 7],
    ])),
    { total: 90, mono: 60, color: 30, "print.mono": 60, "large.total": 7 },
  );
  assert.deepEqual(
    readCounts(counterRows([
      [undefined, "Counter: Black & White", 60],
      [undefined, "Counter: Economy Color", 10],
      [undefined, "Counter: Full Color", 20],
      [undefined, "Counter: Machine Total", -2],
    ])),
    { total: 90, mono: 60, color: 30 },
  );
});

import assert from "node:assert/strict";
import { openInquiry } from "../inquiry.ts";
import { oids } from "../printer_mib.ts";
import { storeOf, type TestValue } from "../store_of.ts";
import { readSupplies } from "../supplies.ts";
import { ricoh } from "./ricoh.ts";

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

import assert from "node:assert/strict";
import { openInquiry } from "../inquiry.ts";
import { readMeters } from "../meters.ts";
import { oids } from "../printer_mib.ts";
import { storeOf, type TestValue } from "../store_of.ts";
import { readSupplies } from "../supplies.ts";
import { sharp } from "./sharp.ts";

const counts = "1.3.6.1.4.1.2385.1.1.19.2.1.3";

Deno.test("sharp profile counts full colour, two colours and single colour as colour", () => {
  const read = (objects: Record<string, TestValue>) =>
    Object.fromEntries(
      readMeters(openInquiry(storeOf(objects), sharp, [])).map(({ name, value }) => [name, value]),
    );
  const objects = { [`${counts}.5.4.61`]: 70, [`${counts}.5.4.63`]: 20, [`${counts}.5.4.64`]: 3 };
  assert.deepEqual(read(objects), { mono: 70, color: 23, total: 93 });
  assert.deepEqual(read({ ...objects, [`${counts}.5.4.80`]: 4 }), { mono: 70, color: 27, total: 97 });
});

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

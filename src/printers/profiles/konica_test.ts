import assert from "node:assert/strict";
import { openInquiry } from "../inquiry.ts";
import { readMeters } from "../meters.ts";
import { oids } from "../printer_mib.ts";
import type { Problem } from "../../../common/reading/reading.ts";
import { storeOf, type TestValue } from "../store_of.ts";
import { maybeProfile } from "./all.ts";

const counts = "1.3.6.1.4.1.18334.1.1.1.5.7.2";
const life = `${oids.prtMarkerLifeCount}.1.1`;

function read(objects: Record<string, TestValue>, id = "konica") {
  const problems: Problem[] = [];
  const found = readMeters(openInquiry(storeOf(objects), maybeProfile(id)!, problems));
  return Object.fromEntries(found.map(({ name, value }) => [name, value]));
}

/** Copies and prints of one table by colour: black, full, single, two. */
const table = (column: number, pages: [copies: number, prints: number][]) =>
  Object.fromEntries(pages.flatMap(([copies, prints], i) => [
    [`${counts}.2.1.${column}.${i + 1}.1`, copies],
    [`${counts}.2.1.${column}.${i + 1}.2`, prints],
  ]));

for (const id of ["konica", "develop", "olivetti"]) {
  Deno.test(`profile ${id} counts pages in one and two colours as colour, overall, by function and by size`, () => {
    const objects = {
      [`${counts}.1.1.0`]: 1000,
      [life]: 1012,
      ...table(5, [[100, 500], [50, 200], [30, 40], [20, 60]]),
      ...table(7, [[10, 50], [5, 20], [3, 4], [2, 6]]),
    };
    assert.deepEqual(read(objects, id), {
      total: 1000,
      mono: 600,
      color: 400,
      "copy.mono": 100,
      "print.mono": 500,
      "copy.color": 100,
      "print.color": 300,
      "large.mono": 60,
      "large.color": 40,
    });
  });
}

Deno.test("konica profile reads machines that lack a function, a colour or both", () => {
  assert.deepEqual(read({ [`${counts}.2.1.5.1.2`]: 70, [`${counts}.2.1.5.2.2`]: 30 }), {
    total: 100,
    mono: 70,
    color: 30,
    "print.mono": 70,
    "print.color": 30,
  });
  assert.deepEqual(read({ [life]: 72, [`${counts}.2.1.5.1.1`]: 2, [`${counts}.2.1.5.1.2`]: 70 }), {
    total: 72,
    mono: 72,
    "copy.mono": 2,
    "print.mono": 70,
  });
});

Deno.test("konica profile adds up nothing of which a part is answered and no count", () => {
  const objects = { [life]: 1000, ...table(5, [[100, 500], [50, 200], [30, -2]]) };
  assert.deepEqual(read(objects), {
    total: 1000,
    mono: 600,
    "copy.mono": 100,
    "print.mono": 500,
    "copy.color": 80,
  });
});

Deno.test("konica profile reads counts that are texts", () => {
  assert.deepEqual(read({ [`${counts}.1.1.0`]: "15", [`${counts}.2.1.5.1.2`]: "9", [`${counts}.2.1.5.3.2`]: "6" }), {
    total: 15,
    mono: 9,
    color: 6,
    "print.mono": 9,
    "print.color": 6,
  });
});

import assert from "node:assert/strict";
import { openInquiry } from "../inquiry.ts";
import { readMeters } from "../meters.ts";
import { oids } from "../printer_mib.ts";
import type { Problem } from "../../../common/reading/reading.ts";
import { storeOf, type TestValue } from "../store_of.ts";
import { kyocera } from "./kyocera.ts";
import { maybeProfile } from "./all.ts";

const root = "1.3.6.1.4.1.1347";
const life = `${oids.prtMarkerLifeCount}.1.1`;
const own = `${root}.43.10.1.1.12.1.1`;
const allScans = `${root}.46.10.1.1.5.3`;
const byFunction = `${root}.42.3.1`;
const size = `${root}.42.2.1.1.1`;

function read(objects: Record<string, TestValue>, profile = kyocera) {
  const problems: Problem[] = [];
  const found = readMeters(openInquiry(storeOf(objects), profile, problems));
  return {
    ...Object.fromEntries(found.map(({ name, value }) => [name, value])),
    problems: problems.map(({ code }) => code),
  };
}

/** Prints and copies of a colour machine, 700 + 300 pages. */
const functions = {
  [`${byFunction}.1.1.1.1`]: 700,
  [`${byFunction}.1.1.1.2`]: 300,
  [`${byFunction}.2.1.1.1.1`]: 400,
  [`${byFunction}.2.1.1.1.2`]: 50,
  [`${byFunction}.2.1.1.1.3`]: 250,
  [`${byFunction}.2.1.1.2.1`]: 200,
  [`${byFunction}.2.1.1.2.3`]: 100,
};
const functionMeters = {
  mono: 600,
  color: 400,
  "print.total": 700,
  "print.mono": 400,
  "print.color": 300,
  "copy.total": 300,
  "copy.mono": 200,
  "copy.color": 100,
};

for (const id of ["kyocera", "utax", "triumph_adler", "copystar", "olivetti"]) {
  Deno.test(`profile ${id} takes the device's own counter for the total, not the life of the engine`, () => {
    const profile = maybeProfile(id)!;
    const want = { ...functionMeters, total: 1000, problems: [] };
    assert.deepEqual(read({ ...functions, [own]: 1000, [life]: 1015 }, profile), want);
    assert.deepEqual(read({ ...functions, [own]: 1000, [life]: 90 }, profile), want);
  });
}

const totals: [name: string, objects: Record<string, TestValue>, total: number][] = [
  ["of functions without a counter of its own", { ...functions, [life]: 1015 }, 1000],
  ["of functions beside a counter that stays at 0", { ...functions, [own]: 0, [life]: 1015 }, 1000],
  ["of functions beside a counter that is not kept", { ...functions, [own]: -1, [life]: 1015 }, 1000],
  ["of colour modes", { [`${byFunction}.2.1.1.1.1`]: 30, [`${byFunction}.2.1.1.1.3`]: 20, [life]: 55 }, 50],
  [
    "of a printer's colour modes",
    { [`${root}.42.2.2.1.1.3.1.1`]: 30, [`${root}.42.2.2.1.1.3.1.3`]: 20, [life]: 55 },
    50,
  ],
  [
    "of one-sided and two-sided pages",
    { [`${root}.42.2.5.1.1.1.1`]: 30, [`${root}.42.2.5.1.1.2.1`]: 12, [life]: 55 },
    42,
  ],
  ["that is a text", { [own]: "1000", [life]: 1015 }, 1000],
  ["of the engine where nothing else counts", { [life]: 1015 }, 1015],
  [
    "of the engine where a function is not counted",
    { ...functions, [`${byFunction}.1.1.1.4`]: -2, [life]: 1015 },
    1000,
  ],
];
for (const [name, objects, total] of totals) {
  Deno.test(`kyocera profile reads the total ${name}`, () => {
    assert.equal(Object.entries(read(objects)).find(([meter]) => meter === "total")![1], total);
  });
}

const sizeNames = {
  [`${size}.2.1.1`]: "A3",
  [`${size}.2.1.2`]: "A4",
  [`${size}.2.1.3`]: "Ledger",
  [`${size}.2.1.4`]: "Letter",
};
const pages = (column: number, counts: number[]) =>
  Object.fromEntries(counts.map((count, i) => [`${size}.${column}.1.${i + 1}`, count]));

Deno.test("kyocera profile checks functions by sizes, and takes the functions", () => {
  const agreeing = {
    ...sizeNames,
    ...pages(6, [60, 900, 40, 0]),
    ...pages(7, [10, 580, 10, 0]),
    ...pages(8, [50, 320, 30, 0]),
  };
  const want = { ...functionMeters, total: 1000, "large.total": 100, "large.mono": 20, "large.color": 80 };
  assert.deepEqual(read({ ...functions, [own]: 1000, ...agreeing }), { ...want, problems: [] });
  const other = { ...agreeing, ...pages(8, [50, 220, 30, 0]) };
  assert.deepEqual(read({ ...functions, [own]: 1000, ...other }), { ...want, problems: ["metersDisagree"] });
});

Deno.test("kyocera profile reads mono and colour by sizes where functions are not counted", () => {
  const objects = {
    [own]: 95,
    ...sizeNames,
    ...pages(7, [1, 50, 2, 0]),
    ...pages(8, [3, 30, 0, 0]),
    ...pages(9, [4, 5, 0, 0]),
  };
  assert.deepEqual(read(objects), { total: 95, mono: 53, color: 42, "large.mono": 3, "large.color": 7, problems: [] });
});

Deno.test("kyocera profile tells large paper by its name, and by its number where there are no names", () => {
  const counts = pages(7, [1, 50, 2, 0]);
  assert.deepEqual(read({ [own]: 53, [`${size}.2.1.2`]: "A3", [`${size}.2.1.1`]: "A4", ...counts }), {
    total: 53,
    mono: 51,
    "large.mono": 50,
    problems: [],
  });
  const { "large.mono": large } = read({ [own]: 60, ...counts, ...pages(7, [1, 50, 2, 0, 0, 0, 7]) }) as Record<
    string,
    unknown
  >;
  assert.equal(large, 8);
});

const scans: [name: string, objects: Record<string, TestValue>, want: number][] = [
  ["the counter of all", { [allScans]: 90, [`${byFunction}.4.1.1.1`]: 70 }, 90],
  ["those for copies, for faxes and to the network", {
    [`${byFunction}.3.1.1.2`]: 12,
    [`${byFunction}.3.1.1.4`]: 8,
    [`${byFunction}.4.1.1.1`]: 70,
  }, 90],
  ["those for copies alone", { [`${byFunction}.3.1.1.2`]: 12 }, 12],
  ["those that count beside a counter that stays at 0", { [allScans]: 0, [`${byFunction}.3.1.1.2`]: 12 }, 12],
];
for (const [name, objects, want] of scans) {
  Deno.test(`kyocera profile reads as scans ${name}`, () => {
    assert.deepEqual(read(objects), { "scan.total": want, problems: [] });
  });
}

import assert from "node:assert/strict";
import { openInquiry } from "../inquiry.ts";
import { readMeters } from "../meters.ts";
import { oids } from "../printer_mib.ts";
import { recognise } from "../recognise.ts";
import { storeOf, type TestValue } from "../store_of.ts";
import { maybeProfile } from "./all.ts";

const life = `${oids.prtMarkerLifeCount}.1.1`;
const bases = { canon: "1.3.6.1.4.1.1602.1.11.1.3.1.4", oce: "1.3.6.1.4.1.1552.21.4.1.3.1.4" };
const named = "1.3.6.1.4.1.1602.1.11.2.1.1";

function readStore(objects: Record<string, TestValue>, profile = maybeProfile("canon")!) {
  const found = readMeters(openInquiry(storeOf(objects), profile, []));
  return Object.fromEntries(found.map(({ name, value }) => [name, value]));
}

const byCode: [what: string, counts: Record<number, TestValue>, want: Record<string, number>][] = [
  ["total, black and colour by size", { 101: 1000, 112: 50, 113: 550, 122: 40, 123: 360 }, {
    total: 1000,
    mono: 600,
    color: 400,
    "large.mono": 50,
    "small.mono": 550,
    "large.color": 40,
    "small.color": 360,
  }],
  ["full and single colour as colour", { 101: 1000, 108: 600, 105: 370, 118: 30 }, {
    total: 1000,
    mono: 600,
    color: 400,
  }],
  ["black of a machine without other counters", { 108: 10 }, { total: 1020, mono: 10 }],
  ["the life count before the total that counts large pages twice", { 102: 1050 }, { total: 1020 }],
  ["functions and large paper", { 101: 1000, 103: 90, 201: 300, 301: 700, 501: 44 }, {
    total: 1000,
    "large.total": 90,
    "copy.total": 300,
    "print.total": 700,
    "scan.total": 44,
  }],
  ["no sum of which a part is not kept", { 101: 1000, 112: 50, 113: -1 }, { total: 1000, "large.mono": 50 }],
  ["counts that are texts", { 101: "1000", 108: "600", 122: "0", 123: "400" }, {
    total: 1000,
    mono: 600,
    color: 400,
    "large.color": 0,
    "small.color": 400,
  }],
];
for (const [id, base] of Object.entries(bases)) {
  for (const [what, counts, want] of byCode) {
    Deno.test(`profile ${id} reads by Canon's codes ${what}`, () => {
      const objects = Object.fromEntries(Object.entries(counts).map(([code, count]) => [`${base}.${code}`, count]));
      assert.deepEqual(readStore({ [life]: 1020, ...objects }, maybeProfile(id)!), want);
    });
  }
}

Deno.test("oce profile reads codes that stand in a column, whatever the index of the row", () => {
  const table = "1.3.6.1.4.1.1552.21.4.1.3.1";
  const rows = [[101, 1000], [112, 50], [113, 550], [999, 7]];
  const objects = rows.flatMap(([code, count], i): [string, number][] => [
    [`${table}.2.${i + 1}`, code!],
    [`${table}.4.${i + 1}`, count!],
  ]);
  const want = { total: 1000, mono: 600, "large.mono": 50, "small.mono": 550 };
  assert.deepEqual(readStore(Object.fromEntries(objects), maybeProfile("oce")!), want);
});

const byName: [what: string, rows: [label: string, count: number][], want: Record<string, number>][] = [
  ["black and colour of all sizes", [
    ["Total 1", 1000],
    ["Total (Black 1)", 600],
    [
      "Total (Full Color + Single Color 1)",
      400,
    ],
    ["Total (Full Color 1)", 370],
    ["Copy (Total 1)", 30],
  ], {
    total: 1000,
    mono: 600,
    color: 400,
    "copy.total": 30,
  }],
  ["full and single colour", [["Total (Full Color 1)", 370], ["Total (Single Color 1)", 30]], {
    total: 1020,
    color: 400,
  }],
  ["black and colour by size", [
    ["Total (Black/Large)", 50],
    ["Total (Black/Small)", 550],
    ["Total (Full Color + Single Color/Large)", 40],
    ["Total (Full Color + Single Color/Small)", 360],
    ["Total (Full Color/Small)", 350],
  ], {
    total: 1020,
    mono: 600,
    color: 400,
    "large.mono": 50,
    "small.mono": 550,
    "large.color": 40,
    "small.color": 360,
  }],
  ["nothing in a language that is not known", [["Gesamt 1", 1000], ["Gesamt (Schwarz 1)", 600]], { total: 1020 }],
];
for (const [what, rows, want] of byName) {
  Deno.test(`canon profile reads by name ${what}`, () => {
    const objects = Object.fromEntries(
      rows.flatMap((
        [label, count],
        i,
      ): [string, TestValue][] => [[`${named}.2.${i + 1}`, label], [`${named}.3.${i + 1}`, count]]),
    );
    assert.deepEqual(readStore({ [life]: 1020, ...objects }), want);
  });
}

const sysDescr = "1.3.6.1.2.1.1.1.0", sysObjectID = "1.3.6.1.2.1.1.2.0";
const controller = { [sysObjectID]: { oid: "1.3.6.1.4.1.1552.21.4" } };

for (const description of ["PRISMAsync", "Canon PRISMAsync Print Server", "Controller", ""]) {
  Deno.test(`recognise() takes for a printer what answers Océ's number and calls itself "${description}"`, () => {
    assert.equal(recognise(storeOf({ ...controller, [sysDescr]: description })).printer, true);
  });
}

Deno.test("a press of Canon behind PRISMAsync is Canon's and reads the counters of the controller", () => {
  const objects = {
    ...controller,
    [sysDescr]: "PRISMAsync",
    [`${oids.hrDeviceDescr}.1`]: "Canon imagePRESS C000",
    [`${oids.prtMarkerCounterUnit}.1.1`]: 7,
    [`${bases.oce}.101`]: 900,
  };
  const { profile } = recognise(storeOf(objects));
  assert.deepEqual([profile.id, profile.maker], ["canon", "Canon"]);
  assert.deepEqual(readStore(objects, profile), { total: 900 });
});

Deno.test("recognise() adds no counters by HP's number, which many answer", () => {
  const { profile } = recognise(
    storeOf({ [sysDescr]: "Brother HL-0000", [sysObjectID]: { oid: "1.3.6.1.4.1.11.2.3.9.1" } }),
  );
  assert.equal(profile, maybeProfile("brother"));
});

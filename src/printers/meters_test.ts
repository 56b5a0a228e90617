import assert from "node:assert/strict";
import { openInquiry } from "./inquiry.ts";
import { agree } from "../../common/reading/other_sources.ts";
import { checkMeters } from "./meter_checks.ts";
import { readMeters } from "./meters.ts";
import { oids } from "./printer_mib.ts";
import type { MeterRule, Profile } from "./profile.ts";
import type { Meter, Problem } from "../../common/reading/reading.ts";
import { storeOf, type TestValue } from "./store_of.ts";

function meters(objects: Record<string, TestValue>, rules: MeterRule[] = [], more: Partial<Profile> = {}) {
  const problems: Problem[] = [];
  const profile: Profile = { id: "acme", maker: "Acme", recognise: {}, meters: rules, ...more };
  const inquiry = openInquiry(storeOf(objects), profile, problems);
  const found = readMeters(inquiry);
  return { byName: Object.fromEntries(found.map(({ name, value }) => [name, value])), found, problems };
}

const life = oids.prtMarkerLifeCount, unit = oids.prtMarkerCounterUnit;
const scalar = (meter: string, oid: string): MeterRule => ({ kind: "scalar", meter, oid, rule: `acme.${oid}` });

Deno.test("readMeters() reads prtMarkerLifeCount in its unit", () => {
  assert.deepEqual(meters({ [`${life} 1.1`]: 12, [`${unit} 1.1`]: 8 }).found, [{
    name: "total",
    value: 12,
    unit: "sheets",
    source: { oid: `${life}.1.1`, rule: "rfc3805.lifeCount", raw: 12 },
  }]);
});

Deno.test("readMeters() prefers the device's own total to prtMarkerLifeCount, unless it is a fallback", () => {
  const own = scalar("total", "1.3.9.1.0");
  const objects = { [`${life} 1.1`]: 12, "1.3.9.1.0": 10 };
  assert.equal(meters(objects, [own]).byName.total, 10);
  assert.equal(meters(objects, [{ ...own, fallback: true }]).byName.total, 12);
  assert.equal(meters({ "1.3.9.1.0": 10 }, [{ ...own, fallback: true }]).byName.total, 10);
  assert.equal(meters({ ...objects, "1.3.9.1.0": -1 }, [own]).byName.total, 12);
});

const ownTable: MeterRule = {
  kind: "typed",
  rule: "acme.typed",
  values: "1.3.9.4",
  types: "1.3.9.3",
  names: [[10, "total"]],
};
const early: [name: string, rules: MeterRule[], objects: Record<string, TestValue>, total: number | undefined][] = [
  ["where its own may have been lost", [scalar("total", "1.3.9.1.0")], {}, undefined],
  ["where its own was asked for", [scalar("total", "1.3.9.1.0")], { [`${oids.ifType} 1`]: 6 }, 12],
  ["where its own is a table that was begun", [ownTable], { [`${oids.ifType} 1`]: 6, "1.3.9.4.1": 10 }, undefined],
  ["where its own is a table of which nothing was seen", [ownTable], { [`${oids.ifType} 1`]: 6 }, 12],
  ["where its own is no better", [{ ...scalar("total", "1.3.9.1.0"), fallback: true }], {}, 12],
  ["where it has none of its own", [scalar("mono", "1.3.9.1.0")], {}, 12],
];
for (const [name, rules, objects, total] of early) {
  Deno.test(`readMeters() of a read that ended early tells ${total === undefined ? "no" : "the"} life count ${name}`, () => {
    const store = storeOf({ [`${life} 1.1`]: 12, ...objects });
    const profile = { id: "acme", maker: "Acme", recognise: {}, meters: rules };
    const found = readMeters(openInquiry(store, profile, [{ code: "silent", message: "No answer" }]));
    assert.equal(found.find(({ name }) => name === "total")?.value, total);
    const whole = readMeters(openInquiry(store, profile, []));
    if (!("1.3.9.4.1" in objects)) assert.equal(whole.find(({ name }) => name === "total")?.value, 12);
  });
}

Deno.test("readMeters() tells no life count where the question for the device's own total got no answer", () => {
  const read = (oid: string) => {
    const profile = { id: "acme", maker: "Acme", recognise: {}, meters: [scalar("total", "1.3.9.1.0")] };
    const problems = [{ code: "no-answer", message: "No answer comes", oid }];
    return readMeters(openInquiry(storeOf({ [`${life} 1.1`]: 12 }), profile, problems)).map(({ value }) => value);
  };
  assert.deepEqual([read("1.3.9.1.0"), read("1.3.9.2.0")], [[], [12]]);
});

Deno.test("readMeters() takes an overall counter that stays at 0 for one that is not kept, where another counts", () => {
  const rules = [scalar("total", "1.3.9.1.0"), scalar("print.color", "1.3.9.2.0"), scalar("print.color", "1.3.9.3.0")];
  const objects = { [`${life} 1.1`]: 12, "1.3.9.1.0": 0, "1.3.9.2.0": 0, "1.3.9.3.0": 4 };
  assert.deepEqual(meters(objects, rules).byName, { total: 12, "print.color": 0 });
  assert.equal(meters({ "1.3.9.1.0": 0 }, rules).byName.total, 0);
});

Deno.test("readMeters() tells counters of the same pages that disagree, where the rule says that they are the same", () => {
  const rules: MeterRule[] = [
    scalar("total", "1.3.9.1.0"),
    { ...scalar("total", "1.3.9.2.0"), check: true },
    scalar("total", "1.3.9.3.0"),
  ];
  const { byName, problems } = meters({ "1.3.9.1.0": 9000, "1.3.9.2.0": 8000, "1.3.9.3.0": 7000 }, rules);
  assert.equal(byName.total, 9000);
  assert.deepEqual(problems, [{
    code: "metersDisagree",
    message: "total is 9000 by acme.1.3.9.1.0, but 8000 by acme.1.3.9.2.0; the first is taken",
    oid: "1.3.9.2.0",
  }]);
  assert.deepEqual(meters({ "1.3.9.1.0": 9000, "1.3.9.2.0": 8990 }, rules).problems, []);
  assert.deepEqual(meters({ "1.3.9.1.0": 9000, "1.3.9.2.0": 0 }, rules).problems, []);
});

Deno.test("readMeters() takes the first rule that is answered", () => {
  const rules = [scalar("mono", "1.3.9.1.0"), scalar("mono", "1.3.9.2.0")];
  assert.equal(meters({ "1.3.9.2.0": 5 }, rules).byName.mono, 5);
  assert.equal(meters({ "1.3.9.1.0": -2, "1.3.9.2.0": 5 }, rules).byName.mono, 5);
});

const implausible: [name: string, value: TestValue][] = [
  ["−1", -1],
  ["−2", -2],
  ["−1 in 32 bits", 4294967295],
  ["a count that wrapped into the sign bit", -2147483000],
  ["a text", "many"],
  ["a fraction", "47.11"],
  ["an empty text", ""],
  ["text of two numbers", "4711 of 5000"],
  ["text of a negative number", "-4,711"],
  ["text of a percentage", "47 %"],
  ["a Counter64 of all ones", 2n ** 64n - 1n],
  ["octets that are no text", Uint8Array.of(0, 1, 2, 3)],
];
for (const [name, value] of implausible) {
  Deno.test(`readMeters() takes ${name} for no count of pages`, () => {
    const rules = [scalar("total", "1.3.9.1.0"), scalar("duplex", "1.3.9.1.0")];
    assert.deepEqual(meters({ [`${life} 1.1`]: value, "1.3.9.1.0": value }, rules).found, []);
  });
}

const typings: [name: string, value: TestValue][] = [
  ["an INTEGER", 4711],
  ["a Counter64", 4711n],
  ["text", "4711"],
  ["text with padding", " 4711\0\0"],
  ["text with a group of thousands", "4,711"],
];
for (const [name, value] of typings) {
  Deno.test(`readMeters() reads a count that is ${name}`, () => {
    assert.equal(meters({ [`${life} 1.1`]: value }).byName.total, 4711);
  });
}

const sums: [needs: "all" | "any", objects: Record<string, TestValue>, want: number | undefined][] = [
  ["all", { "1.3.9.1": 1, "1.3.9.2": 2 }, 3],
  ["all", { "1.3.9.1": 1 }, undefined],
  ["any", { "1.3.9.1": 1 }, 1],
  ["any", {}, undefined],
  ["any", { "1.3.9.1": 1, "1.3.9.2": -2 }, undefined],
  ["any", { "1.3.9.1": 1, "1.3.9.2": "?" }, undefined],
];
for (const [needs, objects, want] of sums) {
  const given = Object.values(objects).join(" and ") || "nothing";
  Deno.test(`readMeters() adds up ${given} where it needs ${needs} of two objects`, () => {
    const rule: MeterRule = { kind: "sum", meter: "duplex", oids: ["1.3.9.1", "1.3.9.2"], rule: "acme.sum", needs };
    assert.equal(meters(objects, [rule]).byName.duplex, want);
  });
}

for (const code of ["silent", "deadline", "read-failed"]) {
  Deno.test(`readMeters() adds up nothing that may lack a part: ${code}`, () => {
    const rules: MeterRule[] = [
      { kind: "sum", meter: "duplex", oids: ["1.3.9.1", "1.3.9.2"], rule: "acme.sum", needs: "any" },
      { kind: "typed", rule: "acme.typed", values: "1.3.9.4", types: "1.3.9.3", names: [[7, "scan.total"]] },
      scalar("copy.total", "1.3.9.5"),
    ];
    const store = storeOf({ "1.3.9.1": 1, "1.3.9.3.1": 7, "1.3.9.4.1": 5, "1.3.9.5": 6 });
    const read = (problems: Problem[]) =>
      readMeters(openInquiry(store, { id: "acme", maker: "Acme", recognise: {}, meters: rules }, problems))
        .map(({ name, value }) => [name, value]);
    assert.deepEqual(read([{ code, message: "No answer" }]), [["copy.total", 6]]);
    assert.deepEqual(read([]), [["duplex", 1], ["scan.total", 5], ["copy.total", 6]]);
  });
}

Deno.test("readMeters() adds up no table that is cut off or has a row without a count", () => {
  const rule: MeterRule = {
    kind: "typed",
    rule: "acme.typed",
    values: "1.3.9.4",
    types: "1.3.9.3",
    names: [[7, "scan.total"], [8, "copy.total"]],
    maxRows: 3,
  };
  const rows = { "1.3.9.3.1": 7, "1.3.9.4.1": 5, "1.3.9.3.2": 8, "1.3.9.4.2": 6 };
  assert.deepEqual(meters(rows, [rule]).byName, { "scan.total": 5, "copy.total": 6 });
  assert.deepEqual(meters({ ...rows, "1.3.9.3.3": 7, "1.3.9.4.3": 5 }, [rule]).byName, {});
  const unknown = { ...rows, "1.3.9.3.3": 7, "1.3.9.4.3": -2 };
  assert.deepEqual(meters(unknown, [{ ...rule, maxRows: 9 }]).byName, { "copy.total": 6 });
});

Deno.test("readMeters() never names a sum after one of its parts", () => {
  const rule: MeterRule = { kind: "sum", meter: "duplex", oids: ["1.3.9.1", "1.3.9.2"], rule: "acme.sum" };
  assert.equal(meters({ "1.3.9.1": 1, "1.3.9.2": 2 }, [rule]).found[0]!.source.oid, "1.3.9");
});

Deno.test("readMeters() reads a table by its labels and adds rows of one meter", () => {
  const rule: MeterRule = {
    kind: "labelled",
    rule: "acme.table",
    values: "1.3.9.3",
    labels: "1.3.9.2",
    names: [[/^Total 1$/, "total"], [/^Scan/, "scan.total"]],
  };
  const objects = {
    "1.3.9.2.1": "Total 1",
    "1.3.9.3.1": 100,
    "1.3.9.2.5": "Scan (mail)",
    "1.3.9.3.5": 3,
    "1.3.9.2.9": "Scan (folder)",
    "1.3.9.3.9": 4,
    "1.3.9.2.10": "Total 2",
    "1.3.9.3.10": 900,
  };
  assert.deepEqual(meters(objects, [rule]).byName, { total: 100, "scan.total": 7 });
});

const named: MeterRule = {
  kind: "labelled",
  rule: "acme.table",
  values: ["1.3.9.3", "1.3.9.4"],
  labels: "1.3.9.2",
  names: [[/^A3$/, "large.color"], [/^A4$/, null]],
  indexes: [["1", "large.color"]],
};

Deno.test("readMeters() adds up several columns of a table", () => {
  const objects = {
    "1.3.9.2.1": "A4",
    "1.3.9.3.1": 50,
    "1.3.9.4.1": 60,
    "1.3.9.2.2": "A3",
    "1.3.9.3.2": 5,
    "1.3.9.4.2": 6,
  };
  assert.deepEqual(meters(objects, [named]).byName, { "large.color": 11 });
  assert.deepEqual(meters({ ...objects, "1.3.9.4.2": -2 }, [named]).byName, {});
});

Deno.test("readMeters() reads a table by its index where no label is known", () => {
  const rows = { "1.3.9.3.1": 5, "1.3.9.3.2": 50 };
  assert.deepEqual(meters(rows, [named]).byName, { "large.color": 5 });
  assert.deepEqual(meters({ ...rows, "1.3.9.2.1": "Grand", "1.3.9.2.2": "Petit" }, [named]).byName, {
    "large.color": 5,
  });
  assert.deepEqual(meters({ ...rows, "1.3.9.2.1": "A4", "1.3.9.2.2": "Petit" }, [named]).byName, {});
  assert.deepEqual(meters({ ...rows, "1.3.9.2.2": "A4" }, [named]).byName, { "large.color": 5 });
});

Deno.test("readMeters() counts a row that a table tells twice only once, where the rule says so", () => {
  const rows = { "1.3.9.2.1": "A3", "1.3.9.3.1": 5, "1.3.9.2.2": "A3", "1.3.9.3.2": 5 };
  assert.deepEqual(meters(rows, [{ ...named, once: true }]).byName, { "large.color": 5 });
  assert.deepEqual(meters(rows, [named]).byName, { "large.color": 10 });
  const typed: MeterRule = {
    kind: "typed",
    rule: "acme.typed",
    values: "1.3.9.3",
    types: "1.3.9.2",
    names: [[10, "total"]],
    once: true,
  };
  const types = { ...rows, "1.3.9.2.1": 10, "1.3.9.2.2": 10 };
  assert.deepEqual(meters(types, [typed]).byName, { total: 5 });
});

Deno.test("readMeters() reads a table by its types, rows of one unit only", () => {
  const rule: MeterRule = {
    kind: "typed",
    rule: "acme.typed",
    values: "1.3.9.4",
    types: "1.3.9.2",
    where: { column: "1.3.9.3", equals: 4 },
    names: [[1, "total"], [3, "mono"]],
  };
  const objects = {
    "1.3.9.2.1": 1,
    "1.3.9.3.1": 4,
    "1.3.9.4.1": 96,
    "1.3.9.2.2": 1,
    "1.3.9.3.2": 5,
    "1.3.9.4.2": 59,
    "1.3.9.2.3": 3,
    "1.3.9.3.3": 4,
    "1.3.9.4.3": 21,
  };
  assert.deepEqual(meters(objects, [rule]).byName, { total: 96, mono: 21 });
});

const records: MeterRule = {
  kind: "records",
  rule: "acme.records",
  oid: "1.3.9.10.0",
  layout: "id-type-length-value",
  fields: [{ id: 0, meter: "total" }, { id: 1, meter: "mono" }, { id: 2, meter: "color" }],
};

Deno.test("readMeters() derives the total of a device that counts mono and color only", () => {
  const { found } = meters({ "1.3.9.10.0": Uint8Array.fromHex("01010400000064020104000000c8ff") }, [records]);
  const total = found.find(({ name }) => name === "total")!;
  assert.deepEqual([total.value, total.source.rule], [300, "derived.monoPlusColor"]);
});

const byFunction = ["print.mono", "print.color", "copy.mono", "copy.color", "fax.total"];
const derived: [name: string, counts: number[], want: [mono: number | undefined, color: number | undefined]][] = [
  ["the sums of functions that make up the total", [100, 50, 30, 15, 5], [135, 65]],
  ["black alone of a machine without colour", [170, -1, 25, -1, 5], [200, undefined]],
  ["nothing where the functions are not all", [70, 50, 30, 15, 5], [undefined, undefined]],
];
for (const [name, counts, [mono, color]] of derived) {
  Deno.test(`readMeters() derives as black and colour ${name}`, () => {
    const rules = byFunction.map((meter, i) => scalar(meter, `1.3.9.${i}.0`));
    const objects = Object.fromEntries(counts.map((count, i) => [`1.3.9.${i}.0`, count]));
    const { byName } = meters({ [`${life} 1.1`]: 200, ...objects }, rules);
    assert.deepEqual([byName.mono, byName.color], [mono, color]);
  });
}

Deno.test("readMeters() takes black and colour for not kept that are both 0 while pages are counted", () => {
  const rules = ["mono", "color", "print.mono", "print.color"].map((meter, i) => scalar(meter, `1.3.9.${i}.0`));
  const idle = { [`${life} 1.1`]: 200, "1.3.9.0.0": 0, "1.3.9.1.0": 0 };
  assert.deepEqual(meters(idle, rules).byName, { total: 200 });
  assert.deepEqual(meters({ ...idle, "1.3.9.2.0": 150, "1.3.9.3.0": 50 }, rules).byName, {
    total: 200,
    "print.mono": 150,
    "print.color": 50,
    mono: 150,
    color: 50,
  });
  assert.deepEqual(meters({ ...idle, "1.3.9.0.0": 200 }, rules).byName, { total: 200, mono: 200, color: 0 });
  assert.deepEqual(meters({ ...idle, [`${life} 1.1`]: 3 }, rules).byName, { total: 3, mono: 0, color: 0 });
});

Deno.test("readMeters() derives colour beside a counter of black", () => {
  const rules = ["mono", "print.color", "copy.color"].map((meter, i) => scalar(meter, `1.3.9.${i}.0`));
  const { found } = meters({ [`${life} 1.1`]: 200, "1.3.9.0.0": 150, "1.3.9.1.0": 40, "1.3.9.2.0": 10 }, rules);
  const { value, source } = found.find(({ name }) => name === "color")!;
  assert.deepEqual([value, source.rule], [50, "derived.functions"]);
  assert.deepEqual(source.raw, { "print.color": 40, "copy.color": 10 });
});

Deno.test("readMeters() reports records that are cut off and keeps those before", () => {
  const { byName, problems } = meters({ "1.3.9.10.0": Uint8Array.fromHex("00010400000fa00101") }, [records]);
  assert.deepEqual(byName, { total: 4000 });
  assert.deepEqual(problems.map(({ code }) => code), ["recordsTruncated"]);
});

Deno.test("readMeters() reads an odometer that is a text", () => {
  const rule: MeterRule = {
    kind: "scalar",
    meter: "total",
    oid: "1.3.9.1.0",
    rule: "acme.odometer",
    unit: "inches",
    read: "text",
  };
  const [odometer] = meters({ "1.3.9.1.0": "1920 INCHES, 4876 CENTIMETERS" }, [rule]).found;
  assert.deepEqual([odometer!.value, odometer!.unit], [1920, "inches"]);
});

const markers: [
  name: string,
  counts: number[],
  own: [number, number] | undefined,
  want: [number, string],
  problems: string[],
][] = [
  ["the one count of markers that agree", [50, 50, 50, 50], undefined, [50, "rfc3805.lifeCount"], []],
  ["the one count beside a marker that never printed", [50, 0], undefined, [50, "rfc3805.lifeCount"], []],
  ["the largest of markers that differ, and says so", [500, 120, 130, 90], undefined, [500, "rfc3805.largestMarker"], [
    "severalMarkers",
  ]],
  ["the sum of markers that print different pages", [5000, 3000], [5000, 3000], [8000, "rfc3805.sumOfMarkers"], []],
];
for (const [name, counts, own, want, problems] of markers) {
  Deno.test(`readMeters() takes as total ${name}`, () => {
    const objects = Object.fromEntries(counts.map((count, i) => [`${life}.1.${i + 1}`, count]));
    const rules = own === undefined ? [] : [scalar("mono", "1.3.9.1.0"), scalar("color", "1.3.9.2.0")];
    const got = meters({ ...objects, ...own && { "1.3.9.1.0": own[0], "1.3.9.2.0": own[1] } }, rules);
    const total = got.found.find((meter) => meter.name === "total")!;
    assert.deepEqual([total.value, total.source.rule], want);
    assert.deepEqual(got.problems.map(({ code }) => code), problems);
  });
}

Deno.test("readMeters() compares no markers of different units, and prefers the one that counts pages", () => {
  const { found, problems } = meters({
    [`${life} 1.1`]: 90_000,
    [`${unit} 1.1`]: 11,
    [`${life} 1.2`]: 400,
    [`${unit} 1.2`]: 7,
  });
  assert.deepEqual(found.map(({ value, unit }) => [value, unit]), [[400, "impressions"]]);
  assert.deepEqual(problems, []);
});

const meter = (name: string, value: number, unitName = "impressions"): Meter => ({
  name,
  value,
  unit: unitName,
  source: { oid: "1.3", rule: "test", raw: value },
});
const checks: [name: string, given: Meter[], want: string[]][] = [
  ["nothing of meters that agree", [meter("total", 1000), meter("mono", 600), meter("color", 400)], []],
  [
    "nothing of a difference within the tolerance",
    [meter("total", 10000), meter("mono", 6000), meter("color", 3800)],
    [],
  ],
  ["a total that is not the sum", [meter("total", 10000), meter("mono", 6000), meter("color", 3799)], [
    "metersDisagree",
  ]],
  ["a part above the total", [meter("total", 100), meter("mono", 900)], ["metersDisagree"]],
  ["nothing of other units", [meter("total", 100, "sheets"), meter("mono", 90), meter("color", 90)], []],
  ["a snapshot of zeros", [meter("total", 0), meter("mono", 0)], ["metersAllZero"]],
  ["nothing of a single zero", [meter("total", 0)], []],
  ["copies that are not the sum of theirs", [
    meter("copy.total", 100),
    meter("copy.mono", 600),
    meter("copy.color", 400),
  ], ["metersDisagree"]],
  ["prints that are not the sum of theirs", [
    meter("print.total", 100),
    meter("print.mono", 600),
    meter("print.color", 400),
  ], ["metersDisagree"]],
  ["more prints than pages", [meter("total", 100), meter("print.total", 900)], ["metersDisagree"]],
  ["nothing of more scans than pages", [meter("total", 100), meter("scan.total", 900)], []],
  ["functions that add up to more than the total", [
    meter("total", 100_000),
    meter("print.total", 90_000),
    meter("copy.total", 20_000),
  ], ["metersDisagree"]],
  ["nothing of functions that leave some of the total", [
    meter("total", 100_000),
    meter("print.total", 50_000),
    meter("copy.total", 20_000),
  ], []],
  ["more colour scans than scans", [meter("scan.total", 100), meter("scan.color", 900)], ["metersDisagree"]],
];
for (const [name, given, want] of checks) {
  Deno.test(`checkMeters() reports ${name}`, () => {
    assert.deepEqual(checkMeters(given).map(({ code }) => code), want);
  });
}

Deno.test("checkMeters() names what disagrees", () => {
  const [problem] = checkMeters([meter("total", 10), meter("mono", 600), meter("color", 400)]);
  assert.equal(problem!.message, "total is 10, but mono and color add up to 600 + 400 = 1000");
});

Deno.test("agree() allows twenty pages, then two percent", () => {
  assert.deepEqual([agree(0, 20), agree(0, 21), agree(10000, 9800), agree(10000, 9799)], [true, false, true, false]);
});

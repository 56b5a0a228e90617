import assert from "node:assert/strict";
import { openInquiry } from "./inquiry.ts";
import { oids } from "./printer_mib.ts";
import type { Profile } from "./profile.ts";
import type { Problem } from "../../common/reading/reading.ts";
import { storeOf, type TestValue } from "./store_of.ts";
import type { Trace } from "./trace.ts";
import { readSupplies } from "./supplies.ts";

const plain: Profile = { id: "acme", maker: "Acme", recognise: {} };

type Row = {
  colorant?: number;
  class?: number;
  type?: number;
  name?: string;
  unit?: number;
  max?: number;
  level?: number;
};

/** Rows of prtMarkerSuppliesTable by index, and other objects. */
function supplies(rows: Record<string, Row>, others: Record<string, TestValue> = {}, profile: Profile = plain) {
  const objects = { ...others };
  for (const [index, row] of Object.entries(rows)) {
    const put = (column: string, value: TestValue | undefined) => {
      if (value !== undefined) objects[`${column}.${index}`] = value;
    };
    put(oids.prtMarkerSuppliesColorantIndex, row.colorant);
    put(oids.prtMarkerSuppliesClass, row.class);
    put(oids.prtMarkerSuppliesType, row.type);
    put(oids.prtMarkerSuppliesDescription, row.name);
    put(oids.prtMarkerSuppliesSupplyUnit, row.unit);
    put(oids.prtMarkerSuppliesMaxCapacity, row.max);
    put(oids.prtMarkerSuppliesLevel, row.level);
  }
  const problems: Problem[] = [];
  const trace: Trace = [];
  const inquiry = openInquiry(storeOf(objects), profile, problems, { trace });
  inquiry.model = "Z-1";
  return { supplies: readSupplies(inquiry), problems, trace };
}

Deno.test("readSupplies() keeps sparse indexes in MIB order", () => {
  const got = supplies({
    "1.39": { type: 15, level: -3 },
    "1.5": { type: 4, level: -2 },
    "1.12": { type: 9, max: 10, level: 5 },
  });
  assert.deepEqual(got.supplies.map(({ index, kind }) => [index, kind]), [
    ["1.5", "wasteToner"],
    ["1.12", "drum"],
    ["1.39", "fuser"],
  ]);
});

const colours: { name: string; rows: Record<string, Row>; others?: Record<string, TestValue>; want: string[] }[] = [
  {
    name: "the colorant table",
    rows: { "1.1": { colorant: 1, type: 3, name: "Toner A" }, "1.2": { colorant: 2, type: 3, name: "Toner B" } },
    others: { [`${oids.prtMarkerColorantValue} 1.1`]: "cyan", [`${oids.prtMarkerColorantValue} 1.2`]: "black" },
    want: ["cyan", "black"],
  },
  {
    name: "the description where the index is 0",
    rows: { "1.1": { colorant: 0, type: 3, name: "Yellow Toner" }, "1.2": { colorant: 0, type: 15, name: "Fuser" } },
    want: ["yellow", "none"],
  },
  {
    name: "another supply of the same index where the table has no row",
    rows: { "1.1": { colorant: 4, type: 3, name: "Black Toner" }, "1.5": { colorant: 4, type: 9, name: "Drum (R1)" } },
    want: ["black", "black"],
  },
  {
    name: "nothing from an index that stands for two colours",
    rows: {
      "1.1": { colorant: 1, type: 3, name: "Black Toner" },
      "1.2": { colorant: 1, type: 3, name: "Cyan Toner" },
      "1.3": { colorant: 1, type: 9, name: "Drum" },
    },
    want: ["black", "cyan", "none"],
  },
  {
    name: "nothing from a colorant called other",
    rows: { "1.1": { colorant: 2, type: 4, name: "Waste" } },
    others: { [`${oids.prtMarkerColorantValue} 1.2`]: "other" },
    want: ["none"],
  },
  { name: "black for the only toner", rows: { "1.1": { type: 3, name: "TK-1234" } }, want: ["black"] },
  {
    name: "no colour for one of two nameless toners",
    rows: { "1.1": { type: 3, name: "A" }, "1.2": { type: 3, name: "B" } },
    want: ["none", "none"],
  },
];
for (const { name, rows, others, want } of colours) {
  Deno.test(`readSupplies() takes the colorant from ${name}`, () => {
    assert.deepEqual(supplies(rows, others).supplies.map(({ colorant }) => colorant), want);
  });
}

Deno.test("readSupplies() keeps raw numbers and unit beside the share", () => {
  const [toner] =
    supplies({ "1.1": { class: 3, type: 3, name: "Black Toner", unit: 7, max: 5300, level: 1484 } }).supplies;
  assert.deepEqual(toner!.level, { kind: "exact", percent: 28, level: 1484, capacity: 5300, unit: "impressions" });
  assert.deepEqual(toner!.source.raw, { level: 1484, capacity: 5300, unit: 7, class: 3, type: 3 });
  assert.equal(toner!.source.oid, `${oids.prtMarkerSuppliesLevel}.1.1`);
});

Deno.test("readSupplies() reports a level above the capacity and reads it as full", () => {
  const got = supplies({ "1.1": { type: 3, name: "Black Toner", unit: 7, max: 100, level: 150 } });
  assert.equal(got.supplies[0]!.level.percent, 100);
  assert.deepEqual(got.problems.map(({ code }) => code), ["levelAboveCapacity"]);
});

const levels = "1.3.9.5", names = "1.3.9.3";
const table: Profile = {
  ...plain,
  supplies: [{
    kind: "table",
    rule: "acme.toner",
    levels,
    names,
    read: "percent",
    codes: [{ value: -100, level: "empty" }],
  }],
};

Deno.test("readSupplies() replaces some by a private percentage, and keeps a standard one", () => {
  const rows = {
    "1.1": { type: 3, name: "Black Toner", max: -2, level: -3 },
    "1.2": { type: 3, name: "Cyan Toner", max: 100, level: 60 },
  };
  const got = supplies(rows, {
    [`${levels}.1`]: 40,
    [`${names}.1`]: "black",
    [`${levels}.2`]: 10,
    [`${names}.2`]: "cyan",
  }, table);
  assert.deepEqual(got.supplies.map(({ level, source }) => [level.percent, source.rule]), [
    [40, "acme.toner"],
    [60, "rfc3805"],
  ]);
  const verdicts = got.trace.find(({ field }) => field === "supplies.1.1.level")!.candidates.map((it) => it.verdict);
  assert.deepEqual(verdicts, ["some", "won"]);
});

Deno.test("readSupplies() names nameless standard rows by their index in the private table", () => {
  const got = supplies({ "1.1": { level: -3 } }, { [`${levels}.1`]: -100, [`${names}.1`]: "magenta toner" }, table);
  const [only, ...rest] = got.supplies;
  assert.deepEqual([only!.kind, only!.colorant, only!.description], ["toner", "magenta", "magenta toner"]);
  assert.deepEqual([only!.level.kind, only!.level.percent], ["empty", 0]);
  assert.equal(rest.length, 0);
});

Deno.test("readSupplies() adds what the standard table does not list", () => {
  const got = supplies({}, { [`${levels}.3`]: 70, [`${names}.3`]: "Cyan Toner" }, table);
  assert.deepEqual(got.supplies.map(({ index, level }) => [index, level.percent]), [["private.3", 70]]);
});

const records: Profile = {
  ...plain,
  supplies: [{
    kind: "records",
    rule: "acme.records",
    oid: "1.3.9.8.0",
    layout: "id-type-length-value",
    models: /^Z/,
    fields: [
      { id: 0x41, kind: "drum", colorant: "none", description: "Drum", read: 0.01, minOctets: 2 },
      { id: 0xa1, kind: "ink", colorant: "black", description: "Black", read: "ratio" },
      { id: 0x82, kind: "fuser", colorant: "none", description: "Fuser", read: "pages" },
      { id: 0x6b, kind: "other", colorant: "none", description: "Laser", read: 1 },
      { id: 0x6c, kind: "other", colorant: "none", description: "Kit", read: 1 },
    ],
  }],
};
const recordCases: [name: string, hex: string, want: [string, string, number | null][]][] = [
  ["hundredths of a percent", "41010400001b58ff", [["record.41", "exact", 70]]],
  ["no level from a status code in one octet", "41010103ff", []],
  ["level and capacity in one octet each", "a101020414ff", [["record.a1", "exact", 20]]],
  ["pages that remain", "82010400001388ff", [["record.82", "some", null]]],
  ["no pages that remain as empty", "82010400000000ff", [["record.82", "empty", 0]]],
  ["two kits apart", "6b0101326c010114ff", [["record.6b", "exact", 50], ["record.6c", "exact", 20]]],
  ["more than all as unknown", "41010400007530ff", [["record.41", "unknown", null]]],
];
for (const [name, hex, want] of recordCases) {
  Deno.test(`readSupplies() reads from records ${name}`, () => {
    const got = supplies({}, { "1.3.9.8.0": Uint8Array.fromHex(hex) }, records).supplies;
    assert.deepEqual(got.map(({ index, level }) => [index, level.kind, level.percent]), want);
  });
}

Deno.test("readSupplies() leaves records of another product line alone", () => {
  const other: Profile = {
    ...records,
    supplies: records.supplies!.map((it) => ({ ...it, models: /^X/ })) as Profile["supplies"] & object,
  };
  assert.deepEqual(supplies({}, { "1.3.9.8.0": Uint8Array.fromHex("6b010132ff") }, other).supplies, []);
});

Deno.test("readSupplies() adds part number and serial by supply index, but no zeros", () => {
  const profile: Profile = {
    ...plain,
    supplies: [
      { kind: "detail", rule: "acme.part", field: "partNumber", column: "1.3.9.1" },
      { kind: "detail", rule: "acme.serial", field: "serial", column: "1.3.9.2" },
    ],
  };
  const got = supplies(
    { "1.4": { type: 3, name: "Black Toner" } },
    { "1.3.9.1.4.0": "AB12", "1.3.9.2.1.4": "0000" },
    profile,
  );
  assert.deepEqual([got.supplies[0]!.partNumber, got.supplies[0]!.serial], ["AB12", null]);
});

Deno.test("readSupplies() names nameless toners by their index in the private table", () => {
  const got = supplies(
    { "1.1": { type: 3, name: "", level: -3 }, "1.2": { type: 3, name: "", level: -3 } },
    { [`${levels}.1`]: 40, [`${names}.1`]: "Cartridge black", [`${levels}.2`]: 50, [`${names}.2`]: "Cartridge cyan" },
    table,
  ).supplies;
  assert.deepEqual(got.map(({ index, colorant, level }) => [index, colorant, level.percent]), [
    ["1.1", "black", 40],
    ["1.2", "cyan", 50],
  ]);
});

Deno.test("readSupplies() adds no private supply that may be a row without a colour", () => {
  const got = supplies(
    { "1.1": { type: 3, name: "44400001", level: -3 }, "1.2": { type: 3, name: "44400002", level: -3 } },
    { [`${levels}.7`]: 40, [`${names}.7`]: "Cyan Toner" },
    table,
  ).supplies;
  assert.deepEqual(got.map(({ index, level }) => [index, level.kind]), [["1.1", "some"], ["1.2", "some"]]);
});

const privateCodes: [name: string, value: TestValue, read: "percent" | "used", want: [string, number | null]][] = [
  ["−3 as some", -3, "percent", ["some", null]],
  ["−3 in 32 bits as some", 4294967293, "percent", ["some", null]],
  ["−2 as unknown", -2, "percent", ["unknown", null]],
  ["more than 100 as unknown", 255, "percent", ["unknown", null]],
  ["what was used", 30, "used", ["exact", 70]],
  ["more used than there is as unknown", 103, "used", ["unknown", null]],
  ["all used as empty", 100, "used", ["empty", 0]],
];
for (const [name, value, read, want] of privateCodes) {
  Deno.test(`readSupplies() reads from a private object ${name}`, () => {
    const supply = { kind: "fuser", colorant: "none", description: "Fuser" };
    const rule = { kind: "scalar", rule: "acme.fuser", oid: "1.3.9.7.0", supply, read } as const;
    const [fuser] = supplies({}, { "1.3.9.7.0": value }, { ...plain, supplies: [rule] }).supplies;
    assert.deepEqual([fuser!.level.kind, fuser!.level.percent], want);
  });
}

Deno.test("readSupplies() takes colours from order codes that differ in a letter", () => {
  const got = supplies({
    "1.1": { type: 3, name: "TK-5240C" },
    "1.2": { type: 3, name: "TK-5240K" },
    "1.3": { type: 4, name: "WT-5190" },
  });
  assert.deepEqual(got.supplies.map(({ colorant }) => colorant), ["cyan", "black", "none"]);
  const candidates = got.trace.find(({ field }) => field === "supplies.1.1.colorant")!.candidates;
  assert.equal(candidates.find(({ verdict }) => verdict === "won")!.rule, "derived.orderCode");
});

const mistyped: [name: string, type: number, description: string, want: string][] = [
  ["a drum typed as toner", 3, "Drum Cartridge", "drum"],
  ["a waste toner container typed as toner", 3, "Waste Toner Box", "wasteToner"],
  ["a developer typed as drum", 9, "Developer Unit", "developer"],
  ["ink typed as toner", 21, "black ink cartridge", "ink"],
  ["toner typed as ink", 6, "Black Toner", "toner"],
  ["a toner with a drum", 21, "Toner/Drum Cartridge", "tonerCartridge"],
  ["a drum of a toner printer", 9, "Toner Drum", "drum"],
  ["a roller typed as a transfer unit", 20, "Pickup Roller", "transferUnit"],
  ["a type that is a number beyond the standard", 99, "Widget", "unknown"],
  ["a toner whose language has one word for toner and ink", 3, "Mực đen", "toner"],
  ["a word for a type that is other", 1, "Fixiereinheit", "fuser"],
];
for (const [name, type, description, want] of mistyped) {
  Deno.test(`readSupplies() reads the kind of ${name}`, () => {
    assert.equal(supplies({ "1.1": { type, name: description } }).supplies[0]!.kind, want);
  });
}

const directions: [name: string, row: Row, want: [string, number | null]][] = [
  ["a receptacle as room left", { type: 4, class: 4, unit: 19, max: 100, level: 90 }, ["exact", 90]],
  ["a receptacle that is full", { type: 4, class: 4, unit: 19, max: 100, level: 0 }, ["empty", 0]],
  // Declared as consumed, the level is what is left of it, which is the room: the same number.
  ["waste that is declared as consumed", { type: 4, class: 3, unit: 19, max: 100, level: 90 }, ["exact", 90]],
  ["waste without a class", { type: 4, unit: 19, max: 100, level: 90 }, ["exact", 90]],
  ["waste with room and no number", { type: 4, class: 4, unit: 7, max: 3000, level: -3 }, ["some", null]],
];
for (const [name, row, want] of directions) {
  Deno.test(`readSupplies() reads ${name}`, () => {
    const { level } = supplies({ "1.1": { name: "Waste Toner", ...row } }).supplies[0]!;
    assert.deepEqual([level.kind, level.percent], want);
  });
}

Deno.test("readSupplies() reads rows that an agent numbers from 0", () => {
  const got = supplies(
    {
      "0.0": { type: 3, name: "Black Toner", max: 100, level: 5 },
      "0.1": { type: 9, name: "Drum", max: 100, level: 6 },
    },
    { [`${oids.prtGeneralSerialNumber} 1`]: "AB12345" },
  );
  assert.deepEqual(got.supplies.map(({ index, level }) => [index, level.percent]), [["0.0", 5], ["0.1", 6]]);
});

Deno.test("readSupplies() reads no rows of another printer behind the same box", () => {
  const got = supplies(
    { "2.1": { type: 3, name: "Black Toner", max: 100, level: 5 } },
    { [`${oids.prtGeneralSerialNumber} 1`]: "AB12345" },
  );
  assert.deepEqual(got.supplies, []);
});

Deno.test("readSupplies() keeps a colorant that is called like a method", () => {
  const got = supplies(
    { "1.1": { type: 3, colorant: 1, name: "T1" }, "1.2": { type: 3, colorant: 2, name: "constructor" } },
    { [`${oids.prtMarkerColorantValue} 1.1`]: "constructor", [`${oids.prtMarkerColorantValue} 1.2`]: "K" },
  );
  assert.deepEqual(got.supplies.map(({ colorant }) => colorant), ["constructor", "black"]);
});

const plainNames = "1.3.9.2", colourCodes = "1.3.9.4";
const bilingual: Profile = {
  ...plain,
  supplies: [{
    kind: "table",
    rule: "acme.toner",
    levels,
    names,
    plainNames,
    colorants: { column: colourCodes, codes: [[10, "cyan"], [13, "black"]] },
    read: "percent",
    codes: [{ value: -100, level: "empty" }],
  }],
};

/** A private table: name and level by row. */
function tableOf(rows: Record<string, [name: string, level: number]>, nameColumn = names): Record<string, TestValue> {
  return Object.fromEntries(
    Object.entries(rows).flatMap(([row, [name, level]]) => [
      [`${nameColumn}.${row}`, name],
      [`${levels}.${row}`, level],
    ]),
  );
}

const four: Record<string, [string, number]> = {
  1: ["Toner", 30],
  2: ["Toner", 20],
  3: ["Toner", 20],
  4: ["Toner", -100],
};

Deno.test("readSupplies() keeps rows of one private table apart, whatever they are called", () => {
  for (const name of ["Toner", "", "ผงหมึก", "Black Toner"]) {
    const rows = Object.fromEntries(
      Object.entries(four).map(([row, [, level]]) => [row, [name, level]]),
    ) as typeof four;
    const got = supplies({}, tableOf(rows), bilingual).supplies;
    assert.deepEqual(got.map(({ index, level }) => [index, level.percent]), [
      ["private.1", 30],
      ["private.2", 20],
      ["private.3", 20],
      ["private.4", 0],
    ]);
  }
});

const fourColours = (first: number): Record<string, Row> =>
  Object.fromEntries(
    ["Black", "Cyan", "Magenta", "Yellow"].map((colour, i) => [
      `1.${first + i}`,
      { type: 3, name: `${colour} Toner`, max: -2, level: -3 },
    ]),
  );

const matchings: [name: string, standard: Record<string, Row>, rows: typeof four, want: [string, number | null][]][] = [
  ["by their index", fourColours(1), four, [["black", 30], ["cyan", 20], ["magenta", 20], ["yellow", 0]]],
  [
    "by their order where they are numbered differently",
    {
      "1.1": { type: 4, name: "Waste Toner", max: -2, level: -3 },
      ...fourColours(2),
    },
    four,
    [["none", null], ["black", 30], ["cyan", 20], ["magenta", 20], ["yellow", 0]],
  ],
  ["not at all where there are fewer", fourColours(5), { 1: ["Toner", 30], 2: ["Toner", 20] }, [
    ["black", null],
    ["cyan", null],
    ["magenta", null],
    ["yellow", null],
  ]],
  ["by colour in any order", fourColours(1), {
    1: ["Yellow Toner", 10],
    2: ["Magenta Toner", 20],
    3: ["Cyan Toner", 30],
    4: ["Black Toner", 40],
  }, [["black", 40], ["cyan", 30], ["magenta", 20], ["yellow", 10]]],
  ["but never a colour to another", fourColours(1), { 2: ["Black Toner", 10], 9: ["Toner", 20] }, [
    ["black", 10],
    ["cyan", null],
    ["magenta", null],
    ["yellow", null],
  ]],
];
for (const [name, standard, rows, want] of matchings) {
  Deno.test(`readSupplies() matches private rows with standard ones ${name}`, () => {
    const got = supplies(standard, tableOf(rows), table).supplies;
    assert.deepEqual(got.map(({ colorant, level }) => [colorant, level.percent]), want);
  });
}

Deno.test("readSupplies() takes the colour from the column that is in no language, then from the English one", () => {
  const got = supplies({}, {
    ...tableOf({ 1: ["ผงหมึกสีดำ", 30], 2: ["ผงหมึกสีฟ้า", 20], 3: ["黄粉", 10] }),
    [`${colourCodes}.1`]: 13,
    [`${colourCodes}.2`]: 2,
    [`${plainNames}.1`]: "Toner",
    [`${plainNames}.2`]: "Cyan Toner",
    [`${plainNames}.3`]: "(null)",
  }, bilingual).supplies;
  assert.deepEqual(got.map(({ colorant, description }) => [colorant, description]), [
    ["black", "ผงหมึกสีดำ"],
    ["cyan", "ผงหมึกสีฟ้า"],
    ["yellow", "黄粉"],
  ]);
});

const receptacles: [name: string, row: Row, others: Record<string, Row>, want: string][] = [
  ["a collection unit typed as a cleaner", { type: 18, name: "Toner Collection Unit" }, {}, "wasteToner"],
  ["a nameless one", { type: 18, name: "" }, {}, "wasteToner"],
  ["an order code", { type: 18, name: "CE265A" }, {}, "wasteToner"],
  ["one that is called a cleaner", { type: 18, name: "Cleaning Unit" }, {}, "wasteToner"],
  ["one of type other", { type: 1, name: "Collection Box" }, {}, "wasteToner"],
  ["one without a type", { name: "" }, {}, "wasteToner"],
  ["an order code typed as toner", { type: 3, name: "CE265A", colorant: 0 }, {}, "wasteToner"],
  ["a nameless one typed as ink", { type: 5, name: "" }, {}, "wasteInk"],
  ["a nameless one of an ink printer", { type: 18, name: "" }, { "1.2": { type: 6, name: "Black" } }, "wasteInk"],
  ["a maintenance box", { type: 1, name: "Maintenance Box" }, {}, "wasteInk"],
  ["a box of punch waste", { type: 1, name: "Punch Waste Box" }, {}, "wastePaper"],
  ["waste ink", { type: 8, name: "" }, {}, "wasteInk"],
];
for (const [name, row, others, want] of receptacles) {
  Deno.test(`readSupplies() takes for no cleaner ${name}`, () => {
    assert.equal(supplies({ "1.1": { class: 4, ...row }, ...others }).supplies[0]!.kind, want);
  });
}

Deno.test("readSupplies() leaves a toner a toner whose class is wrong", () => {
  assert.equal(supplies({ "1.1": { class: 4, type: 3, name: "Black Toner" } }).supplies[0]!.kind, "toner");
  assert.equal(supplies({ "1.1": { class: 4, type: 3, name: "TK-0000", colorant: 1 } }).supplies[0]!.kind, "toner");
});

Deno.test("readSupplies() leaves a cleaner that is consumed a cleaner", () => {
  assert.equal(supplies({ "1.1": { class: 3, type: 18, name: "Web" } }).supplies[0]!.kind, "cleanerUnit");
  assert.equal(supplies({ "1.1": { type: 18, name: "Waste Toner Box" } }).supplies[0]!.kind, "wasteToner");
});

Deno.test("readSupplies() takes no placeholder for a description, a part number or a serial", () => {
  const profile: Profile = {
    ...plain,
    supplies: [
      { kind: "detail", rule: "acme.part", field: "partNumber", column: "1.3.9.1" },
      { kind: "detail", rule: "acme.serial", field: "serial", column: "1.3.9.2" },
    ],
  };
  for (const text of ["NULL", "(null)", "N/A", "unknown", "0000", "---"]) {
    const rows = { "1.1": { type: 3, name: text }, "1.2": { type: 3, name: "Toner;SN" + text + ", PN " + text } };
    const got = supplies(rows, { "1.3.9.1.1.0": text, "1.3.9.2.1.1": text }, profile).supplies;
    assert.deepEqual(got.map(({ partNumber, serial }) => [partNumber, serial]), [[null, null], [null, null]], text);
    assert.equal(got[0]!.description, "");
  }
});

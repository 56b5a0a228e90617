/** What a reading tells of the sources that it did not take. */
import assert from "node:assert/strict";
import { openInquiry } from "./inquiry.ts";
import { readMeters } from "./meters.ts";
import { oids } from "./printer_mib.ts";
import type { MeterRule, Profile, SupplyRule } from "./profile.ts";
import { storeOf, type TestValue } from "./store_of.ts";
import { readSupplies } from "./supplies.ts";
import type { Trace } from "./trace.ts";

type Row = [rule: string, value: number | null, why: string, rest?: Record<string, unknown>];

function rowOf(
  { rule, value, why, oid: _, ...rest }: { oid: string; rule: string; value: number | null; why: string },
): Row {
  return Object.keys(rest).length === 0 ? [rule, value, why] : [rule, value, why, rest];
}

const life = oids.prtMarkerLifeCount;
const scalar = (meter: string, oid: string, more: object = {}): MeterRule => ({
  kind: "scalar",
  meter,
  oid,
  rule: `acme.${oid}`,
  ...more,
});
const [a, b, c] = ["1.3.9.1.0", "1.3.9.2.0", "1.3.9.3.0"];

interface Case {
  name: string;
  rules: MeterRule[];
  objects: Record<string, TestValue>;
  meter?: string;
  problems?: { code: string; message: string; oid?: string }[];
  want: Row[];
}

const table: MeterRule = {
  kind: "labelled",
  rule: "acme.table",
  labels: "1.3.9.8",
  values: "1.3.9.9",
  names: [[/^a/, "total"]],
};

const cases: Case[] = [
  {
    name: "nothing where one object alone answered",
    rules: [scalar("total", a), scalar("total", b)],
    objects: { [a]: 1000 },
    want: [],
  },
  {
    name: "the standard count beside the device's own",
    rules: [scalar("total", a)],
    objects: { [a]: 1000, [`${life} 1.1`]: 1007 },
    want: [["rfc3805.lifeCount", 1007, "lowerPriority"]],
  },
  {
    name: "first what contradicts, then the order of the rules",
    rules: [scalar("total", a), scalar("total", b), scalar("total", c)],
    objects: { [a]: 1000, [b]: 1001, [c]: 986, [`${life} 1.1`]: 1279 },
    want: [["rfc3805.lifeCount", 1279, "lowerPriority"], [`acme.${b}`, 1001, "lowerPriority"], [
      `acme.${c}`,
      986,
      "lowerPriority",
    ]],
  },
  {
    name: "at most four",
    rules: [1, 2, 3, 4, 5, 6, 7].map((n) => scalar("total", `1.3.9.${n}.0`)),
    objects: Object.fromEntries([1, 2, 3, 4, 5, 6, 7].map((n) => [`1.3.9.${n}.0`, 1000 + n])),
    want: [2, 3, 4, 5].map((n): Row => [`acme.1.3.9.${n}.0`, 1000 + n, "lowerPriority"]),
  },
  {
    name: "what no device has counted, with the answer",
    rules: [scalar("total", a)],
    objects: { [a]: 2 ** 31 + 5, [`${life} 1.1`]: 1000 },
    want: [[`acme.${a}`, null, "implausible", { raw: 2 ** 31 + 5 }]],
  },
  {
    name: "a code and a text in place of a count, with the answer, and no text that is longer than 64 characters",
    rules: [scalar("total", a), scalar("total", b), scalar("total", c)],
    objects: { [a]: -2, [b]: "n/a", [c]: "x".repeat(65), [`${life} 1.1`]: 1000 },
    want: [
      [`acme.${a}`, null, "notACount", { raw: -2 }],
      [`acme.${b}`, null, "notACount", { raw: "n/a" }],
      [`acme.${c}`, null, "notACount"],
    ],
  },
  {
    name: "an overall counter that stays at 0",
    rules: [scalar("total", a)],
    objects: { [a]: 0, [`${life} 1.1`]: 1000 },
    want: [[`acme.${a}`, 0, "zero"]],
  },
  {
    name: "another unit",
    rules: [scalar("total", a)],
    objects: { [a]: 1000, [`${life} 1.1`]: 500, [`${oids.prtMarkerCounterUnit} 1.1`]: 8 },
    want: [["rfc3805.lifeCount", 500, "lowerPriority", { unit: "sheets" }]],
  },
  {
    name: "the sum of black and colour",
    rules: [scalar("total", a), scalar("mono", b), scalar("color", c)],
    objects: { [a]: 1000, [b]: 300, [c]: 400 },
    want: [["derived.monoPlusColor", 700, "lowerPriority"]],
  },
  {
    name: "a sum of which a part is missing",
    rules: [{ kind: "sum", meter: "total", rule: "acme.sum", oids: [a, b] }],
    objects: { [a]: 600, [`${life} 1.1`]: 1000 },
    want: [["acme.sum", null, "incomplete"]],
  },
  {
    name: "no part of the sum that was taken",
    rules: [{ kind: "sum", meter: "total", rule: "acme.sum", oids: [a, b] }, scalar("total", b)],
    objects: { [a]: 600, [b]: 400 },
    want: [],
  },
  {
    name: "a table of which a row is no count",
    rules: [table],
    objects: { "1.3.9.8.1": "a1", "1.3.9.9.1": 600, "1.3.9.8.2": "a2", "1.3.9.9.2": -2, [`${life} 1.1`]: 1000 },
    want: [["acme.table", null, "incomplete"]],
  },
  {
    name: "black and colour that stay at 0, where functions count them",
    rules: [
      scalar("total", a),
      scalar("mono", b),
      scalar("color", c),
      scalar("print.mono", "1.3.9.4.0"),
      scalar("print.color", "1.3.9.5.0"),
    ],
    objects: { [a]: 1000, [b]: 0, [c]: 0, "1.3.9.4.0": 600, "1.3.9.5.0": 400 },
    meter: "mono",
    want: [[`acme.${b}`, null, "idleColours", { raw: 0 }]],
  },
  {
    name: "the standard count where the device's own total may not have been read",
    rules: [scalar("total", a), scalar("total", b, { fallback: true })],
    objects: { [b]: 900, [`${life} 1.1`]: 1000 },
    problems: [{ code: "no-answer", message: "No answer comes", oid: a }],
    want: [["rfc3805.lifeCount", null, "totalNotRead", { raw: 1000 }]],
  },
  {
    name: "no record that does not tell of the meter",
    rules: [
      {
        kind: "records",
        rule: "acme.records",
        oid: a,
        layout: "id-type-length-value",
        fields: [{ id: 6, meter: "total" }],
      },
    ],
    objects: { [a]: "\x00\x01\x04\x00\x00\x00\x05", [`${life} 1.1`]: 1000 },
    want: [],
  },
];

for (const { name, rules, objects, meter = "total", problems = [], want } of cases) {
  Deno.test(`readMeters() keeps of the other sources ${name}`, () => {
    const profile: Profile = { id: "acme", maker: "Acme", recognise: {}, meters: rules };
    for (const trace of [null, [] as Trace]) {
      const found = readMeters(openInquiry(storeOf(objects), profile, [...problems], { trace }));
      const others = found.find(({ name }) => name === meter)?.others;
      assert.deepEqual((others ?? []).map(rowOf), want);
      assert.notEqual(others?.length, 0);
      for (const { oid, rule } of others ?? []) {
        const losers = trace?.find(({ field }) => field === `meters.${meter}`)?.candidates;
        if (trace !== null) assert(losers?.some((it) => it.oid === oid && it.rule === rule && it.verdict !== "won"));
      }
    }
  });
}

const columns = { capacity: oids.prtMarkerSuppliesMaxCapacity, level: oids.prtMarkerSuppliesLevel };
const toner = (level: number, capacity: number): Record<string, TestValue> => ({
  [`${oids.prtMarkerSuppliesType} 1.1`]: 3,
  [`${oids.prtMarkerSuppliesDescription} 1.1`]: "Black Toner",
  [`${columns.capacity} 1.1`]: capacity,
  [`${columns.level} 1.1`]: level,
});
const own: SupplyRule = {
  kind: "scalar",
  rule: "acme.black",
  oid: a,
  read: "percent",
  supply: { kind: "toner", colorant: "black", description: "Black Toner" },
};

const levels: { name: string; objects: Record<string, TestValue>; taken: [string, number | null]; want: Row[] }[] = [
  { name: "nothing where none is private", objects: toner(40, 100), taken: ["rfc3805", 40], want: [] },
  {
    name: "the private percentage beside a standard one",
    objects: { ...toner(40, 100), [a]: 75 },
    taken: ["rfc3805", 40],
    want: [["acme.black", 75, "lowerPriority"]],
  },
  {
    name: "the standard code where a private percentage was taken",
    objects: { ...toner(-3, -2), [a]: 75 },
    taken: ["acme.black", 75],
    want: [["rfc3805", null, "levelSome", { raw: -3 }]],
  },
  {
    name: "the private code beside a standard percentage",
    objects: { ...toner(40, 100), [a]: -3 },
    taken: ["rfc3805", 40],
    want: [["acme.black", null, "levelSome", { raw: -3 }]],
  },
];
for (const { name, objects, taken, want } of levels) {
  Deno.test(`readSupplies() keeps of the other levels ${name}`, () => {
    const profile: Profile = { id: "acme", maker: "Acme", recognise: {}, supplies: [own] };
    const [supply] = readSupplies(openInquiry(storeOf(objects), profile, []));
    assert.deepEqual([supply!.source.rule, supply!.level.percent], taken);
    assert.deepEqual((supply!.others ?? []).map(rowOf), want);
  });
}

Deno.test("readSupplies() keeps at most four other levels of one supply", () => {
  const rules = [1, 2, 3, 4, 5, 6].map((n) => ({ ...own, rule: `acme.${n}`, oid: `1.3.9.${n}.0` }));
  const objects = Object.fromEntries([1, 2, 3, 4, 5, 6].map((n) => [`1.3.9.${n}.0`, n]));
  const profile: Profile = { id: "acme", maker: "Acme", recognise: {}, supplies: rules };
  const [supply] = readSupplies(openInquiry(storeOf({ ...toner(40, 100), ...objects }), profile, []));
  assert.deepEqual(supply!.others?.map(({ value }) => value), [1, 2, 3, 4]);
});

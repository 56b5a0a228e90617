import assert from "node:assert/strict";
import type { Level, Meter, Reading, Supply } from "../../../common/reading/reading.ts";
import { Tag } from "../../../src/snmp/value.ts";
import { judge, sameModel, type Seen } from "./judge.ts";
import { type Fact, statedFacts, type Statement } from "./stated.ts";

const source = { oid: "1.3", rule: "test", raw: null };
const level = (kind: Level["kind"], percent: number | null, more: Partial<Level> = {}): Level => (
  { kind, percent, level: null, capacity: null, ...more }
);
const supply = (index: string, kind: string, colorant: string, left: Level): Supply => (
  { index, kind, colorant, description: "", partNumber: null, serial: null, level: left, source }
);

function seen(reading: Partial<Reading>, more: Partial<Seen> = {}): Seen {
  const empty = { manufacturer: null, model: null, serial: null, firmware: null, mac: null, meters: [], supplies: [] };
  const status = { state: "unknown", errors: [], panel: null } as const;
  const whole = { ...empty, trays: [], status: { ...status, errors: [] }, ...reading } as unknown as Reading;
  return { name: "acme-z", reading: whole, objects: [], model: "Z-1", convention: false, ...more };
}

const total: Meter = { name: "total", value: 12, unit: "impressions", source };
const supplyOid = "1.3.6.1.2.1.43.11.1.1.9.1.2";
const fact = (kind: Fact["kind"], value: string | number, more: Partial<Fact> = {}): Fact => (
  { kind, field: kind, value, ...more }
);
const black: Partial<Fact> = { supply: { kinds: ["toner"], colorant: "black" } };
const raw = (value: number): Partial<Seen> => (
  { convention: true, objects: [{ oid: supplyOid, tag: Tag.integer, value }] }
);

const cases: [name: string, seen: Seen, fact: Fact, want: string][] = [
  ["an equal serial", seen({ serial: "AB12" }), fact("serial", "AB12"), "right"],
  ["another serial", seen({ serial: "AB13" }), fact("serial", "AB12"), "wrong"],
  ["a serial that was not read", seen({}), fact("serial", "AB12"), "wrong"],
  ["any of several interfaces", seen({ mac: "02:0b" }), fact("mac", "02:0a", { others: ["02:0a", "02:0b"] }), "right"],
  ["an equal meter", seen({ meters: [total] }), fact("meter", 12, { field: "meter total" }), "right"],
  ["another meter", seen({ meters: [total] }), fact("meter", 13, { field: "meter total" }), "wrong"],
  ["a meter that was not read", seen({ meters: [total] }), fact("meter", 12, { field: "meter mono" }), "wrong"],
  [
    "a share that the source cuts off",
    seen({ supplies: [supply("1.1", "toner", "black", level("exact", 29, { level: 286, capacity: 1000 }))] }),
    fact("supply", 28, black),
    "right",
  ],
  [
    "a share that is another",
    seen({ supplies: [supply("1.1", "toner", "black", level("exact", 29, { level: 286, capacity: 1000 }))] }),
    fact("supply", 30, black),
    "wrong",
  ],
  [
    "a level of another colour",
    seen({
      supplies: [supply("1.1", "toner", "cyan", level("exact", 9)), supply("1.2", "toner", "none", level("exact", 9))],
    }),
    fact("supply", 9, black),
    "wrong",
  ],
  [
    "a peer's 50 % for −3",
    seen({ supplies: [supply("1.2", "toner", "none", level("some", null))] }, raw(-3)),
    fact("supply", 50, { oid: supplyOid }),
    "convention",
  ],
  [
    "−3 that was read as a percentage",
    seen({ supplies: [supply("1.2", "toner", "none", level("exact", 50))] }, raw(-3)),
    fact("supply", 50, { oid: supplyOid }),
    "wrong",
  ],
  [
    "a peer's 0 % for −1",
    seen({ supplies: [supply("1.2", "toner", "none", level("unlimited", null))] }, raw(-1)),
    fact("supply", 0, { oid: supplyOid }),
    "convention",
  ],
  [
    "unknown where a percentage is stated",
    seen({ supplies: [supply("1.2", "toner", "none", level("unknown", null))] }, raw(20)),
    fact("supply", 20, { oid: supplyOid }),
    "wrong",
  ],
  [
    "pages that remain",
    seen({ supplies: [supply("1.1", "toner", "black", level("some", null, { level: 70, unit: "impressions" }))] }),
    fact("supply", 70, { ...black, pages: true }),
    "right",
  ],
];
for (const [name, given, stated, want] of cases) {
  Deno.test(`judge() takes ${name} as ${want}`, () => assert.equal(judge(given, stated).verdict, want));
}

Deno.test("judge() takes an explained value as not recorded only where no recorded value holds it", () => {
  const stated = fact("model", "HL-L5100DN series");
  const name = "brother-hl-l5100dn";
  const text = { oid: "1.3.9", tag: Tag.octetString, value: new TextEncoder().encode("Brother HL-L5100DN") };
  assert.equal(judge(seen({}, { name }), stated).verdict, "notRecorded");
  assert.equal(judge(seen({}, { name, objects: [text] }), stated).verdict, "wrong");
});

Deno.test("judge() takes an explained level as rounded up to tens only where it is", () => {
  const stated = fact("supply", 80, { ...black, field: "supply toner" });
  const read = (percent: number) =>
    seen({ supplies: [supply("1.1", "toner", "black", level("exact", percent))] }, { name: "brother-mfc-b7715dw" });
  assert.equal(judge(read(76), stated).verdict, "convention");
  assert.equal(judge(read(69), stated).verdict, "wrong");
});

const models: [string, string | null, boolean][] = [
  ["HL-L5100DN series", "HL-L5100DN", true],
  ["HP Officejet X1 MFP", "Officejet X1 MFP", true],
  ["XC4240", "XC424", false],
  ["XC4240", null, false],
  ["series", "", false],
];
for (const [stated, read, want] of models) {
  Deno.test(`sameModel() compares "${stated}" with "${read}"`, () => assert.equal(sameModel(stated, read), want));
}

Deno.test("statedFacts() counts no placeholder, and names what a reading has no field for", () => {
  const statement: Statement = {
    serial: "serial_number",
    firmware: null,
    page_counters: { page_counter: 5, drum_counter: 7 },
    supplies_and_life: { black_toner_remaining: 72, black_toner: 80, drum_remaining_pages: 9, drum_status: 1 },
    supplies: [{ description: "waste toner bottle" }],
  };
  const { facts, outside } = statedFacts(statement);
  assert.deepEqual(facts.map(({ field, value, pages }) => [field, value, pages ?? false]), [
    ["meter total", 5, false],
    ["supply toner black", 72, false],
    ["supply toner black in tens", 80, false],
    ["supply drum", 9, true],
  ]);
  assert.deepEqual(outside, ["counter drum_counter", "status of drum", "status of waste toner bottle"]);
});

Deno.test("statedFacts() throws at a counter whose words it does not know", () => {
  assert.throws(() => statedFacts({ page_counters: { moonlight_counter: 1 } }), /Cannot name the counter/);
});

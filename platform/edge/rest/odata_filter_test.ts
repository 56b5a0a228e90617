import assert from "node:assert/strict";
import { entities } from "../../interfaces/entities.ts";
import { type Filter, filterSql, matches } from "../../interfaces/filter.ts";
import { parseFilter, parseOrder } from "./odata_filter.ts";
import { metadata } from "./odata_names.ts";
import { Problem } from "./problem.ts";

const parse = (text: string): Filter => parseFilter(text, entities.devices, (name) => name !== "silent");
const compare = (property: string, operator: string, value: unknown) => ({
  kind: "compare",
  property,
  operator,
  value,
});

const read: [text: string, want: unknown][] = [
  ["Serial eq 'A1'", compare("serial", "eq", "A1")],
  ["Serial eq 'O''Brien'", compare("serial", "eq", "O'Brien")],
  ["'A1' eq Serial", compare("serial", "eq", "A1")],
  ["5 lt TotalPages", compare("totalPages", "gt", 5)],
  ["TotalPages ge -1.5e3", compare("totalPages", "ge", -1500)],
  ["Serial ne null", compare("serial", "ne", null)],
  ["LastSeenAt gt 2026-03-02T08:00:00Z", compare("lastSeenAt", "gt", Date.parse("2026-03-02T08:00:00Z"))],
  ["LastSeenAt gt 2026-03-02T09:00:00.5+01:00", compare("lastSeenAt", "gt", Date.parse("2026-03-02T08:00:00.5Z"))],
  ["LastSeenAt le 2026-03-02", compare("lastSeenAt", "le", Date.parse("2026-03-02T00:00:00Z"))],
  ["contains(Model,'X')", { kind: "text", name: "contains", property: "model", value: "X" }],
  ["contains(Model,'X') eq false", {
    kind: "not",
    of: { kind: "text", name: "contains", property: "model", value: "X" },
  }],
  ["not (Serial eq 'a' or Serial eq 'b') and LowSupplies gt 0", {
    kind: "and",
    of: [
      { kind: "not", of: { kind: "or", of: [compare("serial", "eq", "a"), compare("serial", "eq", "b")] } },
      compare("lowSupplies", "gt", 0),
    ],
  }],
];
for (const [text, want] of read) {
  Deno.test(`parseFilter() reads ${text}`, () => assert.deepEqual(parse(text), want));
}

const refused: [text: string, status: number][] = [
  ["", 400],
  ["Serial", 400],
  ["Serial eq", 400],
  ["Serial eq 'a", 400],
  ["Serial eq 5", 400],
  ["TotalPages eq '5'", 400],
  ["TotalPages gt null", 400],
  ["Nonsense eq 1", 400],
  ["serial eq 'a'", 400],
  ["Serial eq 'a' and", 400],
  ["Serial eq 'a' Serial eq 'b'", 400],
  ["(Serial eq 'a'", 400],
  ["Serial eq 'a')", 400],
  ["Serial eq 'a\0'", 400],
  ["Serial eq 'a'; DROP TABLE devices", 400],
  ["LastSeenAt gt 2026-13-40", 400],
  ["TotalPages eq 1e999", 400],
  ["Silent eq true", 501],
  ["Serial eq Model", 501],
  ["tolower(Serial) eq 'a'", 501],
  ["substringof('a',Serial)", 501],
  ["contains('a',Serial)", 400],
  ["contains(TotalPages,'1')", 400],
  ["__proto__ eq 'a'", 400],
  ["constructor eq 'a'", 400],
  [`${"(".repeat(5000)}`, 400],
  [`${"(".repeat(500)}Serial eq 'a'${")".repeat(500)}`, 400],
  [`${"not ".repeat(500)}Serial eq 'a'`, 400],
  [Array.from({ length: 101 }, () => "Serial eq 'a'").join(" or "), 400],
  [`Serial eq '${"x".repeat(5000)}'`, 400],
];
for (const [text, status] of refused) {
  Deno.test(`parseFilter() refuses ${JSON.stringify(text.slice(0, 60))}`, () => {
    assert.throws(() => parse(text), (error) => error instanceof Problem && error.status === status);
  });
}

Deno.test("parseFilter() takes a moment for any text", () => {
  const texts = [
    "a".repeat(3999),
    "'".repeat(3999),
    " ".repeat(3999),
    "1".repeat(3999),
    "2026-01-01".repeat(399),
    "not ".repeat(999),
  ];
  const began = performance.now();
  for (const text of texts) assert.throws(() => parse(text), Problem);
  assert(performance.now() - began < 2000);
});

Deno.test("parseOrder() reads directions, and refuses what is none", () => {
  const order = (text: string) => parseOrder(text, entities.devices, (name) => name !== "silent");
  assert.deepEqual(order("Model desc, Serial"), [
    { property: "model", isDescending: true },
    { property: "serial", isDescending: false },
  ]);
  for (const text of ["", "Model up", "Nonsense", "Silent", "Model,Serial,Address,Site,Network,State", "Model;--"]) {
    assert.throws(() => order(text), Problem, text);
  }
});

Deno.test("filterSql() has no text of a filter in it", () => {
  const parameters = {},
    sql = filterSql(parse("Serial eq 'x; DROP' or contains(Model,'%_y')"), {
      engine: "sqlite",
      properties: Object.fromEntries(
        Object.entries(entities.devices.properties).map(([name, { type, sql }]) => [name, { type, sql: sql! }]),
      ),
      parameters,
    });
  assert.doesNotMatch(sql, /DROP|%_y/);
  assert.deepEqual(Object.values(parameters), ["x; DROP", "%_y"]);
});

Deno.test("matches() knows null as equal to itself alone", () => {
  const row = { serial: null, totalPages: 5 };
  assert(matches(parse("Serial eq null"), row) && !matches(parse("Serial ne null"), row));
  assert(matches(parse("Serial ne 'a'"), row) && !matches(parse("Serial gt 'a'"), row));
  assert(matches(parse("not contains(Serial,'a')"), row));
});

Deno.test("$metadata has every set with its key", () => {
  const xml = metadata();
  for (const { set, key } of Object.values(entities)) {
    assert.match(xml, new RegExp(`<EntitySet Name="${set}"`));
    assert(key.length > 0);
  }
  assert.match(xml, /<Property Name="LastSeenAt" Type="Edm.DateTimeOffset" Nullable="false" Precision="3"\/>/);
  // What programs are to do themselves, as they are told so.
  assert.match(xml, /FilterFunctions"><Collection><String>contains<.*<String>endswith<\/String><\/Collection>/);
  assert.match(xml, /Container\/Agents">.*NonFilterableProperties"><Collection><PropertyPath>Silent<\/PropertyPath>/);
  assert.equal(xml.match(/Expandable" Bool="false"/g)!.length, 5);
  const open: string[] = [];
  for (const [, end, name, empty] of xml.replace(/^<\?.*\?>/, "").matchAll(/<(\/?)([\w:]+)[^>]*?(\/?)>/g)) {
    if (end === "/") assert.equal(open.pop(), name);
    else if (empty === "") open.push(name!);
  }
  assert.deepEqual(open, []);
});

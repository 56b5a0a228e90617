import assert from "node:assert/strict";
import fc from "fast-check";
import stringWidth from "string-width";
import { ageText, type Cell, type Column, renderFacts, renderTable } from "./table.ts";

const columns: Column[] = [
  { heading: "DEVICE" },
  { heading: "SITE", optional: true },
  { heading: "MODEL", shrink: 8 },
  { heading: "TOTAL" },
  { heading: "NOTE", note: true },
];
const rows: Cell[][] = [
  ["dev-b2ee8dr2hnt4", "Head office", "Color LaserJet MFP M799", 184033, null],
  ["dev-0", "Berlin", "HL", null, "not answered since 2026-03-01 08:00; no meters: the device has none"],
];
const screen = (width: number) => ({ width, wide: false });

Deno.test("renderTable() leaves out, cuts and puts below what does not fit, and says what it left out", () => {
  assert.deepEqual(renderTable(columns, rows, screen(40)).split("\n"), [
    "DEVICE            MODEL            TOTAL",
    "dev-b2ee8dr2hnt4  Color LaserJe…  184033",
    "dev-0             HL                   -",
    "    not answered since 2026-03-01 08:00;",
    "    no meters: the device has none",
    "columns left out: SITE (--wide shows",
    "them)",
    "",
  ]);
});

Deno.test("renderTable() shows everything with --wide, and where there is no terminal", () => {
  const [, first, second] = renderTable(columns, rows, screen(Infinity)).split("\n");
  assert.equal(first, "dev-b2ee8dr2hnt4  Head office  Color LaserJet MFP M799  184033");
  assert.match(second!, /^dev-0 +Berlin +HL +- {2}not answered since .* the device has none$/);
  assert.equal(renderTable(columns, rows, { width: 40, wide: true }), renderTable(columns, rows, screen(Infinity)));
});

Deno.test("renderTable() has no column for notes where there is none", () => {
  assert.doesNotMatch(renderTable(columns, [rows[0]!], screen(200)), /NOTE/);
});

Deno.test("no line of renderTable() and renderFacts() is wider than the terminal, and no cell that was not cut is lost", () => {
  const cell = fc.oneof(fc.string({ unit: "grapheme", maxLength: 50 }), fc.constant(null), fc.nat());
  const row = fc.tuple(fc.constant("x"), cell, cell, cell, cell);
  fc.assert(fc.property(fc.array(row, { maxLength: 4 }), fc.integer({ min: 30, max: 120 }), (rows, width) => {
    const facts = rows.flatMap((cells) => cells.map((value, i): [string, Cell] => [columns[i]!.heading, value]));
    const text = renderTable(columns, rows, screen(width)) + renderFacts(facts, screen(width));
    for (const line of text.split("\n")) {
      assert.ok(stringWidth(line) <= width, `${stringWidth(line)} > ${width}: ${line}`);
    }
    for (const [, , , total] of rows) if (typeof total === "number") assert.ok(text.includes(String(total)));
  }));
});

const ages: [seconds: number, want: string][] = [[0, "0 s"], [119, "119 s"], [120, "2 min"], [7199, "120 min"], [
  7200,
  "2 h",
], [
  172_800,
  "2 d",
], [-60, "0 s"]];
for (const [seconds, want] of ages) {
  Deno.test(`ageText() of ${seconds} s is ${want}`, () => assert.equal(ageText(1e9, 1e9 + seconds * 1000), want));
}

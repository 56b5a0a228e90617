import assert from "node:assert/strict";
import { stripVTControlCharacters } from "node:util";
import fc from "fast-check";
import { assertGolden } from "../../tests/golden/golden.ts";
import * as sample from "../../tests/golden/sample_document.ts";
import { anyCharacter } from "../../tests/fixtures/any_character.ts";
import { renderTable } from "./table.ts";
import { cells } from "./terminal_line.ts";

const { documentOf, emptyDocument, exactly, hostileReading, hostileTexts, readingOf, sampleDocument, supplyOf } =
  sample;

for (const columns of [80, 100, 160]) {
  Deno.test(`renderTable() at ${columns} columns`, () => {
    assertGolden(`table_${columns}.txt`, renderTable(sampleDocument, { columns, color: false, unicode: true }));
    assertGolden(`table_${columns}_color.txt`, renderTable(sampleDocument, { columns, color: true, unicode: true }));
  });
}

Deno.test("renderTable() in ASCII, on a narrow terminal, and of nothing", () => {
  assertGolden("table_100_ascii.txt", renderTable(sampleDocument, { columns: 100, color: false, unicode: false }));
  assertGolden("table_40.txt", renderTable(sampleDocument, { columns: 40, color: false, unicode: true }));
  assertGolden("table_empty.txt", renderTable(emptyDocument, { columns: 100, color: false, unicode: true }));
});

Deno.test("renderTable() says the same with colour and without", () => {
  const plain = renderTable(sampleDocument, { columns: 100, color: false, unicode: true });
  const painted = renderTable(sampleDocument, { columns: 100, color: true, unicode: true });
  assert.notEqual(painted, plain);
  assert.equal(stripVTControlCharacters(painted), plain);
});

const hostileDocument = documentOf(hostileTexts.map(hostileReading), {
  others: hostileTexts.map((text) => ({ address: text, description: text, objectId: text })),
  problems: hostileTexts.slice(0, 9).map((text) => ({ code: text, message: text, address: text })),
});

Deno.test("renderTable() is never wider than the terminal, whatever devices say", () => {
  for (const document of [sampleDocument, hostileDocument, emptyDocument]) {
    for (const columns of [1, 20, 40, 63, 64, 79, 80, 100, 132, 300]) {
      for (const unicode of [true, false]) {
        const widest = Math.max(...renderTable(document, { columns, color: false, unicode }).split("\n").map(cells));
        assert.ok(widest <= columns, `${widest} cells at ${columns} columns`);
      }
    }
  }
});

Deno.test("renderTable() sends the terminal no control but line ends", () => {
  const shown = renderTable(hostileDocument, { columns: 100, color: false, unicode: true });
  assert.doesNotMatch(shown.replaceAll("\n", ""), /[\p{Cc}\p{Cf}\u2028\u2029]/u);
  assert.match(shown, /Low supplies/);
});

Deno.test("renderTable() gives one heading line to a printer, whatever its name holds", () => {
  fc.assert(fc.property(fc.string({ unit: anyCharacter }), (model) => {
    const document = documentOf([readingOf("10.0.0.1", { manufacturer: null, model })]);
    const lines = renderTable(document, { columns: 120, color: false, unicode: true }).split("\n");
    assert.equal(lines.filter((line) => line.includes("10.0.0.1")).length, 1);
    assert.equal(lines.length, 5);
  }));
});

Deno.test("renderTable() ends with a few lines that name what needs somebody among 500 printers", () => {
  const printers = Array.from({ length: 500 }, (_, index) =>
    readingOf(`10.0.${index >> 8}.${index & 255}`, {
      supplies: [supplyOf(1, "toner black", exactly(index === 321 ? 4 : 80))],
      status: { state: index === 77 ? "stopped" : "idle", errors: [], panel: null },
    }));
  const lines = renderTable(documentOf(printers), { columns: 120, color: false, unicode: true }).trimEnd().split("\n");
  const end = lines.slice(-4).join("\n");
  assert.match(end, /✖ Stopped or in error: 10\.0\.0\.77\n▼ Low supplies: 10\.0\.1\.65 K 4%▼▼\n/);
  assert.equal(lines.length, 1 + 500 * 2 + 1 + 4);
});

Deno.test("renderTable() shows no level as a number that is not known", () => {
  const supplies = [sample.unknownLevel, sample.someLevel, sample.unlimitedLevel].map((level, index) =>
    supplyOf(index, "toner black", level)
  );
  const shown = renderTable(documentOf([readingOf("10.0.0.1", { supplies })]), {
    columns: 100,
    color: false,
    unicode: true,
  });
  assert.doesNotMatch(shown, /%/);
  assert.match(shown, /\?.*some.*∞/);
  assert.match(shown, / 0 low/);
});

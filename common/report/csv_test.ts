import assert from "node:assert/strict";
import { assertGolden } from "../../tests/golden/golden.ts";
import * as sample from "../../tests/golden/sample_document.ts";
import { csvColumns, renderCsv } from "./csv.ts";

const { documentOf, exactly, hostileReading, hostileTexts, readingOf, sampleDocument, supplyOf } = sample;

/** Cells of a CSV by RFC 4180, row by row. */
function parseCsv(csv: string): string[][] {
  return csv.split("\r\n").slice(0, -1).map((line) =>
    [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))/g)].map((cell) =>
      cell[1]?.replaceAll('""', '"') ?? cell[2]!
    )
  );
}

function cellOf(column: string, changes: Parameters<typeof readingOf>[1]): string {
  const rows = parseCsv(renderCsv(documentOf([readingOf("10.0.0.1", changes)])));
  return rows[1]![csvColumns.findIndex(({ name }) => name === column)]!;
}

Deno.test("renderCsv() of the sample", () => assertGolden("scan.csv", renderCsv(sampleDocument)));

Deno.test("renderCsv() starts with its heading, or with a byte order mark where it is asked for", () => {
  assert.ok(renderCsv(documentOf([])).startsWith("address,hostname,"));
  assert.ok(renderCsv(documentOf([]), { bom: true }).startsWith("\ufeffaddress,"));
});

const levels = [
  { name: "percent as a number", levels: [exactly(41.6)], want: "42" },
  { name: "the lowest of two", levels: [exactly(80), exactly(7)], want: "7" },
  { name: "nothing left", levels: [sample.emptyLevel], want: "0" },
  { name: "some", levels: [sample.someLevel], want: "some" },
  { name: "unknown", levels: [sample.unknownLevel], want: "unknown" },
  { name: "unlimited", levels: [sample.unlimitedLevel], want: "unlimited" },
  { name: "a number before what is not known", levels: [sample.unknownLevel, exactly(30)], want: "30" },
  { name: "no such supply", levels: [], want: "" },
];
for (const { name, levels: given, want } of levels) {
  Deno.test(`renderCsv() level: ${name}`, () => {
    const supplies = given.map((level, index) => supplyOf(index, "toner cyan", level));
    assert.equal(cellOf("cyan", { supplies }), want);
  });
}

Deno.test("renderCsv() keeps drum, waste and toner apart", () => {
  const supplies = [
    supplyOf(1, "drum black", exactly(11)),
    supplyOf(2, "wasteToner none", exactly(22)),
    supplyOf(3, "toner black", exactly(33)),
  ];
  const row = ["black", "drum", "waste"].map((column) => cellOf(column, { supplies }));
  assert.deepEqual(row, ["33", "11", "22"]);
});

Deno.test("renderCsv() names the supplies that have no column", () => {
  const supplies = [
    supplyOf(1, "other none", exactly(11), { description: "Tray 1 Roller" }),
    supplyOf(2, "fuser none", sample.someLevel),
    supplyOf(3, "toner photoBlack", exactly(33)),
    supplyOf(4, "toner black", exactly(44)),
  ];
  assert.equal(cellOf("parts", { supplies }), "photo black toner: 33; Tray 1 Roller: 11; fuser: some");
});

for (const start of ["=", "+", "-", "@", "\t=", "\r=", " =", "\0=", "\u202e=", "＝"]) {
  Deno.test(`renderCsv() defuses a formula that starts with ${JSON.stringify(start)}`, () => {
    assert.match(cellOf("model", { model: `${start}cmd|' /C calc'!A0` }), /^'/);
  });
}

Deno.test("renderCsv() leaves numbers as numbers", () => {
  const source = { oid: "1.3", rule: "test", raw: 1 };
  assert.equal(
    cellOf("total", { meters: [{ name: "total", value: 1234567, unit: "impressions", source }] }),
    "1234567",
  );
});

Deno.test("renderCsv() gives a printer one row and no control character, whatever it says", () => {
  const csv = renderCsv(documentOf(hostileTexts.map(hostileReading)));
  const rows = parseCsv(csv);
  assert.equal(rows.length, hostileTexts.length + 1);
  for (const row of rows) assert.equal(row.length, rows[0]!.length);
  assert.doesNotMatch(csv.replaceAll("\r\n", ""), /[\p{Cc}\p{Cf}\u2028\u2029]/u);
});

Deno.test("renderCsv() has a column for every supply of the fleet, whatever the order of the printers", () => {
  const a = readingOf("10.0.0.1", {
    supplies: [
      supplyOf(1, "toner yellow", exactly(9)),
      supplyOf(2, "toner black", exactly(8)),
      supplyOf(3, "toner black", exactly(7)),
      supplyOf(4, "fuser none", sample.someLevel),
    ],
  });
  const b = readingOf("10.0.0.2", {
    supplies: [supplyOf(1, "ink photoBlack", exactly(0)), supplyOf(2, "toner black", exactly(6))],
  });
  const own = ["fuser", "ink.photoBlack", "toner.black", "toner.black.2", "toner.yellow"].map((it) =>
    `supply.${it}.percent`
  );
  for (const printers of [[a, b], [b, a]]) {
    const [headings, ...rows] = parseCsv(renderCsv(documentOf(printers)));
    assert.deepEqual(headings!.slice(csvColumns.length), own);
    const rowOf = (address: string) => rows.find(([it]) => it === address)!.slice(csvColumns.length);
    assert.deepEqual(rowOf("10.0.0.1"), ["some", "", "8", "7", "9"]);
    assert.deepEqual(rowOf("10.0.0.2"), ["", "0", "6", "", ""]);
  }
});

Deno.test("renderCsv() has no more columns than a spreadsheet, however devices name their supplies", () => {
  const supplies = Array.from(
    { length: 20_000 },
    (_, at) => supplyOf(at, "other none", exactly(5), { description: `part ${at}` }),
  );
  const [headings] = parseCsv(renderCsv(documentOf([readingOf("10.0.0.1", { supplies })])));
  assert.equal(headings!.length, csvColumns.length + 300);
});

for (const rows of ["supplies", "meters", "alerts"] as const) {
  Deno.test(`renderCsv() with a row for each of the ${rows}`, () => {
    assertGolden(`scan_${rows}.csv`, renderCsv(sampleDocument, { rows }));
  });
}

import assert from "node:assert/strict";
import type { CsvCell } from "../../../common/report/csv_text.ts";
import { csvCells } from "./csv_cells.ts";

const cases: [name: string, rows: object[], want: CsvCell[][]][] = [
  ["no rows", [], []],
  ["a row", [{ a: 1, b: "x", c: true }], [["a", "b", "c"], [1, "x", "true"]]],
  ["keys of all rows", [{ a: 1 }, { b: 2 }], [["a", "b"], [1, null], [null, 2]]],
  ["null and objects", [{ a: null, b: { c: 1 } }], [["a", "b"], [null, '{"c":1}']]],
];
for (const [name, rows, want] of cases) {
  Deno.test(`csvCells() takes ${name}`, () => assert.deepEqual(csvCells(rows), want));
}

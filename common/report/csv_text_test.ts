import assert from "node:assert/strict";
import { type CsvCell, csvText } from "./csv_text.ts";

const cases: [name: string, row: CsvCell[], want: string][] = [
  ["null and numbers", [null, 1, -1.5, 0], ",1,-1.5,0\r\n"],
  ["commas, quotes and lines", ['x,"y"\nz'], '"x,""y""\nz"\r\n'],
  ["what a spreadsheet would calculate", ["=1+1", "+1", "-5", "@x", "\tx", "a=b"], `'=1+1,'+1,'-5,'@x,'\tx,a=b\r\n`],
];
for (const [name, row, want] of cases) {
  Deno.test(`csvText() writes ${name}`, () => assert.equal(csvText([row]), want));
}
Deno.test("csvText() of no rows is empty, and begins with a byte order mark where that is wanted", () => {
  assert.deepEqual([csvText([]), csvText([["a"]], { bom: true })], ["", "\ufeffa\r\n"]);
});

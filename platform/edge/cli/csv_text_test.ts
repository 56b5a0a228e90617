import assert from "node:assert/strict";
import { csvText } from "./csv_text.ts";

const cases: [name: string, rows: object[], want: string][] = [
  ["no rows", [], "\r\n"],
  ["a row", [{ a: 1, b: "x" }], "a,b\r\n1,x\r\n"],
  ["keys of all rows", [{ a: 1 }, { b: 2 }], "a,b\r\n1,\r\n,2\r\n"],
  ["null and objects", [{ a: null, b: { c: 1 } }], 'a,b\r\n,"{""c"":1}"\r\n'],
  ["commas, quotes and lines", [{ a: 'x,"y"\nz' }], 'a\r\n"x,""y""\nz"\r\n'],
  ["what a spreadsheet would calculate", [{ a: "=1+1", b: "-5", c: "@x" }], "a,b,c\r\n'=1+1,-5,'@x\r\n"],
];
for (const [name, rows, want] of cases) {
  Deno.test(`csvText() writes ${name}`, () => assert.equal(csvText(rows), want));
}

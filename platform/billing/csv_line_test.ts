import assert from "node:assert/strict";
import { csvLine, harmless } from "./csv_line.ts";

const comma = { field: ",", decimal: "." }, semicolon = { field: ";", decimal: "," };

Deno.test("no text is a formula, whichever separator a spreadsheet is told", () => {
  const bad = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    " =1",
    "＝1",
    "＋1",
    "－1",
    "＠a",
    "\n=cmd|' /C calc'!A0",
  ];
  for (const text of [...bad, ...bad.map((each) => `a,${each}`), ...bad.map((each) => `a;${each}`)]) {
    for (const separators of [comma, semicolon, { field: "\t", decimal: "." }]) {
      const line = csvLine(["x", text, 7], separators);
      for (const cell of line.trimEnd().split(/[,;|\t]/)) {
        assert.doesNotMatch(cell.replaceAll('"', "").trimStart(), /^[=+\-@＝＋－＠]/, JSON.stringify([text, line]));
      }
      assert.equal(line.indexOf("\r\n"), line.length - 2);
    }
  }
  assert.equal(harmless("LX-100 a-b"), "LX-100 a-b");
});

Deno.test("numbers stay numbers, with the decimal separator", () => {
  assert.equal(csvLine([-5, 1.5, null, "a"], semicolon), "-5;1,5;;a\r\n");
  assert.equal(csvLine(['say "a"', "b,c", "d;e"], semicolon), '"say ""a""";"b,c";"d;e"\r\n');
});

Deno.test("invisible characters are shown", () => {
  assert.equal(csvLine(["a\u202eb\u0000"], comma), "a\\u202eb\\u0000\r\n");
});

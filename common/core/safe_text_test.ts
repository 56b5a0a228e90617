import assert from "node:assert/strict";
import fc from "fast-check";
import { anyCharacter } from "../../tests/fixtures/any_character.ts";
import { safeText, visibleText } from "./safe_text.ts";

const esc = "\u001b";

const cases = [
  { name: "plain text", text: "HP LaserJet 4250", want: "HP LaserJet 4250" },
  { name: "other scripts", text: "奔图 打印机 Замятие Ångström", want: "奔图 打印机 Замятие Ångström" },
  { name: "a title sequence ended by BEL", text: `${esc}]0;pwned\u0007LaserJet`, want: "LaserJet" },
  { name: "a link ended by ST", text: `${esc}]8;;http://x${esc}\\click${esc}]8;;${esc}\\`, want: "click" },
  { name: "colours and clearing", text: `${esc}[2J${esc}[1;31mred${esc}[0m`, want: "red" },
  { name: "an 8-bit CSI", text: "\u009b2Jtext", want: "text" },
  { name: "an 8-bit OSC", text: "\u009d0;pwned\u009ctext", want: "text" },
  { name: "a device control string", text: `${esc}P1$r${esc}\\text`, want: "text" },
  { name: "a reset", text: `${esc}ctext`, want: "text" },
  { name: "a charset change", text: `${esc}(0text`, want: "text" },
  { name: "an unended title without hiding the rest", text: `${esc}]0;LaserJet`, want: "0;LaserJet" },
  { name: "an ESC at the end", text: `text${esc}`, want: "text" },
  { name: "sequences that a removal puts together", text: `${esc}${esc}[31m[31mred`, want: "31mred" },
  { name: "bidirectional overrides", text: "\u202Egnp.exe\u2066a\u2069", want: "gnp.exea" },
  { name: "zero-width characters", text: "a\u200Db\u200Cc\u200Bd\uFEFFe\u00ADf\u2060g", want: "abcdefg" },
  { name: "tag characters and fillers", text: "a\u{E0041}\u3164b", want: "ab" },
  { name: "line ends as spaces", text: "one\r\ntwo\u2028three\u0085four\tfive", want: "one two three four five" },
  { name: "NUL and DEL", text: "a\0b\u007fc", want: "abc" },
  { name: "spaces around", text: "  a \u00a0\u3000 b  ", want: "a b" },
  { name: "piles of marks", text: `Z${"\u0300".repeat(50)}a`, want: `Z${"\u0300".repeat(4)}a` },
  { name: "lone surrogates", text: "a\ud800b", want: "a\ufffdb" },
];
for (const { name, text, want } of cases) {
  Deno.test(`safeText() shows ${name}`, () => assert.equal(safeText(text), want));
}

for (const [length, want] of [[9, "x".repeat(9)], [10, "x".repeat(10)], [11, `${"x".repeat(9)}…`]] as const) {
  Deno.test(`safeText() of ${length} units with a limit of 10`, () =>
    assert.equal(safeText("x".repeat(length), 10), want));
}

Deno.test("safeText() does not cut a character in two", () => assert.equal(safeText("a😀b😀c", 3), "a…"));

Deno.test("safeText() says that it left something out of a text that is mostly controls", () => {
  assert.equal(safeText("\0".repeat(100) + "hidden", 10), "…");
});

Deno.test("visibleText() keeps the spaces between pieces", () => assert.equal(visibleText(": "), ": "));

const hazard = fc.constantFrom(
  esc,
  "[",
  "]",
  "0",
  ";",
  "\u0007",
  "\\",
  "m",
  "P",
  "\u009b",
  "\u202e",
  "\u200d",
  "\n",
  "a",
);

Deno.test("safeText() leaves nothing that a terminal interprets, and is as long as allowed", () => {
  fc.assert(fc.property(fc.array(fc.oneof(hazard, fc.string({ unit: anyCharacter })), { maxLength: 40 }), (parts) => {
    const safe = safeText(parts.join(""), 20);
    assert.doesNotMatch(safe, /[\p{Cc}\p{Cf}\p{Cs}\p{Default_Ignorable_Code_Point}\u2028\u2029]/u);
    assert.ok(safe.length <= 20);
    assert.equal(safe, safe.trim());
  }));
});

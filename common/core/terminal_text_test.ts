import assert from "node:assert/strict";
import fc from "fast-check";
import stringWidth from "string-width";
import { cutCell, hanging, wrapped } from "./terminal_text.ts";

Deno.test("wrapped() breaks between items, then words, then anywhere", () => {
  assert.deepEqual(wrapped(["a".repeat(12), "b".repeat(12)], 20), ["a".repeat(12), "b".repeat(12)]);
  assert.deepEqual(wrapped(["one two three four five six"], 20), ["one two three four", "five six"]);
  assert.deepEqual(wrapped(["x".repeat(45)], 20), ["x".repeat(20), "x".repeat(20), "x".repeat(5)]);
});

Deno.test("hanging() keeps the columns of the first line and indents the others", () => {
  const text = "     4  config      Sent status with the effective configuration  1719 bytes";
  assert.equal(hanging(text, { indent: 8, width: 80 }), text);
  assert.equal(
    hanging(text, { indent: 8, width: 40 }),
    "     4  config      Sent status with the\n        effective configuration  1719\n        bytes",
  );
  assert.equal(hanging("a b", { indent: 2, width: Infinity }), "a b");
});

Deno.test("no line of hanging() and cutCell() is wider than it may, and hanging() loses no word", () => {
  const word = fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }).map((text) => text.replace(/\s/gu, "-"));
  fc.assert(fc.property(fc.array(word, { maxLength: 12 }), fc.integer({ min: 40, max: 120 }), (words, width) => {
    const text = words.join(" ");
    const shown = hanging(text, { indent: 8, width });
    for (const line of shown.split("\n")) assert.ok(stringWidth(line) <= width, `${stringWidth(line)} > ${width}`);
    assert.equal(shown.replace(/\s+/gu, ""), text.replace(/\s+/gu, ""));
    assert.ok(stringWidth(cutCell(text, width)) <= width);
  }));
});

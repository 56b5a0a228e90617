import assert from "node:assert/strict";
import fc from "fast-check";
import { cells, cut, flow, padLeft, padRight, renderLine } from "./terminal_line.ts";

const cuts = [
  { text: "abc", limit: 3, want: "abc" },
  { text: "abcd", limit: 3, want: "ab…" },
  { text: "a bcd", limit: 3, want: "a…" },
  { text: "打印机", limit: 6, want: "打印机" },
  { text: "打印机", limit: 5, want: "打印…" },
  { text: "打印机", limit: 4, want: "打…" },
  { text: "打", limit: 1, want: "…" },
  { text: "abc", limit: 0, want: "" },
  { text: "e\u0301e\u0301e\u0301", limit: 2, want: "e\u0301…" },
];
for (const { text, limit, want } of cuts) {
  Deno.test(`cut() of "${text}" to ${limit} cells`, () => assert.equal(cut(text, limit), want));
}

Deno.test("cut() without Unicode marks the place in ASCII", () => assert.equal(cut("abcd", 3, false), "ab~"));

Deno.test("padRight() and padLeft() fill to exactly the width", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), fc.integer({ min: 0, max: 30 }), (text, width) => {
    assert.equal(cells(padRight(text, width)), width);
    assert.equal(cells(padLeft(text, width)), width);
  }));
});

Deno.test("renderLine() cuts across spans and leaves no spaces at the end", () => {
  const options = { columns: 5, color: false, unicode: true };
  assert.equal(renderLine([{ text: "abc" }, { text: "defg" }, { text: "h" }], options), "abcd…");
  assert.equal(renderLine([{ text: "ab  " }, { text: "   " }], options), "ab");
  assert.equal(renderLine([], options), "");
});

Deno.test("renderLine() paints only with color", () => {
  const spans = [{ text: "bad", style: "bad" as const }, { text: " plain" }];
  assert.equal(renderLine(spans, { columns: 20, color: false, unicode: true }), "bad plain");
  assert.equal(renderLine(spans, { columns: 20, color: true, unicode: true }), "\u001b[1;31mbad\u001b[0m plain");
});

Deno.test("flow() starts a line when the next item does not fit", () => {
  const items = ["aaa", "bbb", "cc"].map((text) => [{ text }]);
  const lines = (width: number) => flow(items, { width, gap: 1 }).map((line) => line.map((span) => span.text).join(""));
  assert.deepEqual(lines(10), ["aaa bbb cc"]);
  assert.deepEqual(lines(9), ["aaa bbb", "cc"]);
  assert.deepEqual(lines(6), ["aaa", "bbb cc"]);
  assert.deepEqual(lines(1), ["aaa", "bbb", "cc"]);
});

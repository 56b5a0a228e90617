import assert from "node:assert/strict";
import fc from "fast-check";
import { anyCharacter } from "../../tests/fixtures/any_character.ts";
import { type Insertion, markup } from "./markup.ts";

Deno.test("markup() escapes what is inserted and keeps what is written", () => {
  const text = `<b onclick="x('&')">`;
  assert.equal(
    markup`<p title="${text}">${text}</p>`.toString(),
    [
      '<p title="&lt;b onclick=&quot;x(&#39;&amp;&#39;)&quot;&gt;">',
      "&lt;b onclick=&quot;x(&#39;&amp;&#39;)&quot;&gt;</p>",
    ].join(""),
  );
});

Deno.test("markup() nests, lists, counts and leaves out", () => {
  const items = ["a", "b&"].map((text) => markup`<li>${text}</li>`);
  assert.equal(markup`<ul>${items}</ul>${undefined}${false}${0}`.toString(), "<ul><li>a</li><li>b&amp;</li></ul>0");
});

Deno.test("markup() takes nothing but its own markup for markup", () => {
  const forged = { toString: () => "<script>" } as unknown as Insertion;
  assert.throws(() => markup`${forged}`);
});

Deno.test("markup() lets no text end an element or an attribute", () => {
  fc.assert(fc.property(fc.string({ unit: anyCharacter }), (text) => {
    assert.doesNotMatch(markup`${text}`.toString(), /[<>"']|&(?!(amp|lt|gt|quot|#39);)/);
  }));
});

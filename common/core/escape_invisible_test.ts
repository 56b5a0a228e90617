import assert from "node:assert/strict";
import { escapeInvisible, markInvisible } from "./escape_invisible.ts";

const hostile = [
  "\u202e",
  "\u202a",
  "\u2066",
  "\u2069",
  "\u200e",
  "\u200f",
  "\u061c",
  "\u200b",
  "\u2060",
  "\ufeff",
  "\u00ad",
  "\u0085",
  "\u009b",
  "\u007f",
  "\u2028",
  "\u2029",
  "\u{e0041}",
  "\u{e0100}",
  "\ufe0f",
  "\u115f",
  "\u3164",
  "\u{1d173}",
]; // deno-fmt-ignore

for (const character of hostile) {
  const name = `U+${character.codePointAt(0)!.toString(16)}`;
  Deno.test(`escapeInvisible() of ${name} leaves what the JSON says, and nothing that does not show`, () => {
    const value = { [`k${character}`]: `a${character}b` };
    const text = escapeInvisible(JSON.stringify(value, null, 2));
    assert.ok(!text.includes(character));
    assert.deepEqual(JSON.parse(text), value);
  });
}

Deno.test("escapeInvisible() shows a right-to-left override as its escape, and leaves wide text alone", () => {
  assert.equal(escapeInvisible(JSON.stringify({ n: "\u202egnp" })), '{"n":"\\u202egnp"}');
  assert.equal(escapeInvisible('"プリンター 3階 – é"\n'), '"プリンター 3階 – é"\n');
});

Deno.test("markInvisible() shows where something does not show, once for a run", () => {
  assert.equal(markInvisible("A\u202eBC\u{e0041}\u{e0042}D"), "A�BC�D");
  assert.equal(markInvisible("می\u200cخواهم"), "می\u200cخواهم");
});

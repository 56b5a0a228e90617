import assert from "node:assert/strict";
import { maybeNearestWord } from "./nearest_word.ts";

const known = ["sha1", "sha224", "sha256", "community", "versions"];
const cases: [word: string, want: string | undefined][] = [
  ["sha256", "sha256"],
  ["sha265", "sha256"],
  ["SHA-256", "sha256"],
  ["comunity", "community"],
  ["version", "versions"],
  ["comuntiy", "community"],
  ["comunti", undefined],
  ["xy", undefined],
  ["", undefined],
];
for (const [word, want] of cases) {
  Deno.test(`maybeNearestWord() of "${word}" is ${want}`, () => assert.equal(maybeNearestWord(word, known), want));
}

import assert from "node:assert/strict";
import { parserSentence, parserSuggestion } from "./parser_message.ts";

const cases: [said: string, sentence: string][] = [
  [
    "error: too many arguments for 'status'. Expected 0 arguments but got 1.",
    "too many arguments for 'status': expected 0 arguments but got 1",
  ],
  [
    "error: option '-p' argument 'x' is invalid. It must be a number.",
    "option '-p' argument 'x' is invalid: it must be a number",
  ],
  [
    "error: argument 'a. B' is invalid. Allowed choices are x, y.",
    "argument 'a. B' is invalid: allowed choices are x, y",
  ],
  ["error: unknown command 'scna'\n(Did you mean scan?)", "unknown command 'scna'"],
];
for (const [said, sentence] of cases) {
  Deno.test(`parserSentence() makes "${sentence}"`, () => assert.equal(parserSentence(said), sentence));
}

Deno.test("parserSuggestion() finds the word, where there is one", () => {
  assert.equal(parserSuggestion("error: unknown option '--comunity'\n(Did you mean --community?)"), "--community");
  assert.equal(parserSuggestion("error: unknown option '--zzz'"), undefined);
});

import assert from "node:assert/strict";
import { type ColorChoice, hasColor } from "./color.ts";

const cases: [ColorChoice | undefined, isTerminal: boolean, Record<string, string>, boolean][] = [
  [undefined, true, {}, true],
  [undefined, false, {}, false],
  ["auto", true, { TERM: "dumb" }, false],
  ["auto", true, { TERM: "xterm" }, true],
  ["auto", true, { NO_COLOR: "1" }, false],
  ["auto", true, { NO_COLOR: "0" }, false],
  ["auto", true, { NO_COLOR: "" }, true],
  ["auto", false, { CLICOLOR_FORCE: "1" }, true],
  ["auto", false, { CLICOLOR_FORCE: "0" }, false],
  ["auto", false, { CLICOLOR_FORCE: "" }, false],
  ["auto", true, { CLICOLOR_FORCE: "0" }, true],
  ["auto", true, { CLICOLOR_FORCE: "1", TERM: "dumb" }, true],
  ["auto", true, { CLICOLOR_FORCE: "1", NO_COLOR: "1" }, false],
  ["always", false, { NO_COLOR: "1", TERM: "dumb" }, true],
  ["never", true, { CLICOLOR_FORCE: "1" }, false],
];
for (const [choice, isTerminal, env, wanted] of cases) {
  const where = isTerminal ? "on a terminal" : "in a pipe";
  Deno.test(`hasColor() of ${choice} ${where} with ${JSON.stringify(env)} is ${wanted}`, () => {
    assert.equal(hasColor({ choice, isTerminal, env: (name) => env[name] }), wanted);
  });
}

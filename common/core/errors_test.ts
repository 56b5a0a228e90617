import assert from "node:assert/strict";
import { adviceOf, messageOf, NotPermittedError, UnavailableError } from "./errors.ts";

const cases: [thrown: unknown, message: string][] = [
  [new Error("No such file or directory (os error 2): readfile '/a b/c.yaml'"), "No such file or directory"],
  [new Error("Permission denied (os error 13): rename 'a' -> 'b'"), "Permission denied"],
  [new Error("No space left on device (os error 28)"), "No space left on device"],
  [new Error("Cannot open (os error 2) twice"), "Cannot open (os error 2) twice"],
  ["a word", "a word"],
];
for (const [thrown, message] of cases) {
  Deno.test(`messageOf() says "${message}"`, () => assert.equal(messageOf(thrown), message));
}

for (
  const failure of [new NotPermittedError("Cannot ping", "permit it"), new UnavailableError("Cannot ping", "permit it")]
) {
  Deno.test(`adviceOf() has the hint of ${failure.name}`, () =>
    assert.equal(adviceOf(failure), "Cannot ping (permit it)"));
}

Deno.test("adviceOf() is the message alone where there is no hint", () => {
  assert.equal(adviceOf(new NotPermittedError("Cannot ping")), "Cannot ping");
  assert.equal(adviceOf(new Error("broken")), "broken");
});

import assert from "node:assert/strict";
import * as fs from "node:fs";
import { hasCode, isAbsent, isDenied, isNoFile } from "./system_error.ts";

function failureOf(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error("It did not fail");
}

Deno.test("hasCode() knows failures of the runtime, of node:fs and of a class without a code", () => {
  for (
    const error of [
      failureOf(() => Deno.statSync("/absent/file")),
      failureOf(() => fs.statSync("/absent/file")),
      new Deno.errors.NotFound("gone"),
    ]
  ) {
    assert.ok(hasCode(error, "EIO", "ENOENT") && isAbsent(error) && !isDenied(error) && !isNoFile(error));
  }
  assert.ok(isAbsent(failureOf(() => Deno.readTextFileSync("/etc/passwd/file"))));
  assert.ok(isNoFile(failureOf(() => fs.readFileSync("/"))) && isNoFile(new Deno.errors.FilesystemLoop("loop")));
  for (const error of [new Deno.errors.PermissionDenied("no"), new Deno.errors.NotCapable("no")]) {
    assert.ok(isDenied(error));
  }
  assert.ok(!hasCode("ENOENT", "ENOENT") && !hasCode(new Error("ENOENT"), "ENOENT") && !isDenied(undefined));
});

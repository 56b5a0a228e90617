import assert from "node:assert/strict";
import { exitCodeFor, messageOf, namedError } from "./errors.ts";
import { databaseError, StorageError } from "../host/sqlite.ts";
import { maybeWriteFault, pathOf } from "./write_fault.ts";

const disk: [code: string, text: string, what: RegExp][] = [
  ["EROFS", "Read-only file system", /^the file system is read-only$/],
  ["ENOSPC", "No space left on device", /^the disk is full$/],
  ["EDQUOT", "Disk quota exceeded", /^the disk quota of this user is used up$/],
  ["EIO", "Input/output error", /^the disk has an I\/O error$/],
  ["EFBIG", "File too large", /^the file would be larger/],
];
for (const [code, text, what] of disk) {
  Deno.test(`a write that ends with ${code} is a sentence that says what, where and what to do`, () => {
    const node = Object.assign(new Error(`${code}: ${text.toLowerCase()}, open '/state/x'`), {
      code,
      path: "/state/x",
    });
    const deno = Object.assign(new Error(`${text} (os error 1): open '/state/x'`), { code });
    const bare = new Error(`${text} (os error 1), rename '/state/x' -> '/state/y'`);
    for (const error of [node, deno, bare]) {
      assert.match(maybeWriteFault(error)!.what, what);
      assert.equal(pathOf(error), "/state/x");
      const named = namedError(error);
      assert.equal(exitCodeFor(named), 69);
      assert.match(messageOf(named), /^Cannot write "\/state\/x" as the /);
      assert.ok((named as { hint: string }).hint.length > 0);
    }
    const stored = databaseError(node, "/state/spool.db");
    assert.ok(stored instanceof StorageError);
    assert.match(stored.message, /^Cannot use "\/state\/spool.db" as the /);
  });
}

Deno.test("maybeWriteFault() tells rights from the disk, and leaves what is neither", () => {
  for (const code of ["EACCES", "EPERM", "EISDIR", "ELOOP", "ENOTDIR"]) {
    assert.equal(maybeWriteFault(Object.assign(new Error(code), { code }))?.isOfDisk, false);
  }
  for (
    const error of [new Error("nothing of the kind"), Object.assign(new Error("x"), { code: "ECONNREFUSED" }), "x"]
  ) {
    assert.equal(maybeWriteFault(error), undefined);
    assert.equal(namedError(error), error);
  }
});

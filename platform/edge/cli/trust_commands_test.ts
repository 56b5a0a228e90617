import assert from "node:assert/strict";
import { withPlatform } from "../../../tests/platform/commands.ts";

for (
  const args of [["agreement", "verify", "none.json"], ["agreement", "publish", "nda", "1", "none.txt"], [
    "document",
    "add",
    "none.pdf",
    "--title",
    "x",
    "--kind",
    "report",
  ]]
) {
  Deno.test(`opendca-platform ${args.join(" ")} says that there is no such file`, () =>
    withPlatform(async (run) => {
      const { code, stderr } = await run(...args);
      assert.match(stderr, /^error: Cannot read "none\./);
      assert.equal(code, 64);
    }));
}

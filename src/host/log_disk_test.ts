import assert from "node:assert/strict";
import { denoLogDisk } from "./log_disk.ts";

Deno.test("denoLogDisk appends, and tells a last line without an end", () => {
  const folder = Deno.makeTempDirSync();
  try {
    const path = `${folder}/agent.log`;
    const found = ["one\n", "tw", "o\n"].map((text) => {
      const file = denoLogDisk.open(path);
      file.write(new TextEncoder().encode(text));
      file.close();
      return [file.size, file.isTorn];
    });
    assert.deepEqual(found, [[0, false], [4, false], [6, true]]);
    assert.equal(Deno.readTextFileSync(path), "one\ntwo\n");
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

import assert from "node:assert/strict";
import { exitCodeFor, messageOf } from "../../../common/core/errors.ts";
import { slowInPostgres } from "../../../tests/fixtures/each_database.ts";
import { withPlatform } from "../../../tests/platform/commands.ts";
import { writeParts } from "./write_parts.ts";

async function* parts() {
  yield new TextEncoder().encode("a;b\n");
}

Deno.test("a file that cannot be where it was asked for is a sentence, and leaves nothing behind", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/file`, "");
  await Deno.mkdir(`${folder}/taken`);
  for (
    const [name, code, why] of [
      ["none/x.csv", 64, /its folder is not there$/],
      ["file/x.csv", 69, /another kind of file has its name$/],
      ["taken", 69, /another kind of file has its name$/],
    ] as const
  ) {
    const error = await writeParts(`${folder}/${name}`, parts()).catch((error) => error);
    assert.equal(exitCodeFor(error), code, name);
    assert.match(messageOf(error), why);
  }
  assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), ["file", "taken"]);
  assert.equal(await writeParts(`${folder}/x.csv`, parts()), 4);
  await Deno.remove(folder, { recursive: true });
});

slowInPostgres(
  "meters for billing are not written into a folder that is not there",
  () =>
    withPlatform(async (run, { folder }) => {
      await run("customer", "create", "Acme");
      const period = ["--from", "2026-02-01", "--to", "2026-02-28"];
      const { code, stderr } = await run("billing", "readings", ...period, "--output", `${folder}/none/x.csv`);
      assert.match(stderr, /^error: Cannot write ".*none\/x\.csv" as its folder is not there/);
      assert.equal(code, 64);
    }),
);

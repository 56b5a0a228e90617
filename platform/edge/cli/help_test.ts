/** The help of every command of `opendca-platform`, a golden file for each group. */
import assert from "node:assert/strict";
import { assertGolden } from "../../../tests/golden/golden.ts";
import { withPlatform } from "../../../tests/platform/commands.ts";

/** Names of the commands in a help text. */
function commandsOf(help: string): string[] {
  const section = help.split("\nCommands:\n")[1]?.split("\n\n")[0] ?? "";
  return [...section.matchAll(/^ {2}([a-z][a-z-]*)/gm)].map(([, name]) => name!).filter((name) => name !== "help");
}

async function helpOf(...path: string[]): Promise<string> {
  let help = "";
  await withPlatform(async (run) => {
    const ran = await run(...path, "--help");
    assert.deepEqual([ran.code, ran.stderr], [0, ""]);
    help = ran.stdout;
  });
  return help;
}

const program = await helpOf();

Deno.test("opendca-platform --help is as in help_platform.txt", () => {
  assert.ok(commandsOf(program).length > 9);
  assertGolden("help_platform.txt", program);
});

for (const name of commandsOf(program)) {
  const file = `help_platform_${name.replace("-", "_")}.txt`;
  Deno.test(`opendca-platform ${name} --help and those below it are as in ${file}`, async () => {
    const group = await helpOf(name);
    const below = commandsOf(group);
    const leaves = below.length === 0 ? [group] : await Promise.all(below.map((leaf) => helpOf(name, leaf)));
    for (const help of leaves) {
      assert.match(help, /^Examples:\n {2}opendca-platform /m);
      assert.match(help, /^Exit codes: 0 done, 64 /m);
    }
    assertGolden(file, [...(below.length === 0 ? [] : [group]), ...leaves].join("\n"));
  });
}

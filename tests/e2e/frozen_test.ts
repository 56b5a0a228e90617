/** Every command refuses packages that deno.lock does not name. `deno compile` alone does not, so its task looks first. */
import assert from "node:assert/strict";
import project from "../../deno.json" with { type: "json" };

const lock: { specifiers: Record<string, string> } = JSON.parse(
  await Deno.readTextFile(new URL("../../deno.lock", import.meta.url)),
);
const { specifiers, ...rest } = lock;
const without = (name: string) => Object.entries(specifiers).filter(([specifier]) => !specifier.startsWith(name));
const changedLock = { ...rest, specifiers: Object.fromEntries(without("npm:ipaddr.js@")) };
const commands = [
  ["run", "--no-prompt"],
  ["check"],
  ["test", "--no-run"],
  ["bench", "--no-run"],
  ["cache"],
];

async function exitCodes(lock: unknown): Promise<[string, boolean][]> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify({ lock: project.lock, imports: project.imports }));
    await Deno.writeTextFile(`${folder}/deno.lock`, JSON.stringify(lock));
    await Deno.writeTextFile(`${folder}/used.ts`, 'import "ipaddr.js";\n');
    const codes: [string, boolean][] = [];
    for (const command of commands) {
      const { success } = await new Deno.Command(Deno.execPath(), {
        args: [...command, "used.ts"],
        cwd: folder,
        stdout: "null",
        stderr: "null",
      }).output();
      codes.push([command[0]!, success]);
    }
    return codes;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a package that deno.lock does not name is refused by all commands", async () => {
  assert.deepEqual(await exitCodes(lock), commands.map(([name]) => [name, true]));
  assert.deepEqual(await exitCodes(changedLock), commands.map(([name]) => [name, false]));
});

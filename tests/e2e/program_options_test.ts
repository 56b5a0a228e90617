/** Each task of a benchmark or tool says how it is called, and refuses what it does not know with a sentence. */
import assert from "node:assert/strict";
import project from "../../deno.json" with { type: "json" };

const root = new URL("../../", import.meta.url).pathname;
const decoder = new TextDecoder();

/** With the permissions of the task. */
async function runTask(command: string, arg: string): Promise<{ code: number; out: string; err: string }> {
  const words = command.replaceAll("'", "").split(" ");
  const args = [...words.slice(words.indexOf("deno") + 1), arg];
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [args[0]!, "--no-check", ...args.slice(1)],
    cwd: root,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

const tasks = Object.entries(project.tasks).flatMap(([name, task]) => {
  const command = typeof task === "string" ? task : task.command;
  return /^(?:\w+=\S+ )?deno run (?:.* )?(?:bench|tools)\/\S+\.ts/.test(command) ? [{ name, command }] : [];
});

Deno.test("each benchmark and tool has its task among those that are tried", () => {
  assert(tasks.length >= 20, tasks.map(({ name }) => name).join(" "));
});

for (const { name, command } of tasks.filter(({ name }) => !name.startsWith("test"))) {
  Deno.test(`deno task ${name} refuses --nonsense in a sentence, before it does anything`, async () => {
    const { code, out, err } = await runTask(command, "--nonsense");
    assert(code === 64 || code === 1, `exit code ${code}`);
    assert.equal(out, "");
    assert.match(err, /^error: Cannot .*--nonsense.*\n(?:hint: deno task .*\n)?$/);
  });
}

/** The others read their arguments as one of these does. */
const benchmarks = tasks.map(({ name }) => name).filter((name) => name.startsWith("bench"));
for (const name of [...benchmarks, "test", "compile", "release", "release:sign"]) {
  Deno.test(`deno task ${name} --help says how it is called, and does nothing`, async () => {
    const { code, out, err } = await runTask(tasks.find((task) => task.name === name)!.command, "--help");
    assert.deepEqual([code, err], [0, ""]);
    assert.match(out, new RegExp(`^deno task ${name}(?: .*)?\n$`));
  });
}

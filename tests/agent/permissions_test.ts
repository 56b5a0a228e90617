/** That the lists of docs/permissions.md are those of the tasks and of the executable. */
import assert from "node:assert/strict";
import project from "../../deno.json" with { type: "json" };
import { taskGrants } from "../../demo/task_grants.ts";

const text = await Deno.readTextFile(new URL("../../docs/permissions.md", import.meta.url));
const listOf = (task: keyof typeof project.tasks, flag: string) => {
  const found = taskGrants(project.tasks[task] as { command: string }).find((grant) => grant.startsWith(`${flag}=`));
  return found?.slice(flag.length + 1).split(",") ?? [];
};
/** The names in backquotes of the line of a table that begins with this cell. */
function documented(program: string, what: string): string[] {
  const line = text.split("\n").find((line) => line.startsWith(`| ${program}`) && line.includes(`| ${what}`));
  return [...(line ?? "").split("|")[3]!.matchAll(/`([^`]+)`/g)].map(([, name]) => name!);
}

const lists = [
  { program: "agent", tasks: ["opendca", "scan", "compile", "demo"] },
  { program: "platform", tasks: ["platform"] },
] as const;
for (const { program, tasks } of lists) {
  for (const task of tasks) {
    Deno.test(`docs/permissions.md lists the variables and system calls of the task ${task}`, () => {
      assert.deepEqual(documented(program, "environment"), listOf(task, "--allow-env"));
      assert.deepEqual(documented(program, "system"), listOf(task, "--allow-sys"));
    });
  }
}

Deno.test("no task permits the whole environment, all of the system or all programs, but those for developers", () => {
  const forDevelopers = /^(test|test:slow|bench:.*|ok|release|release:packages|assessment|sheet)$/;
  for (const [name, task] of Object.entries(project.tasks)) {
    if (forDevelopers.test(name)) continue;
    const grants = taskGrants(typeof task === "string" ? { command: task } : task);
    const wide = grants.filter((grant) => /^--allow-(env|sys|run|ffi|all)$/.test(grant));
    // The demo runs deno and the tools of the programs that it shows.
    assert.deepEqual(wide, name === "demo" ? ["--allow-run"] : [], name);
    if (grants.some((grant) => grant.startsWith("--allow-env="))) assert(grants.includes("--ignore-env"), name);
  }
});

/** What `deno task compile` refuses, and that it leaves no file then. */
import assert from "node:assert/strict";
import project from "../../deno.json" with { type: "json" };
import { pinnedRuntime } from "../../common/core/pinned_runtime.ts";
import { compileBase, compiledTest } from "./compiled_file.ts";

const root = new URL("../../", import.meta.url).pathname;
const decoder = new TextDecoder();

interface Compiled {
  code: number;
  said: string;
  /** What the file says of itself; null when there is none. */
  facts: { commit: string; runtime: { deno: string }; otherRuntime: boolean } | null;
}

/** The task's own command with another output. */
async function compileTask(further: string[], env: Record<string, string>): Promise<Compiled> {
  const output = `dist/test-${crypto.randomUUID().slice(0, 8)}`;
  const words = project.tasks.compile.command.replaceAll("'", "").replace("dist/opendca", output).split(" ");
  try {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [...words.slice(1), ...further],
      cwd: root,
      env,
    }).output();
    const file = `${root}${output}`;
    const isThere = await Deno.stat(file).then(() => true, () => false);
    const facts = isThere ? await new Deno.Command(file, { args: ["--version", "--json"] }).output() : null;
    return { code, said: decoder.decode(stderr), facts: facts && JSON.parse(decoder.decode(facts.stdout)) };
  } finally {
    for (const suffix of ["", ".unchecked"]) await Deno.remove(`${root}${output}${suffix}`).catch(() => {});
  }
}

compiledTest("deno task compile refuses a base of another version by default, and the file says so", async () => {
  const env = await compileBase();
  const told = await compileTask(["--allow-other-runtime"], env);
  assert.equal(told.code, 0, told.said);
  assert.match(told.facts!.commit, /^([0-9a-f]{40}(-dirty)?|unknown)$/);
  const isOther = told.facts!.runtime.deno !== pinnedRuntime;
  assert.equal(told.facts!.otherRuntime, isOther);
  const untold = await compileTask([], env);
  assert.equal(untold.code, isOther ? 1 : 0);
  if (!isOther) return;
  assert.match(
    untold.said,
    /^error: Cannot compile onto Deno \S+ as \S+ is the tested version.*--allow-other-runtime/m,
  );
  assert.equal(untold.facts, null);
});

Deno.test("deno task compile refuses a base that makes another program than ours", async () => {
  // Deno itself is taken for a base, and makes a bare Deno of it.
  const { code, said, facts } = await compileTask(["--allow-other-runtime"], { DENORT_BIN: Deno.execPath() });
  assert.equal(code, 1);
  assert.match(said, /^error: Cannot compile as the base makes a file that is not ours$/m);
  assert.equal(facts, null);
});

/** What a release consists of, and how each program is compiled. */
import project from "../../deno.json" with { type: "json" };
import { taskGrants } from "../../demo/task_grants.ts";
import { pingPrograms, windowsPing } from "../../src/host/ping.ts";

export interface Program {
  name: "opendca" | "opendca-platform";
  entry: string;
  /** Entries of threads. */
  workers: readonly string[];
  /** The task whose permissions the compiled program has. */
  task: "opendca" | "platform";
}

export const programs: readonly Program[] = [
  { name: "opendca", entry: "main.ts", workers: ["workers/scanner.ts", "workers/resolver.ts"], task: "opendca" },
  { name: "opendca-platform", entry: "platform/main.ts", workers: ["workers/password_hasher.ts"], task: "platform" },
];

export const version: string = project.version;

/** File of facts about the build, which is embedded. */
export const buildFile = "dist/build.json";

/** Its content; that it is in a compiled file shows that our program is. */
export function buildFacts({ name }: Program, commit: string): string {
  return JSON.stringify({ program: name, commit });
}

/** The arguments of `deno compile`. */
export function compileArguments(program: Program, { triple, output }: { triple: string; output: string }): string[] {
  return [
    "compile",
    ...["--frozen", "--cached-only", "--no-check", "--no-prompt", "--exclude-unused-npm"],
    // The cache of code would be a file with a known name in /tmp, where another user could put one first.
    "--no-code-cache",
    ...(program.name === "opendca" ? ["--v8-flags=--optimize-for-size"] : []),
    ...grantsFor(program, triple),
    ...[...program.workers, buildFile].flatMap((file) => ["--include", file]),
    ...["--target", triple, "--output", output],
    program.entry,
  ];
}

/** Those of the task; Windows has its ping elsewhere. */
function grantsFor({ task }: Program, triple: string): string[] {
  const grants = taskGrants(project.tasks[task]);
  if (!triple.includes("windows")) return grants;
  return grants.map((grant) => grant === `--allow-run=${pingPrograms.join()}` ? `--allow-run=${windowsPing}` : grant);
}

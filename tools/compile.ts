/**
 * `deno task compile`: what `deno compile` does, with the commit in the file, and refused where the file would run on
 * another version of Deno than the pinned one, or is none of ours. Arguments are those of `deno compile`, and
 * --allow-other-runtime.
 */
import { pinnedRuntime } from "../common/core/pinned_runtime.ts";
import { endIfHelp } from "./program_options.ts";

const root = new URL("../", import.meta.url).pathname;
const entry = "main.ts";
const decoder = new TextDecoder();

const buildFile = `${root}dist/build.json`;

class Refusal extends Error {}

async function compile(args: string[]): Promise<string> {
  const mayBeOther = args.includes("--allow-other-runtime");
  // What follows the entry would be the program's own arguments; `deno task compile --target …` puts it there.
  const flags = args.filter((arg) => arg !== "--allow-other-runtime" && arg !== entry);
  const output = valueOf(flags, "--output");
  // `deno compile` itself goes on with a lock file that does not fit.
  const workers = flags.filter((_, at) => flags[at - 1] === "--include" && flags[at]!.endsWith(".ts"));
  const cached = await run(Deno.execPath(), ["cache", "--quiet", "--frozen", entry, ...workers]);
  if (!cached.success) throw new Refusal(`Cannot compile as deno.lock does not fit: ${cached.said}`);
  await Deno.mkdir(`${root}dist`, { recursive: true });
  await Deno.writeTextFile(buildFile, JSON.stringify({ commit: await commit() }));
  // Appears under its name only when it is known to be right.
  const unchecked = `${output}.unchecked`;
  const made = await run(Deno.execPath(), [
    "compile",
    ...flags.map((flag) => flag === output ? unchecked : flag),
    entry,
  ]);
  if (!made.success) throw new Refusal(`Cannot compile: ${made.said}`);
  const path = await exists(unchecked) ? unchecked : `${unchecked}.exe`;
  try {
    const runtime = await runtimeOf(path, valueOf(flags, "--target"));
    if (runtime !== pinnedRuntime && !mayBeOther) {
      const hint = "use that version's base, or add --allow-other-runtime for a file that is not released";
      throw new Refusal(`Cannot compile onto Deno ${runtime} as ${pinnedRuntime} is the tested version; ${hint}`);
    }
    await Deno.rename(path, path.replace(".unchecked", ""));
    return `${path.replace(".unchecked", "")}: commit ${await commit()}, on Deno ${runtime}`;
  } catch (error) {
    await Deno.remove(path);
    throw error;
  }
}

/** The runtime that a file says it runs on; of one for another machine, the version that its bytes name. */
async function runtimeOf(path: string, target: string | undefined): Promise<string> {
  if (target === undefined || target === Deno.build.target) {
    const { success, out } = await run(path, ["--version", "--json"]);
    const said = success ? maybeJson(out) : undefined;
    if (said?.program !== "opendca") throw new Refusal("Cannot compile as the base makes a file that is not ours");
    return said.runtime?.deno ?? "of an unknown version";
  }
  const bytes = decoder.decode(await Deno.readFile(path));
  return /Deno\/(\d+\.\d+\.\d+)/.exec(bytes)?.[1] ?? "of an unknown version";
}

async function commit(): Promise<string> {
  const head = await run("git", ["rev-parse", "HEAD"]);
  if (!head.success) return "unknown";
  const status = await run("git", ["status", "--porcelain"]);
  return head.out.trim() + (status.success && status.out === "" ? "" : "-dirty");
}

async function run(program: string, args: string[]): Promise<{ success: boolean; out: string; said: string }> {
  try {
    const { success, stdout, stderr } = await new Deno.Command(program, { args, cwd: root }).output();
    const said = decoder.decode(stderr).split("\n").find((line) => line.trim() !== "") ?? "";
    return { success, out: decoder.decode(stdout), said };
  } catch (error) {
    return { success: false, out: "", said: String(error) };
  }
}

function maybeJson(text: string): { program?: string; runtime?: { deno?: string } } | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function valueOf(flags: string[], name: string): string | undefined {
  const at = flags.indexOf(name);
  if (at >= 0) return flags[at + 1];
  return flags.find((flag) => flag.startsWith(`${name}=`))?.slice(name.length + 1);
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

if (import.meta.main) {
  endIfHelp("deno task compile [--target TARGET] [--output FILE] [--allow-other-runtime] [OPTION of deno compile…]");
  try {
    console.log(await compile(Deno.args));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    console.error(`error: ${error.message}`);
    Deno.exitCode = 1;
  }
}

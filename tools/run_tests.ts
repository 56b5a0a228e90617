/**
 * deno run tools/run_tests.ts [--each] [OPTION=VALUE of deno test…] FOLDER…
 *
 * Runs the tests of folders as `deno test --parallel` does, but in groups of files. `deno test` makes a thread for each
 * module that it is given, which loads and compiles all that the module imports; for a test of the portal that is two
 * seconds of processor time before its first line. The files of a group share a thread and what it has loaded, and run one
 * after the other. With `--each`, each file has a thread of its own. `--quick` leaves out the tests whose name ends in
 * "(slow)", `--slow` runs no others. If OPENDCA_TEST_REPORTS names a folder, a report in the format of JUnit is written
 * there.
 */
import { UsageError } from "../common/core/errors.ts";
import { endIfHelp } from "./program_options.ts";

const root = new URL("../", import.meta.url);
const isTest = /_test\.tsx?$/;

/* They look at a thread as a whole: at its memory, or at each statement that is made in it. */
const alone = /\/(?:tests\/platform\/(?:web_access|releases)|platform\/store\/sqlite\/hot_queries)_test\.ts$/;

export interface TestFile {
  path: string;
  /** Infinity: it has a thread of its own. */
  bytes: number;
}

/** Of the tests that one thread runs one after the other: with more, the other threads would wait for the last one. */
const groupBytes = 120_000;

/** Of each folder that is named, neighbours together; a file that is large enough is a group of its own. */
export function testGroups(files: readonly TestFile[], limit = groupBytes): string[][] {
  const groups: string[][] = [];
  let size = Infinity;
  for (const { path, bytes } of files.toSorted((a, b) => a.path < b.path ? -1 : 1)) {
    if (size + bytes > limit) {
      groups.push([]);
      size = 0;
    }
    groups.at(-1)!.push(path);
    size += bytes;
  }
  return groups;
}

/** Evenly mixed: tests of the agent wait for timeouts while those of the platform compute. */
export function mixed<T>(lists: readonly (readonly T[])[]): T[] {
  const placed = lists.flatMap((list) => list.map((item, i) => ({ item, at: (i + 0.5) / list.length })));
  return placed.sort((a, b) => a.at - b.at).map(({ item }) => item);
}

function testFiles(folder: string): TestFile[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    if (isDirectory) return testFiles(path);
    return isTest.test(name) ? [{ path, bytes: alone.test(path) ? Infinity : Deno.statSync(path).size }] : [];
  });
}

/** Throws `UsageError`. */
function filesOf(folder: string): TestFile[] {
  try {
    return testFiles(new URL(folder, root).pathname);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory)) throw error;
    throw new UsageError(`Cannot test "${folder}" as it is no folder of this repository`);
  }
}

/** Writes a module for each group into `into`; returns their paths. */
function groupModules(folder: string, into: string): string[] {
  return testGroups(filesOf(folder)).map((paths, index) => {
    const module = `${into}/${folder.replaceAll("/", "_")}_${index + 1}_test.ts`;
    Deno.writeTextFileSync(module, paths.map((path) => `import ${JSON.stringify(`file://${path}`)};\n`).join(""));
    return module;
  });
}

const mark = [..."(slow)"];
const isSlow = mark.map((char) => `[${char}]`).join("");
/** What does not end with it: some character from the end is another one. Deno's expressions cannot say "not". */
const isQuick = mark.map((char, at) => `[^${char}]${isSlow.slice(3 * (at + 1))}`).join("|");
const filters = new Map([["--quick", `--filter=/(${isQuick})$/`], ["--slow", `--filter=/${isSlow}$/`]]);

async function runTests(args: readonly string[]): Promise<number> {
  const folders = args.filter((arg) => !arg.startsWith("-"));
  const options = args.filter((arg) => arg.startsWith("-") && arg !== "--each" && !filters.has(arg));
  if (!options.some((option) => option.startsWith("--filter"))) {
    options.push(...args.flatMap((arg) => filters.get(arg) ?? []));
  }
  const reports = Deno.env.get("OPENDCA_TEST_REPORTS");
  if (reports !== undefined) options.push(`--junit-path=${reports}/${folders.join("+").replaceAll("/", "_")}.xml`);
  const into = Deno.makeTempDirSync({ prefix: "opendca-tests-" });
  try {
    const modules = args.includes("--each") ? folders : mixed(folders.map((folder) => groupModules(folder, into)));
    const fixed = [
      "test",
      "--no-check",
      "--no-prompt",
      "--allow-all",
      "--parallel",
      "--config",
      `${root.pathname}deno.json`,
    ];
    const child = new Deno.Command(Deno.execPath(), { args: [...fixed, ...options, ...modules], cwd: root }).spawn();
    return (await child.status).code;
  } finally {
    Deno.removeSync(into, { recursive: true });
  }
}

if (import.meta.main) {
  endIfHelp("deno task test [OPTION=VALUE of deno test…] [FOLDER…]");
  try {
    Deno.exitCode = await runTests(Deno.args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`error: ${error.message}`);
    Deno.exitCode = 64;
  }
}

/** Runs the tests that prove sentences, and says of each what became of it. */
import type { Proof } from "./sentence.ts";

export type Outcome = "passed" | "failed" | "skipped" | "missing";

/** What `deno test --junit-path` writes of one test. */
export interface TestCase {
  file: string;
  name: string;
  outcome: "passed" | "failed" | "skipped";
}

/** A test name with `*` for any text, as an expression that Deno's filter (which is of Rust) reads as well. */
export function patternOf(test: string): RegExp {
  return new RegExp(`^${test.split("*").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join(".*")}$`);
}

/** `missing` if there is no such test; `passed` only if all that fit did. */
export function outcomeOf({ file, test }: Proof, cases: readonly TestCase[]): Outcome {
  const pattern = patternOf(test);
  // Deno names the file that registers a test, which is a fixture's for those that need a peer or both databases.
  const fitting = cases.filter((one) =>
    (one.file === file || one.file.startsWith("tests/fixtures/")) && pattern.test(one.name)
  );
  if (fitting.length === 0) return "missing";
  for (const outcome of ["failed", "skipped"] as const) {
    if (fitting.some((one) => one.outcome === outcome)) return outcome;
  }
  return "passed";
}

const entities: Record<string, string> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

function unescaped(text: string): string {
  return text.replace(
    /&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi,
    (whole, hex, decimal, name) =>
      hex !== undefined
        ? String.fromCodePoint(parseInt(hex, 16))
        : decimal !== undefined
        ? String.fromCodePoint(Number(decimal))
        : entities[name] ?? whole,
  );
}

/** The cases of a report that Deno wrote; steps of tests are no cases of their own. */
export function parseReport(xml: string): TestCase[] {
  const cases: TestCase[] = [];
  for (
    const [, attributes = "", end, inside = ""] of xml.matchAll(/<testcase ([^>]*?)(?:(\/)>|>([^]*?)<\/testcase>)/g)
  ) {
    const attribute = (name: string) => unescaped(new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? "");
    const outcome = end !== undefined
      ? "passed"
      : /<(?:failure|error)\b/.test(inside)
      ? "failed"
      : /<skipped\b/.test(inside)
      ? "skipped"
      : "passed";
    cases.push({ file: attribute("classname").replace(/^\.\//, ""), name: attribute("name"), outcome });
  }
  return cases;
}

/** Of several runs: what one of them left out, as another did not. A report calls it "skipped" where a filter did so. */
export function ofAllRuns(cases: readonly TestCase[]): TestCase[] {
  const key = ({ file, name }: TestCase) => `${file} ${name}`;
  const ran = new Set(cases.filter(({ outcome }) => outcome !== "skipped").map(key));
  return cases.filter((one) => one.outcome !== "skipped" || !ran.has(key(one)));
}

/** The cases of all reports of a folder. */
export function readReports(folder: string): TestCase[] {
  const reports = [...Deno.readDirSync(folder)].filter(({ name }) => name.endsWith(".xml"));
  return ofAllRuns(reports.flatMap(({ name }) => parseReport(Deno.readTextFileSync(`${folder}/${name}`))));
}

/**
 * Runs the proofs in the tree `root`, in one `deno test`. Its output goes to `log`, a file. Undefined if it does not end
 * within `limitMs`.
 */
export async function runProofs(
  proofs: readonly Proof[],
  { root, log, limitMs }: { root: string; log: string; limitMs: number },
): Promise<TestCase[] | undefined> {
  const report = await Deno.makeTempFile({ suffix: ".xml" });
  try {
    const filter = `/${[...new Set(proofs.map(({ test }) => patternOf(test).source))].join("|")}/`;
    const signal = AbortSignal.timeout(limitMs);
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["test", "--no-check", "--no-prompt", "--allow-all", "--parallel", `--junit-path=${report}`]
        .concat(`--filter=${filter}`, [...new Set(proofs.map(({ file }) => file))].sort()),
      cwd: root,
      env: { NO_COLOR: "1", DENO_JOBS: "4" },
      signal,
    }).output();
    for (const part of [stdout, stderr]) await Deno.writeFile(log, part, { append: true });
    if (signal.aborted) return undefined;
    return parseReport(await Deno.readTextFile(report).catch(() => ""));
  } finally {
    await Deno.remove(report);
  }
}

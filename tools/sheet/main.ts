/**
 * deno task sheet [--breaks] [--reports FOLDER] [ID…]
 *
 * Runs the tests of every sentence (see sentences.ts) and writes the result beside it: docs/security-sheet.md and
 * docs/security-sheet.de.md. `--breaks` also breaks the product on purpose, in a copy, once for each break, and looks
 * whether the test that is named catches it. With ids, only those sentences, and nothing is written. `--reports` takes what
 * became of the tests from reports of a run of all of them (OPENDCA_TEST_REPORTS of tools/run_tests.ts), and runs none.
 */
import { programOptions } from "../program_options.ts";
import { type Outcome, outcomeOf, readReports, runProofs, type TestCase } from "./run_proofs.ts";
import type { Break, Sentence } from "./sentence.ts";
import { sentences } from "./sentences.ts";
import { sheetText } from "./sheet_text.ts";

const root = new URL("../..", import.meta.url).pathname;

/** The files of the product, without what is made from them. */
async function copyOfTree(): Promise<string> {
  const folder = await Deno.makeTempDir();
  const { stdout } = await new Deno.Command("git", { args: ["ls-files", "-z"], cwd: root }).output();
  for (const path of new TextDecoder().decode(stdout).split("\0").filter((name) => name !== "")) {
    const to = `${folder}/${path}`;
    await Deno.mkdir(to.replace(/\/[^/]*$/, ""), { recursive: true });
    // What is deleted in the work tree but not yet in the index is not there.
    await Deno.copyFile(`${root}/${path}`, to).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
  }
  return folder;
}

const limitsMs = { proofs: 30 * 60_000, broken: 3 * 60_000 };

/** Whether the test that is named fails with the break, or waits for ever for what should happen. */
async function isCaught(broken: Break, folder: string, log: string): Promise<boolean> {
  const path = `${folder}/${broken.file}`, text = await Deno.readTextFile(path);
  if (text.split(broken.from).length !== 2) throw new Error(`${broken.file} does not have "${broken.from}" once`);
  await Deno.writeTextFile(path, text.replace(broken.from, () => broken.to));
  try {
    const cases = await runProofs([broken.caughtBy], { root: folder, log, limitMs: limitsMs.broken });
    return cases === undefined || outcomeOf(broken.caughtBy, cases) === "failed";
  } finally {
    await Deno.writeTextFile(path, text);
  }
}

async function checkBreaks(chosen: readonly Sentence[], log: string): Promise<string[]> {
  const missed: string[] = [], folder = await copyOfTree();
  try {
    for (const { id, breaks } of chosen) {
      for (const broken of breaks) {
        const caught = await isCaught(broken, folder, log);
        console.log(`${id}: ${broken.en} ${caught ? "Caught" : "NOT CAUGHT"} by "${broken.caughtBy.test}".`);
        if (!caught) missed.push(`${id}: nothing has caught this break: ${broken.en}`);
      }
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  return missed;
}

const { values, words: ids } = programOptions(
  "deno task sheet [--breaks] [--reports FOLDER] [ID…]",
  { breaks: false, reports: "" },
  { mostWords: Infinity },
);
const unknown = ids.filter((id) => !sentences.some((sentence) => sentence.id === id));
if (unknown.length > 0) {
  console.error(`error: Cannot prove what the sheet does not say: ${unknown.join(", ")}`);
  Deno.exit(64);
}
const chosen = ids.length === 0 ? sentences : sentences.filter(({ id }) => ids.includes(id));
const log = await Deno.makeTempFile({ prefix: "sheet-", suffix: ".log" });
const cases: TestCase[] = values.reports === ""
  ? await runProofs(chosen.flatMap(({ proofs }) => proofs), { root, log, limitMs: limitsMs.proofs }) ?? []
  : readReports(values.reports);
const wrong: string[] = [];
for (const { id, proofs, brings } of chosen) {
  const outcomes: Outcome[] = proofs.map((proof) => outcomeOf(proof, cases));
  proofs.forEach(({ file, test }, index) => {
    if (outcomes[index] !== "passed") wrong.push(`${id}: ${outcomes[index]}: ${file}: ${test}`);
  });
  if (proofs.length === 0 && brings === undefined) wrong.push(`${id}: no test proves it, and nobody brings it`);
  console.log(`${id}: ${outcomes.filter((one) => one === "passed").length} of ${outcomes.length} proofs passed`);
}
if (values.breaks) wrong.push(...await checkBreaks(chosen, log));
if (ids.length === 0) {
  const results = (sentence: Sentence) => sentence.proofs.map((proof) => outcomeOf(proof, cases));
  await Deno.writeTextFile(`${root}/docs/security-sheet.md`, sheetText(sentences, results, "en"));
  await Deno.writeTextFile(`${root}/docs/security-sheet.de.md`, sheetText(sentences, results, "de"));
}
if (wrong.length > 0) {
  console.error(
    `${wrong.join("\n")}\nCannot sign the sheet: ${wrong.length} of it is not proved; see ${values.reports || log}`,
  );
  Deno.exit(1);
}
await Deno.remove(log);

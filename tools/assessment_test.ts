import assert from "node:assert/strict";
import { sha256 } from "./release/base.ts";
import { findDocuments, missingEvidence, runAssessment, writeAssessment } from "./assessment.ts";

const root = new URL("..", import.meta.url).pathname.replace(/\/$/, "");

/** A repository of some documents. */
async function repository(texts: Record<string, string>): Promise<{ folder: string } & AsyncDisposable> {
  const folder = await Deno.makeTempDir();
  await Deno.mkdir(`${folder}/docs`);
  for (const [name, text] of Object.entries(texts)) await Deno.writeTextFile(`${folder}/docs/${name}`, text);
  return { folder, [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }) };
}

const whole = {
  "threat-model.md": "# Threats\n\n[next](controls.md#what-is-done), [same page](#threats), [signing](signing.md)\n",
  "controls.md": "# Controls\n\n## What is done?\n\nA [site](https://example.com/).\n",
  "permissions.md": "# Permissions\n",
  "dependencies.md": "# Dependencies\n",
  "signing.md": "# Signing\n\nSee [the settings](agent.yaml).\n",
  "agent.yaml": "sites: []\n",
  "other.md": "# Nobody links to this\n",
};

for (const name of ["threat-model.md", "controls.md"]) {
  Deno.test(`docs/${name} names many tests, and no link, heading or file that is not there`, () => {
    const tests = Deno.readTextFileSync(`${root}/docs/${name}`).match(/`[\w./-]+_test\.ts`/g) ?? [];
    assert.ok(new Set(tests).size > 30, `${tests.length} tests`);
    assert.deepEqual(missingEvidence(root, name), []);
  });
}

Deno.test("missingEvidence() finds links, headings, tests and folders that are not there", async () => {
  const wrong =
    "[a](gone.md) [b](controls.md#no-such) [c](#none) `tests/gone_test.ts` `platform/gone` `docs/controls.md`";
  await using made = await repository({ ...whole, "threat-model.md": wrong });
  assert.deepEqual(missingEvidence(made.folder, "threat-model.md"), [
    "gone.md",
    "controls.md#no-such",
    "#none",
    "tests/gone_test.ts",
    "platform/gone",
  ]);
  assert.throws(
    () => findDocuments(made.folder),
    /^ReleaseError: Cannot make the pack as docs\/threat-model\.md names what is not there: gone\.md, .*\(correct the/,
  );
});

Deno.test("the pack has all documents with what they link to, bills of materials, a readme, and right hashes", async () => {
  await using made = await repository({ ...whole, "security-sheet.md": "# Sheet\n" });
  const output = `${made.folder}/dist/assessment`;
  await Deno.mkdir(output, { recursive: true });
  await Deno.writeTextFile(`${output}/of-an-earlier-run`, "");
  const without = await writeAssessment(made.folder, { output, commit: "abc", boms: { "a.cdx.json": "{}\n" } });
  assert.deepEqual(without, ["security-sheet.de.md"]);
  const sums = (await Deno.readTextFile(`${output}/SHA256SUMS`)).trim().split("\n").map((line) => line.split("  "));
  const { "other.md": _, ...linked } = whole;
  assert.deepEqual(
    sums.map(([, name]) => name).sort(),
    ["README.md", "a.cdx.json", ...[...Object.keys(linked), "security-sheet.md"].map((name) => `docs/${name}`)].sort(),
  );
  for (const [sum, name] of sums) assert.equal(await sha256(await Deno.readFile(`${output}/${name!}`)), sum, name!);
  assert.deepEqual([...Deno.readDirSync(output)].map(({ name }) => name).sort(), [
    "README.md",
    "SHA256SUMS",
    "a.cdx.json",
    "docs",
  ]);
  const readme = await Deno.readTextFile(`${output}/README.md`);
  assert.match(readme, /commit abc/);
  assert.match(readme, /deno task demo --keep/);
  assert.match(readme, /`docs\/security-sheet\.md` \|/);
});

Deno.test("a pack without a document is refused in one sentence, and an earlier pack stays", async () => {
  const { "controls.md": _, ...rest } = whole;
  await using made = await repository(rest);
  const output = `${made.folder}/dist/assessment`;
  await Deno.mkdir(output, { recursive: true });
  await Deno.writeTextFile(`${output}/README.md`, "earlier");
  await assert.rejects(
    writeAssessment(made.folder, { output, commit: "abc", boms: {} }),
    { name: "ReleaseError", message: "Cannot make the pack without docs/controls.md" },
  );
  assert.equal(await Deno.readTextFile(`${output}/README.md`), "earlier");
});

Deno.test("runAssessment() ends with a sentence and exit code 1 where a document is missing", async () => {
  await using made = await repository({});
  const said: string[] = [];
  assert.equal(await runAssessment(made.folder, (line) => said.push(line)), 1);
  assert.deepEqual(said, [
    "error: Cannot make the pack without docs/threat-model.md, docs/controls.md, docs/permissions.md, docs/dependencies.md",
  ]);
});

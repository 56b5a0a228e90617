import assert from "node:assert/strict";
import { outcomeOf, parseReport, patternOf, readReports } from "./run_proofs.ts";
import { sentences } from "./sentences.ts";
import { sheetText } from "./sheet_text.ts";

function read(path: string): string {
  return Deno.readTextFileSync(new URL(`../../${path}`, import.meta.url));
}

Deno.test("each break of the sheet changes one text of the product, and a test of its sentence is to catch it", () => {
  for (const { id, breaks, proofs } of sentences) {
    for (const { file, from, to, caughtBy } of breaks) {
      assert.equal(read(file).split(from).length, 2, `${id}: ${file} does not have it once: ${from}`);
      assert.notEqual(from, to);
      const isOwn = proofs.some((one) => one.file === caughtBy.file && one.test === caughtBy.test);
      assert.ok(isOwn, `${id}: ${caughtBy.test}`);
    }
  }
});

Deno.test("each sentence stands once, in both languages, with a proof or with who brings it", () => {
  const ids = sentences.map(({ id }) => id);
  assert.deepEqual(ids.length, new Set(ids).size);
  for (const { id, en, de, proofs, brings } of sentences) {
    assert.ok(en !== de && (proofs.length > 0 || brings !== undefined), id);
  }
});

Deno.test("docs/security-sheet.md and its German one say what the sentences do, each test passed", () => {
  const passed = ({ proofs }: { proofs: readonly unknown[] }) => proofs.map(() => "passed" as const);
  for (const [language, path] of [["en", "security-sheet.md"], ["de", "security-sheet.de.md"]] as const) {
    assert.equal(read(`docs/${path}`), sheetText(sentences, passed, language), "run deno task sheet");
  }
});

Deno.test("sheetText() numbers each test once, and says in both languages what has not passed", () => {
  const proofs = ["a *", "b", "c", "d"].map((test) => ({ file: "a_test.ts", test }));
  const sentence = { en: "It is.", de: "Es ist.", breaks: [] };
  const two = [{ ...sentence, id: "S1", proofs }, { ...sentence, id: "S2", proofs: [proofs[3]!, proofs[0]!] }];
  const results = (one: { proofs: { test: string }[] }) =>
    one.proofs.map(({ test }) => test === "d" ? "failed" as const : "passed" as const);
  const english = sheetText(two, results, "en");
  assert.match(
    english,
    /^## S1\n\n> It is.\n\n- Tests: T1–T4 \(T4 \*\*failed\*\*\)\n\n## S2\n\n> It is.\n\n- Tests: T1, T4 /m,
  );
  assert.match(english, /^- T1: a … \(`a_test.ts`\)\n/m);
  assert.match(english, /^- T4: d \(`a_test.ts`\) \*\*failed\*\*\n$/m);
  const german = sheetText(two, results, "de");
  assert.match(german, /- Tests: T1–T4 \(T4 \*\*nicht bestanden\*\*\)\n/);
  assert.match(german, /^T1 bis T4 .*\]\(security-sheet.md#tests\)\.\n$/m);
});

const report = `<testsuite name="./a_test.ts">
  <testcase name="a &lt;b&gt; &quot;c&quot; &#x27;d&#39;" classname="./a_test.ts" time="0"></testcase>
  <testcase name="breaks" classname="./a_test.ts"><failure message="x">Error: x&lt;/testcase&gt;</failure></testcase>
  <testcase name="waits 1" classname="./a_test.ts"><skipped/></testcase>
  <testcase name="waits 2" classname="./tests/fixtures/peers.ts"/>
</testsuite>`;

Deno.test("parseReport() reads names and outcomes of Deno's report", () => {
  assert.deepEqual(parseReport(report), [
    { file: "a_test.ts", name: `a <b> "c" 'd'`, outcome: "passed" },
    { file: "a_test.ts", name: "breaks", outcome: "failed" },
    { file: "a_test.ts", name: "waits 1", outcome: "skipped" },
    { file: "tests/fixtures/peers.ts", name: "waits 2", outcome: "passed" },
  ]);
  assert.deepEqual(parseReport(""), []);
});

Deno.test("readReports() reads all reports of a folder, and nothing else; what one run left out counts as another run says", () => {
  const folder = Deno.makeTempDirSync();
  try {
    assert.deepEqual(readReports(folder), []);
    for (const name of ["tests.xml", "slow.xml", "log.txt"]) Deno.writeTextFileSync(`${folder}/${name}`, report);
    assert.deepEqual(readReports(folder), [...parseReport(report), ...parseReport(report)]);
    const third = report.replaceAll("<skipped/>", "").replaceAll(/<failure.*<\/failure>/g, "<skipped/>");
    Deno.writeTextFileSync(`${folder}/third.xml`, third);
    const outcomes = (name: string) => readReports(folder).filter((it) => it.name === name).map((it) => it.outcome);
    assert.deepEqual(outcomes("waits 1"), ["passed"], "left out by two runs, made by the third");
    assert.deepEqual(outcomes("breaks"), ["failed", "failed"]);
    assert.throws(() => readReports(`${folder}/none`), Deno.errors.NotFound);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

for (
  const [test, want] of [
    [`a <b> "c" 'd'`, "passed"],
    ["breaks", "failed"],
    ["waits *", "skipped"],
    ["waits 2", "passed"],
    ["is not there", "missing"],
    ["a .b. *", "missing"],
  ] as const
) {
  Deno.test(`outcomeOf() of ${test} is ${want}`, () => {
    assert.equal(outcomeOf({ file: "a_test.ts", test }, parseReport(report)), want);
  });
}

Deno.test("patternOf() takes all but the star for itself", () => {
  assert.ok(patternOf("f(a) [b] * | $").test("f(a) [b] x | y | $"));
  assert.ok(!patternOf("a.b").test("axb"));
});

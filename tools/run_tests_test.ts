import assert from "node:assert/strict";
import { mixed, testGroups } from "./run_tests.ts";
import { parseReport } from "./sheet/run_proofs.ts";

const file = (path: string, bytes: number) => ({ path, bytes });

Deno.test("testGroups() puts neighbours together, each file once, and a large file alone", () => {
  const files = [file("a/d_test.ts", 9), file("a/b_test.ts", 4), file("a/c_test.ts", 6), file("b/a_test.tsx", 3)];
  assert.deepEqual(testGroups(files, 10), [["a/b_test.ts", "a/c_test.ts"], ["a/d_test.ts"], ["b/a_test.tsx"]]);
  assert.deepEqual(testGroups([file("a_test.ts", 50)], 10), [["a_test.ts"]]);
  const [a, b, c] = [file("a_test.ts", 1), file("b_test.ts", Infinity), file("c_test.ts", 1)];
  assert.deepEqual(testGroups([a, b, c], 10), [["a_test.ts"], ["b_test.ts"], ["c_test.ts"]]);
  assert.deepEqual(testGroups([], 10), []);
});

Deno.test("mixed() has each item once, those of a list in their order, and long lists everywhere", () => {
  assert.deepEqual(mixed([["a1", "a2", "a3", "a4"], ["b1"], [], ["c1", "c2"]]).join(" "), "a1 c1 a2 b1 a3 c2 a4");
  assert.deepEqual(mixed([]), []);
});

Deno.test("the tests of a folder run in groups, slow ones apart, each file is in the report, and one that fails is the exit code", async () => {
  const folder = Deno.makeTempDirSync();
  const test = (body: string) => `Deno.test("it", () => { globalThis.count = (globalThis.count ?? 0) + 1; ${body} });`;
  const run = async (...args: string[]) => {
    const program = new URL("run_tests.ts", import.meta.url).pathname;
    const { code } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", "--allow-all", program, ...args, folder],
      env: { OPENDCA_TEST_REPORTS: folder },
      stdout: "null",
      stderr: "null",
    }).output();
    const report = [...Deno.readDirSync(folder)].find(({ name }) => name.endsWith(".xml"))!;
    const xml = Deno.readTextFileSync(`${folder}/${report.name}`);
    return { code, cases: parseReport(xml).map(({ file, outcome }) => `${file.split("/").at(-1)} ${outcome}`).sort() };
  };
  try {
    Deno.mkdirSync(`${folder}/more`);
    Deno.writeTextFileSync(`${folder}/a_test.ts`, test(""));
    Deno.writeTextFileSync(`${folder}/more/b_test.ts`, test(`if (globalThis.count !== 2) throw new Error("alone");`));
    Deno.writeTextFileSync(`${folder}/c.ts`, "throw new Error();");
    assert.deepEqual(await run(), { code: 0, cases: ["a_test.ts passed", "b_test.ts passed"] });
    assert.deepEqual(await run("--each"), { code: 1, cases: ["a_test.ts passed", "b_test.ts failed"] });
    const names = { a: ["by default", "(slow)"], "more/b": ["a text", "(now)"], d: ["it is slow"] };
    for (const [file, words] of Object.entries(names)) {
      Deno.writeTextFileSync(`${folder}/${file}_test.ts`, `Deno.test("${words.join(" ")}", () => {});`);
    }
    const all = ["a_test.ts passed", "b_test.ts passed", "d_test.ts passed"];
    assert.deepEqual(await run(), { code: 0, cases: all });
    const ran = async (...args: string[]) => (await run(...args)).cases.filter((it) => it.endsWith("passed"));
    assert.deepEqual(await ran("--slow"), all.slice(0, 1));
    assert.deepEqual(await ran("--quick"), all.slice(1));
    assert.deepEqual(await ran("--quick", "--filter=default"), all.slice(0, 1));
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

import assert from "node:assert/strict";
import { wrongArrows } from "./check_imports.ts";
import { allowed, parseArrows } from "./import_arrows.ts";

const arrow = (from: string, to: string) => ({ from, to, path: `${from}/a.ts`, target: `../${to}/b.ts` });
const cases = [
  { name: "nothing on a listed arrow", arrows: [arrow("b", "a")], table: { a: [], b: ["a"] }, want: [] },
  {
    name: "an arrow that is not listed",
    arrows: [arrow("a", "b")],
    table: { a: [], b: [] },
    want: ["a/a.ts imports ../b/b.ts: a may not know b"],
  },
  {
    name: "a folder that is not listed",
    arrows: [arrow("c", "a")],
    table: { a: [] },
    want: ["c/a.ts: the folder c is not known to tools/check_imports.ts"],
  },
  {
    name: "a listed arrow that nothing uses",
    arrows: [],
    table: { a: [], b: ["a"] },
    want: ["tools/check_imports.ts: nothing in b imports a"],
  },
  {
    name: "a circle",
    arrows: [arrow("a", "b"), arrow("b", "a")],
    table: { a: ["b"], b: ["a"] },
    want: ["tools/check_imports.ts: a stands before b, which it knows"],
  },
];
for (const { name, arrows, table, want } of cases) {
  Deno.test(`wrongArrows() names ${name}`, () => assert.deepEqual(wrongArrows(arrows, table), want));
}

Deno.test("parseArrows() reads folders with what they may import", () => {
  assert.deepEqual(parseArrows("a:\n\n# a comment\na/b: a\n.: a/(b c)\n  d a/e/(f g)\n"), {
    "a": [],
    "a/b": ["a"],
    ".": ["a/b", "a/c", "d", "a/e/f", "a/e/g"],
  });
  for (const line of ["a", "a: b,c", "a: b/(c", "a: (b c)", "a:b", "a:  b"]) {
    assert.throws(() => parseArrows(line), /Cannot read the line/, line);
  }
});

Deno.test("the picture in CONTRIBUTING.md has the folders of the import check, from the top down", () => {
  const page = Deno.readTextFileSync(new URL("../CONTRIBUTING.md", import.meta.url));
  const picture = page.split("```")[1]!;
  for (const part of ["src", "common", "platform"]) {
    const [, lines] = picture.match(new RegExp(`^${part}/.*\\n((?:  .*\\n)+)`, "m"))!;
    const shown = [...lines!.matchAll(/^ {2}([\w/]+)\/ /gm)].map(([, name]) => `${part}/${name}`);
    assert.deepEqual(shown, Object.keys(allowed).filter((name) => name.startsWith(`${part}/`)).reverse());
  }
});

Deno.test("the picture in CONTRIBUTING.md names folders that are there, and those of tests/", () => {
  const root = new URL("../", import.meta.url);
  const picture = Deno.readTextFileSync(new URL("CONTRIBUTING.md", root)).split("```")[1]!;
  const isFolder = (path: string) => Deno.statSync(new URL(path, root)).isDirectory;
  const named = [...picture.matchAll(/^(?:[a-z]+\/[ \n])+/gm)].flatMap(([names]) => names.trim().split(/[ \n]+/));
  assert.ok(named.length >= 9 && named.every(isFolder), named.join(" "));
  const [, line] = picture.match(/^tests\/ +(.*)/m)!;
  const parts = [...Deno.readDirSync(new URL("tests/", root))].map(({ name }) => name);
  assert.deepEqual(parts.filter((name) => name !== "golden" && !line!.includes(`${name}/`)), []);
});

/** What the documentation lists is what the code and the gate have. */
import assert from "node:assert/strict";
import { faultAdvice } from "../src/link/transport_fault.ts";

function read(path: string): string {
  return Deno.readTextFileSync(new URL(`../${path}`, import.meta.url));
}

/** What stands in backticks in the first column of the tables. */
function firstColumn(markdown: string): string[] {
  const cells = markdown.split("\n").filter((line) => line.startsWith("| `")).map((line) => line.split("|")[1]!);
  return cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name!));
}

const dependencies = read("docs/dependencies.md");
const [libraries = "", tools = ""] = dependencies.split("\nTools,");

Deno.test("docs/dependencies.md has every library of deno.json, and no other", () => {
  const { imports } = JSON.parse(read("deno.json")) as { imports: Record<string, string> };
  const used = new Set(Object.keys(imports).map((name) => name.replace(/\/$/, "")));
  assert.ok(used.size > 10);
  assert.deepEqual(firstColumn(libraries).sort(), [...used].sort());
});

Deno.test("docs/dependencies.md has every Debian package that .ci/run installs", () => {
  const packages = /^packages="([^"]+)"$/m.exec(read(".ci/run"))?.[1]?.split(" ") ?? [];
  assert.ok(packages.length > 5);
  assert.deepEqual(packages.filter((name) => !tools.includes(`\`${name}\``)), []);
});

Deno.test("docs/transport.md has every fault of the way to the platform, and no other", () => {
  const named = firstColumn(read("docs/transport.md").split("## Faults")[1]!.split("\n## ")[0]!);
  // What no name fits is shown as it is.
  assert.deepEqual([...named, "unknown"].sort(), Object.keys(faultAdvice).sort());
});

Deno.test("README.md, CONTRIBUTING.md and docs name no file of ours that is not there", () => {
  const pages = [
    "README.md",
    "CONTRIBUTING.md",
    ...[...Deno.readDirSync(new URL("../docs/", import.meta.url))]
      .map(({ name }) => `docs/${name}`).filter((name) => name.endsWith(".md")),
  ];
  assert.ok(pages.length > 10);
  const missing: string[] = [];
  for (const page of pages) {
    const text = read(page);
    const links = [...text.matchAll(/\]\(([^)#:]+)(#[^)]*)?\)/g)].map(([, path]) => new URL(path!, `file:///${page}`));
    const names = [
      ...text.matchAll(/`((?:common|src|tests|tools|platform|simulator|demo|bench|docs|proto)\/[\w./-]+\.\w+)`/g),
    ]
      .map(([, path]) => new URL(path!, "file:///"));
    for (const { pathname } of [...links, ...names]) {
      if (pathname.includes("quillon")) continue; // The maker that docs/profiles.md invents.
      try {
        Deno.statSync(new URL(`..${pathname}`, import.meta.url));
      } catch {
        missing.push(`${page}: ${pathname}`);
      }
    }
  }
  assert.deepEqual(missing, []);
});

Deno.test("README.md and docs name no task that deno.json does not have", () => {
  const { tasks } = JSON.parse(read("deno.json")) as { tasks: Record<string, unknown> };
  const pages = [
    "README.md",
    "CONTRIBUTING.md",
    "docs/benchmarks.md",
    "docs/platform.md",
    "docs/protocol.md",
    "docs/install.md",
    "docs/reproducible.md",
  ];
  const named = pages.flatMap((page) => [...read(page).matchAll(/deno(?:@[\d.]+)? task ([a-z:]+)/g)]);
  assert.ok(named.length > 10);
  assert.deepEqual(named.map(([, name]) => name!).filter((name) => tasks[name] === undefined), []);
});

Deno.test("README.md has the commands that the gate takes from it, each on a line of its own", () => {
  for (const task of ["demo", "test", "test:slow"]) {
    assert.match(read("README.md"), new RegExp(`^npx -y deno@[0-9.]+ task ${task}$`, "m"));
  }
});

function testsBelow(folder: string): string[] {
  return [...Deno.readDirSync(new URL(`../${folder}/`, import.meta.url))].flatMap(({ name, isDirectory }) =>
    isDirectory ? testsBelow(`${folder}/${name}`) : name.endsWith("_test.ts") ? [`${folder}/${name}`] : []
  );
}

/** The words of each run of tests that a task makes. */
function testRuns(task: string): string[][] {
  const { tasks } = JSON.parse(read("deno.json")) as { tasks: Record<string, { command: string }> };
  return tasks[task]!.command.split(" && ").map((run) => run.split(" "));
}

Deno.test("every folder of tests/ with tests is in the task test or test:slow, and in one of them alone", () => {
  const runs = [...testRuns("test"), ...testRuns("test:slow").filter((run) => !run.includes("--slow"))];
  const named = runs.flat().filter((word) => word.startsWith("tests")).sort();
  const folders = [...Deno.readDirSync(new URL("../tests/", import.meta.url))].filter(({ name, isDirectory }) =>
    isDirectory && testsBelow(`tests/${name}`).length > 0
  );
  assert.deepEqual(named, folders.map(({ name }) => `tests/${name}`).sort());
});

Deno.test("what the task test leaves out as slow is in test:slow", () => {
  const quick = testRuns("test")[0]!;
  const slow = testRuns("test:slow").find((run) => run.includes("--slow"))!;
  const withSlowTests = quick.slice(quick.indexOf("--quick") + 1).filter((folder) =>
    testsBelow(folder).some((path) => /slowInPostgres\(|["\w] \(slow\)["`]/.test(read(path)))
  );
  assert.ok(withSlowTests.length > 0);
  assert.deepEqual(withSlowTests.filter((folder) => !slow.includes(folder)), []);
});

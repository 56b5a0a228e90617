import assert from "node:assert/strict";
import { versionJson, versionText } from "../../src/cli/build_facts.ts";
import { runCli } from "../../src/cli/run_cli.ts";
import { pinnedRuntime } from "../../common/core/pinned_runtime.ts";
import { denoBuildFacts } from "../../src/host/build_facts.ts";
import { testHost } from "../fixtures/test_host.ts";

const program = { program: "opendca", version: "1.2.3" };
const on = (deno: string) => ({ ...denoBuildFacts(), runtime: { ...Deno.version, deno } });

Deno.test("--version names the runtime only where it is another than the pinned one", () => {
  assert.equal(versionText(program, on(pinnedRuntime)), "opendca 1.2.3");
  assert.equal(versionText(program, on("2.9.5")), `opendca 1.2.3 (on Deno 2.9.5; made for ${pinnedRuntime})`);
  assert.equal(JSON.parse(versionJson(program, on("2.9.5"))).otherRuntime, true);
  assert.equal(JSON.parse(versionJson(program, on(pinnedRuntime))).otherRuntime, false);
});

for (const args of [["--version", "--json"], ["--json", "--version"], ["-V", "--json"]]) {
  Deno.test(`opendca ${args.join(" ")} names build, commit, runtime and machine`, async () => {
    const host = testHost();
    assert.equal(await runCli(args, host), 0);
    const { program, version, commit, compiled, runtime, os, arch, target } = JSON.parse(host.out);
    assert.equal(program, "opendca");
    assert.match(version, /^\d+\.\d+\.\d+$/);
    assert.deepEqual([commit, compiled, runtime], ["source", false, { ...Deno.version }]);
    assert.deepEqual([os, arch, target], [Deno.build.os, Deno.build.arch, Deno.build.target]);
  });
}

Deno.test("the pinned runtime is the one of README.md, CONTRIBUTING.md and .ci/run", async () => {
  for (const file of ["README.md", "CONTRIBUTING.md", ".ci/run"]) {
    const text = await Deno.readTextFile(new URL(`../../${file}`, import.meta.url));
    const named = [...text.matchAll(/deno@(\d+\.\d+\.\d+)/g)].map(([, version]) => version);
    assert(named.length > 0, `${file} names no version`);
    assert.deepEqual(named.filter((version) => version !== pinnedRuntime), [], file);
  }
});

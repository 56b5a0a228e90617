/** The completions of `opendca completions`, as the real shells take them. */
import assert from "node:assert/strict";
import { runCli } from "../../src/cli/run_cli.ts";
import { testCompletions, type TypedLine } from "../fixtures/completing_shells.ts";
import { testHost } from "../fixtures/test_host.ts";

const globals = ["--help", "--version", "--verbose", "--color"];
const lines: TypedLine[] = [
  ["opendca sc", ["scan"]],
  ["opendca config ", ["check", "show"]],
  ["opendca config ch", ["check"]],
  ["opendca config --", globals],
  ["opendca scan --cred", ["--credentials"]],
  ["opendca scan 192.0.2.0/24 --exclu", ["--exclude"]],
  ["opendca --vers", ["--version"]],
  ["opendca -v --color never sta", ["status"]],
  ["opendca status --verb", ["--verbose"]],
  ["opendca completions ", ["bash", "fish", "zsh"]],
  ["opendca nonsense --cred", []],
];

testCompletions({
  name: "opendca",
  async completions(shell) {
    const host = testHost();
    assert.equal(await runCli(["completions", shell], host), 0, host.err);
    return host.out;
  },
  lines,
  linesOfFish: [
    ["opendca --color ", ["always", "auto", "never"]],
    ["opendca scan -f js", ["json", "jsonl"]],
  ],
  beforeFile: "opendca scan --credentials",
});

/** The completions of `opendca completions`, as a real shell takes them. */
import assert from "node:assert/strict";
import { runCli } from "../src/cli/run_cli.ts";
import { testHost } from "./fakes/test_host.ts";
import { maybeProgram, peerTest } from "./peers.ts";

const cases: [line: string, wanted: string[]][] = [
  ["opendca sc", ["scan"]],
  ["opendca config ", ["check", "show", "--help"]],
  ["opendca config ch", ["check"]],
  ["opendca scan --cred", ["--credentials"]],
  ["opendca scan 192.0.2.0/24 --exclu", ["--exclude"]],
  ["opendca --vers", ["--version"]],
  ["opendca completions ", ["bash", "--help"]],
  ["opendca nonsense --cred", []],
];

peerTest("bash completes commands and options of opendca", ["bash"], async () => {
  const host = testHost();
  assert.equal(await runCli(["completions", "bash"], host), 0, host.err);
  for (const [line, wanted] of cases) {
    const script = `${host.out}
COMP_WORDS=(${line.split(" ").map((word) => `'${word}'`).join(" ")})
COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
_opendca
printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { success, stdout, stderr } = await new Deno.Command(maybeProgram("bash")!, {
      args: ["--norc", "-u", "-c", script],
    }).output();
    assert(success, new TextDecoder().decode(stderr));
    const words = new TextDecoder().decode(stdout).split("\n").filter((word) => word !== "");
    assert.deepEqual(words, wanted, line);
  }
});

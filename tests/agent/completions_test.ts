/** The completions of `opendca completions`, as the real shells take them. */
import assert from "node:assert/strict";
import { runCli } from "../../src/cli/run_cli.ts";
import { testHost } from "../fixtures/test_host.ts";
import { maybeProgram, peerTest } from "../fixtures/peers.ts";

const globals = ["--help", "--version", "--verbose", "--color"];
const cases: [line: string, wanted: string[]][] = [
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

async function completionsOf(shell: string): Promise<string> {
  const host = testHost();
  assert.equal(await runCli(["completions", shell], host), 0, host.err);
  return host.out;
}

/** The lines that a script prints. */
async function linesOf(program: string, args: string[], env: Record<string, string> = {}): Promise<string[]> {
  const { success, stdout, stderr } = await new Deno.Command(maybeProgram(program)!, { args, env }).output();
  const said = new TextDecoder().decode(stderr);
  assert(success && said === "", said);
  return new TextDecoder().decode(stdout).split("\n").filter((line) => line !== "");
}

/** `words` are those which a shell offers; options alone where one was begun, as shells show them. */
function assertOffered(words: string[], [line, wanted]: (typeof cases)[number]): void {
  const begun = line.split(" ").at(-1)!;
  const offered = words.filter((word) => word.startsWith("-") === begun.startsWith("-") && word.startsWith(begun));
  assert.deepEqual(offered.toSorted(), wanted.toSorted(), line);
}

const quotedWords = (line: string) => line.split(" ").map((word) => `'${word}'`).join(" ");

peerTest("bash completes commands and options of opendca", ["bash"], async () => {
  const text = await completionsOf("bash");
  for (const each of cases) {
    const script = `${text}
COMP_WORDS=(${quotedWords(each[0])})
COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
_opendca
printf '%s\\n' "\${COMPREPLY[@]}"`;
    assertOffered(await linesOf("bash", ["--norc", "-u", "-c", script]), each);
  }
});

peerTest("zsh completes commands and options of opendca, sourced and as a file of $fpath", ["zsh"], async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/_opendca`, await completionsOf("zsh"));
    // What the function offers is printed in place of being shown in a line editor, which a test has not.
    const load = `fpath=(${folder} $fpath); autoload -Uz compinit; compinit -u -D
_files() { : }
_describe() { print -rl -- "\${(@)\${(@P)2}%%:*}" }`;
    const sourced =
      `${load}\nunset '_comps[opendca]'; source ${folder}/_opendca; [[ $_comps[opendca] == _opendca ]] || exit 3`;
    for (const each of cases) {
      const script = `${load}\n[[ $_comps[opendca] == _opendca ]] || exit 3
words=(${quotedWords(each[0])}); CURRENT=$#words; _opendca`;
      assertOffered(await linesOf("zsh", ["-f", "-c", script]), each);
    }
    const script = `${sourced}\nwords=(opendca sc); CURRENT=2; _opendca`;
    assertOffered(await linesOf("zsh", ["-f", "-c", script]), cases[0]!);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

peerTest("fish completes commands, options and their values of opendca", ["fish"], async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/opendca.fish`, await completionsOf("fish"));
    const more: typeof cases = [
      ["opendca --color ", ["always", "auto", "never"]],
      ["opendca scan -f js", ["json", "jsonl"]],
    ];
    for (const each of [...cases, ...more]) {
      const script = `source ${folder}/opendca.fish; complete -C '${each[0]}'; true`;
      const lines = await linesOf("fish", ["--no-config", "-c", script], { HOME: folder });
      assertOffered(lines.map((line) => line.split("\t")[0]!), each);
    }
    const script = `source ${folder}/opendca.fish; complete -C 'opendca scan --credentials ${folder}/op'`;
    const files = await linesOf("fish", ["--no-config", "-c", script], { HOME: folder });
    assert.deepEqual(files, [`${folder}/opendca.fish`]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

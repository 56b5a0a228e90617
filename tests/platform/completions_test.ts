/** The completions of `opendca-platform completions`, as the real shells take them. */
import assert from "node:assert/strict";
import { denoMachine } from "../../platform/edge/cli/deno_host.ts";
import { allCommands } from "../../platform/edge/cli/run_platform.ts";
import { completions } from "../../common/cli/completions.ts";
import { maybeProgram, peerTest } from "../fixtures/peers.ts";

const cases: [line: string, wanted: string[]][] = [
  ["opendca-platform sup", ["supply"]],
  ["opendca-platform device m", ["merge"]],
  ["opendca-platform --wide device split 10.1.0.7 --ser", ["--serial"]],
  ["opendca-platform meter export --fr", ["--from"]],
  ["opendca-platform completions ", ["bash", "fish", "zsh"]],
  ["opendca-platform nonsense --cred", []],
];
const program = allCommands(denoMachine());

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

peerTest("bash completes commands and options of opendca-platform", ["bash"], async () => {
  const text = completions.bash(program);
  for (const each of cases) {
    const script = `${text}
COMP_WORDS=(${quotedWords(each[0])})
COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
_opendca_platform
printf '%s\\n' "\${COMPREPLY[@]}"`;
    assertOffered(await linesOf("bash", ["--norc", "-u", "-c", script]), each);
  }
});

peerTest(
  "zsh completes commands and options of opendca-platform, sourced and as a file of $fpath",
  ["zsh"],
  async () => {
    const folder = await Deno.makeTempDir();
    try {
      await Deno.writeTextFile(`${folder}/_opendca_platform`, completions.zsh(program));
      // What the function offers is printed in place of being shown in a line editor, which a test has not.
      const load = `fpath=(${folder} $fpath); autoload -Uz compinit; compinit -u -D
_files() { : }
_describe() { print -rl -- "\${(@)\${(@P)2}%%:*}" }`;
      const sourced =
        `${load}\nunset '_comps[opendca-platform]'; source ${folder}/_opendca_platform; [[ $_comps[opendca-platform] == _opendca_platform ]] || exit 3`;
      for (const each of cases) {
        const script = `${load}\n[[ $_comps[opendca-platform] == _opendca_platform ]] || exit 3
words=(${quotedWords(each[0])}); CURRENT=$#words; _opendca_platform`;
        assertOffered(await linesOf("zsh", ["-f", "-c", script]), each);
      }
      const script = `${sourced}\nwords=(opendca-platform sup); CURRENT=2; _opendca_platform`;
      assertOffered(await linesOf("zsh", ["-f", "-c", script]), cases[0]!);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);

peerTest("fish completes commands, options and their values of opendca-platform", ["fish"], async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/opendca-platform.fish`, completions.fish(program));
    for (const each of cases) {
      const script = `source ${folder}/opendca-platform.fish; complete -C '${each[0]}'; true`;
      const lines = await linesOf("fish", ["--no-config", "-c", script], { HOME: folder });
      assertOffered(lines.map((line) => line.split("\t")[0]!), each);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** `opendca completions`: what a shell loads to complete the command line, made from the commands themselves. */
import type { Command } from "commander";
import type { Host } from "./host.ts";

const help = `
Put it where bash looks for completions, or load it in ~/.bashrc. Paths are completed where an option takes one.

Examples:
  opendca completions bash > /etc/bash_completion.d/opendca
  source <(opendca completions bash)

Exit codes: 0 printed, 64 wrong usage, 70 a bug.
`;

/** Adds the command to the program, which has all others by then. */
export function addCompletionsCommand(program: Command, host: Host): void {
  program.command("completions").description("print the completions of a shell")
    .command("bash").description("completions for bash")
    .addHelpText("after", help)
    .action(() => host.stdout.write(bashCompletions(program)));
  program.commands.at(-1)!.addHelpText("after", help);
}

/** A function of bash that knows the words which may follow each command. */
export function bashCompletions(program: Command): string {
  const name = program.name();
  const cases = [...wordsOf(program)].map(([path, words]) => `    "${path}") words="${words.join(" ")}" ;;`);
  return `# bash completion of ${name}, made by: ${name} completions bash
_${name}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" path="" words="" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$path \${word}" in
${
    [...wordsOf(program)].filter(([path]) => path !== "").map(([path]) =>
      `      " ${path}"|"${path}") path="${path}" ;;`
    ).join("\n")
  }
    esac
  done
  case "$path" in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _${name} ${name}
`;
}

/** For each command, by its path, the commands below it and its options. */
function* wordsOf(command: Command, path = ""): Iterable<[path: string, words: string[]]> {
  const options = command.options.filter(({ hidden }) => !hidden).map(({ long, short }) => long ?? short ?? "");
  yield [path, [...command.commands.map((child) => child.name()), ...options, "--help"]];
  for (const child of command.commands) yield* wordsOf(child, path === "" ? child.name() : `${path} ${child.name()}`);
}

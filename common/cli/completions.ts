/** Shell completions of a program, generated from its commands, so that they need no maintenance. */
import type { Command, Option } from "commander";

/** Completions by shell; the program must have all its commands. */
export const completions: Record<"bash" | "zsh" | "fish", (program: Command) => string> = {
  bash: bashCompletions,
  zsh: zshCompletions,
  fish: fishCompletions,
};

/** Help text of the command that prints them. */
export function completionsHelp(name: string): string {
  return `
Put it where the shell looks for completions, or load it when the shell starts. Paths are completed too.

Examples:
  ${name} completions bash > /etc/bash_completion.d/${name}
  ${name} completions zsh > /usr/local/share/zsh/site-functions/_${name.replaceAll("-", "_")}
  ${name} completions fish > ~/.config/fish/completions/${name}.fish
  source <(${name} completions bash)
`;
}

interface Node {
  /** Words after the program's name: "config check". */
  path: string;
  children: readonly Command[];
  options: readonly Option[];
}

/** Every command with its options, including the global ones and `--help`. */
function nodesOf(command: Command, path = ""): Node[] {
  const parser = command.createHelp();
  parser.showGlobalOptions = true;
  const options = [...parser.visibleOptions(command), ...parser.visibleGlobalOptions(command)];
  const children = shownCommands(command);
  const below = children.map((child) => nodesOf(child, `${path} ${child.name()}`.trim()));
  return [{ path, children, options }, ...below.flat()];
}

const longOf = ({ long, short }: Option) => long ?? short ?? "";

/** A bash function with the words that may follow each command. */
function bashCompletions(program: Command): string {
  const name = program.name(), id = name.replaceAll("-", "_"), nodes = nodesOf(program);
  const cases = nodes.map(({ path, children, options }) =>
    `    "${path}") words="${[...children.map((child) => child.name()), ...options.map(longOf)].join(" ")}" ;;`
  );
  return `# bash completion of ${name}, made by: ${name} completions bash
_${id}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" path="" words="" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$path \${word}" in
${nodes.slice(1).map(({ path }) => `      " ${path}"|"${path}") path="${path}" ;;`).join("\n")}
    esac
  done
  case "$path" in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _${id} ${name}
`;
}

/** A text in single quotes of zsh. */
const zshQuoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

/** A zsh function, for a file in `$fpath` and for `source`; it avoids the variable `path`, which is special in zsh. */
function zshCompletions(program: Command): string {
  const name = program.name(), id = name.replaceAll("-", "_"), nodes = nodesOf(program);
  const cases = nodes.map(({ path, children, options }) => {
    const words = [
      ...children.map((child) => [child.name(), child.description()] as const),
      ...options.map((option) => [longOf(option), option.description] as const),
    ].map(([word, text]) => `      ${zshQuoted(`${word}:${text}`)}`);
    return `    "${path}") candidates=(\n${words.join("\n")}\n    ) ;;`;
  });
  return `#compdef ${name}
# zsh completion of ${name}, made by: ${name} completions zsh
_${id}() {
  local at="" word
  local -a candidates
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$at $word" in
${nodes.slice(1).map(({ path }) => `      " ${path}"|"${path}") at="${path}" ;;`).join("\n")}
    esac
  done
  case "$at" in
${cases.join("\n")}
  esac
  _describe ${id} candidates
  _files
}
if [[ "\${funcstack[1]}" == _${id} ]]; then _${id} "$@"; else compdef _${id} ${name}; fi
`;
}

/** A text in single quotes of fish. */
const fishQuoted = (text: string) => `'${text.replaceAll(/[\\']/g, "\\$&")}'`;

function fishCompletions(program: Command): string {
  const name = program.name(), id = name.replaceAll("-", "_"), nodes = nodesOf(program);
  const lines = nodes.flatMap(({ path, children, options }) => {
    const begin = `complete -c ${name} -n ${fishQuoted(`__${id}_at "${path}"`)}`;
    return [
      ...children.map((child) => `${begin} -f -a ${child.name()} -d ${fishQuoted(child.description())}`),
      ...options.map((option) => `${begin} ${fishOption(option)} -d ${fishQuoted(option.description)}`),
    ];
  });
  return `# fish completion of ${name}, made by: ${name} completions fish
function __${id}_at
  set -l at ""
  for word in (commandline -opc)[2..-1]
    switch (string trim -- "$at $word")
      case ${nodes.slice(1).map(({ path }) => fishQuoted(path)).join(" ")}
        set at (string trim -- "$at $word")
    end
  end
  test "$at" = "$argv[1]"
end
${lines.join("\n")}
`;
}

function fishOption({ long, short, required, argChoices, flags }: Option): string {
  const names = [...(short ? [`-s ${short.slice(1)}`] : []), ...(long ? [`-l ${long.slice(2)}`] : [])].join(" ");
  if (argChoices !== undefined) return `${names} -x -a ${fishQuoted(argChoices.join(" "))}`;
  if (!required) return names;
  // Values other than files are not completed.
  return `${names} ${/<(file|folder|directory)>/.test(flags) ? "-r -F" : "-x"}`;
}

/** The commands below one that are for people. */
export function shownCommands(command: Command): Command[] {
  const shown = command.createHelp().visibleCommands(command);
  // Without "help", which the parser adds.
  return command.commands.filter((child) => shown.includes(child));
}

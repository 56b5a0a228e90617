/** The manual pages of a program, made from the help of its commands: there is no second text to keep true. */
import type { Command } from "commander";
import { shownCommands } from "../common/cli/completions.ts";

export interface ManualPage {
  /** `opendca-config-check.1` */
  file: string;
  /** In the macros of man(7). */
  text: string;
}

/** One page for the program and one for each command below it. */
export function manualPages(program: Command, version: string): ManualPage[] {
  return commandsOf(program).map(({ command, path }) => {
    const name = path.join("-");
    const text = page(command, {
      path,
      name,
      version,
      below: shownCommands(command).map((child) => `${name}-${child.name()}`),
    });
    return { file: `${name}.1`, text };
  });
}

function commandsOf(command: Command, above: readonly string[] = []): { command: Command; path: string[] }[] {
  const path = [...above, command.name()];
  return [{ command, path }, ...shownCommands(command).flatMap((child) => commandsOf(child, path))];
}

function page(
  command: Command,
  { path, name, version, below }: { path: string[]; name: string; version: string; below: string[] },
): string {
  const help = command.createHelp();
  help.showGlobalOptions = true;
  const above = path.slice(1).map((_, i) => path.slice(0, i + 1).join("-"));
  const seeAlso = [...above, ...below].map((other) => `.BR ${escaped(other)} (1)`);
  return [
    `.TH ${escaped(name.toUpperCase())} 1 "" "${path[0]} ${version}" "OpenDCA"`,
    ".SH NAME",
    `${escaped(name)} \\- ${escaped(command.description())}`,
    ".SH SYNOPSIS",
    `.B ${escaped(path.join(" "))}`,
    escaped(command.usage()),
    ...section("ARGUMENTS", help.visibleArguments(command).map((it) => [help.argumentTerm(it), it.description])),
    ...section("OPTIONS", help.visibleOptions(command).map((it) => [it.flags, help.optionDescription(it)])),
    ...section(
      "GLOBAL OPTIONS",
      help.visibleGlobalOptions(command).map((it) => [it.flags, help.optionDescription(it)]),
    ),
    ...section("COMMANDS", shownCommands(command).map((it) => [it.name(), it.description()])),
    ".SH NOTES",
    ".nf",
    ...behindHelp(command).split("\n").map(escaped),
    ".fi",
    ...(seeAlso.length === 0 ? [] : [".SH SEE ALSO", ...seeAlso]),
    "",
  ].join("\n");
}

function section(title: string, entries: [term: string, text: string][]): string[] {
  if (entries.length === 0) return [];
  return [`.SH ${title}`, ...entries.flatMap(([term, text]) => [".TP", `.B ${escaped(term)}`, escaped(text)])];
}

/** What `addHelpText("after", …)` adds: examples, targets, exit codes. */
function behindHelp(command: Command): string {
  let shown = "";
  // Plain text whatever the terminal and the environment are.
  command.configureOutput({ writeOut: (text) => shown += text, getOutHasColors: () => false });
  command.outputHelp();
  return shown.slice(command.helpInformation().length).trim();
}

/** Text of roff: its own characters lose their meaning, and a minus stays one that can be copied. */
function escaped(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replaceAll("\u2026", "...").replaceAll('"', "\\(dq")
    .replace(/^[.']/, "\\&$&");
}

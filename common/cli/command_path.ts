import type { Command } from "commander";

/** `["customer", "create"]` of `customer create --json Acme`: the leading words that are known commands. */
export function commandPath(program: Command, args: readonly string[]): string[] {
  const path: string[] = [];
  let command = program;
  for (const arg of args) {
    const next = command.commands.find((child) => child.name() === arg);
    if (next === undefined) continue;
    path.push(arg);
    command = next;
  }
  return path;
}

import type { Command } from "commander";
import { completions, completionsHelp } from "../../common/cli/completions.ts";
import type { Host } from "./host.ts";

const help = `${completionsHelp("opendca")}
Exit codes: 0 printed, 64 wrong usage, 70 a bug.
`;

/** Adds `completions` to the program; all other commands must have been added before. */
export function addCompletionsCommand(program: Command, host: Host): void {
  const command = program.command("completions").description("print the completions of a shell")
    .addHelpText("after", help);
  for (const [shell, print] of Object.entries(completions)) {
    command.command(shell).description(`completions for ${shell}`).addHelpText("after", help)
      .action(() => host.stdout.write(print(program)));
  }
}

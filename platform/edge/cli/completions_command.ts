import type { Command } from "commander";
import { completions, completionsHelp } from "../../../common/cli/completions.ts";
import type { CommandContext } from "./command_context.ts";

/** Adds `completions` to the program; all other commands must have been added before. */
export function addCompletionsCommand(program: Command, { host }: CommandContext): void {
  const command = program.command("completions").description("print the completions of a shell");
  for (const [shell, print] of Object.entries(completions)) {
    command.command(shell).description(`completions for ${shell}`)
      .addHelpText("after", completionsHelp(program.name()).trimEnd())
      .action(() => host.stdout(print(program)));
  }
}

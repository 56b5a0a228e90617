import type { Command } from "commander";
import { agentFile, type AgentFileOptions } from "../../agents/agent_file.ts";
import type { CommandContext } from "./command_context.ts";

/** `agent-file TARGET…`: a file agent.yaml for new agents of this platform. */
export function addAgentFileCommand(program: Command, context: CommandContext): void {
  program.command("agent-file <target...>")
    .description("print agent.yaml for new agents: this platform, its authority and unlock key, and what to scan")
    .option("--endpoint <host:port>", "where agents reach this platform (default: its first --host-name, port 8443)")
    .option("--network <name>", "name of the network that the targets are in", "office")
    .addHelpText(
      "after",
      `
Targets are ranges or host names of printers, with a port if it is not 161:
10.1.0.0/16, 10.1.0.1-99, 10.1.0.7:1161, plotter.example.com.`,
    )
    .action((targets: string[], options: AgentFileOptions, command: Command) =>
      context.run(command, (platform) => {
        const text = agentFile(platform, targets, options);
        return { json: { file: text }, text, next: "sh install.sh --config FILE, on the machine of the agent" };
      })
    );
}

/** The command line: selects the command, parses options, and reports failures. */
import { Command, CommanderError } from "commander";
import { exitCodeFor, messageOf, namedError, ReaderGoneError, UsageError } from "../../../common/core/errors.ts";
import { commandPath } from "../../../common/cli/command_path.ts";
import { completions, completionsHelp } from "../../../common/cli/completions.ts";
import { parserSentence, parserSuggestion } from "../../../common/core/parser_message.ts";
import project from "../../../deno.json" with { type: "json" };
import { addApprovalCommands } from "./approval_commands.ts";
import { addAccessCommands } from "./access_commands.ts";
import { addAgentCommands } from "./agent_commands.ts";
import { addAgentFileCommand } from "./agent_file_command.ts";
import { addAuditCommands } from "./audit_commands.ts";
import { addBackupCommand } from "./backup_command.ts";
import { addBillingCommands } from "./billing_commands.ts";
import { addCodeCommands } from "./code_commands.ts";
import { type CommandContext, commandContext, formats } from "./command_context.ts";
import { addCustomerCommands } from "./customer_commands.ts";
import { addAlertCommands } from "./alert_commands.ts";
import { addMeterCommands } from "./meter_commands.ts";
import { addSupplyCommands } from "./supply_commands.ts";
import { addDatabaseCommands } from "./database_commands.ts";
import { addDeviceCommands } from "./device_commands.ts";
import { addForwardCommand } from "./forward_command.ts";
import { addHelpExamples } from "./help_examples.ts";
import type { PlatformHost, PlatformMachine } from "./host.ts";
import { addReadingCommands } from "./reading_commands.ts";
import { addReleaseCommands } from "./release_commands.ts";
import { addServeCommand } from "./serve_command.ts";
import { addSignInCommands } from "./sign_in_commands.ts";
import { addStatusCommand } from "./status_command.ts";
import { addTaskCommands } from "./task_commands.ts";
import { addTokenCommands } from "./token_commands.ts";
import { addTrustCommands } from "./trust_commands.ts";
import { addUnlockCommand } from "./unlock_command.ts";
import { addRoleCommands } from "./role_commands.ts";
import { addUserCommands } from "./user_commands.ts";
import { addVerifyCommand } from "./verify_command.ts";
import { addExportCommands, addFeedCommands } from "./feed_commands.ts";
import { addNotificationCommands } from "./notification_commands.ts";
import { addWebhookCommands } from "./webhook_commands.ts";
import { oneLine } from "./table.ts";

/**
 * Runs one command and returns the exit code: 0 done, 64 usage, 69 unreachable, 70 a bug, 77 not permitted, 78
 * configuration.
 */
export async function runPlatform(args: readonly string[], host: PlatformHost): Promise<number> {
  let shown = "", exitCode = 0;
  const program = createProgram(commandContext(host, (code) => exitCode = code), (text) => shown += text);
  try {
    if (args.length === 0) {
      throw new UsageError("Cannot run as no command was given", "opendca-platform serve, or opendca-platform --help");
    }
    await program.parseAsync(args as string[], { from: "user" });
    return exitCode;
  } catch (error) {
    // The parser ends help and version with an error; the text is written here, where the write can be awaited.
    if (error instanceof CommanderError && error.exitCode === 0) {
      const failure = await host.stdout(shown).then(() => undefined, (reason: unknown) => reason);
      if (failure === undefined) return 0;
      if (!(failure instanceof ReaderGoneError)) await host.stderr(renderError(failure));
      return exitCodeFor(failure);
    }
    if (error instanceof ReaderGoneError) return exitCodeFor(error);
    const failure = error instanceof CommanderError ? usageErrorOf(error, commandPath(program, args)) : error;
    await host.stderr(renderError(namedError(failure)));
    return exitCodeFor(failure);
  }
}

/** The program with all its commands, for its description only; not to be run. */
export function allCommands(machine: PlatformMachine): Command {
  return createProgram(commandContext(machine as PlatformHost, () => {}), () => {});
}

function createProgram(context: CommandContext, show: (text: string) => void): Command {
  const program = new Command("opendca-platform")
    .description("the platform that OpenDCA agents report to: the server, and its administration")
    .version(`opendca-platform ${project.version}`, "-V, --version", "print the version")
    .helpOption("-h, --help", "show this help")
    .helpCommand("help [command]", "show the help of a command")
    .option(
      "--data <folder>",
      "data directory (default: $OPENDCA_PLATFORM_DATA, $STATE_DIRECTORY, /var/lib/opendca-platform)",
    )
    .option(
      "--database <url>",
      "postgres://USER@HOST/NAME in place of SQLite in the data directory (default: $OPENDCA_DATABASE)",
    )
    .option("--format <format>", "table, json or csv; csv for lists alone", formatOption)
    .option("--json", "the same as --format json")
    .option("--wide", "tables with all columns, even if wider than the terminal")
    .exitOverride()
    .configureHelp({ helpWidth: Math.min(100, context.host.columns), showGlobalOptions: true })
    .configureOutput({ writeOut: show, writeErr: () => {} });
  addServeCommand(program, context);
  addStatusCommand(program, context);
  addCustomerCommands(program, context);
  addCodeCommands(program, context);
  addAgentFileCommand(program, context);
  addAgentCommands(program, context);
  addReleaseCommands(program, context);
  addTaskCommands(program, context);
  addAccessCommands(program, context);
  addApprovalCommands(program, context);
  addForwardCommand(program, context);
  addUnlockCommand(program, context);
  addUserCommands(program, context);
  addRoleCommands(program, context);
  addSignInCommands(program, context);
  addTokenCommands(program, context);
  addNotificationCommands(program, context);
  addWebhookCommands(program, context);
  addFeedCommands(program, context);
  addExportCommands(program, context);
  addDeviceCommands(program, context);
  addMeterCommands(program, context);
  addBillingCommands(program, context);
  addReadingCommands(program, context);
  addSupplyCommands(program, context);
  addAlertCommands(program, context);
  addAuditCommands(program, context);
  addTrustCommands(program, context);
  addDatabaseCommands(program, context);
  addBackupCommand(program, context);
  addVerifyCommand(program, context);
  addCompletionsCommand(program, context);
  addHelpExamples(program);
  return program;
}

function formatOption(text: string): string {
  if ((formats as readonly string[]).includes(text)) return text;
  throw new UsageError(
    `Cannot use --format as a format: current value is "${text}"`,
    `--format takes ${formats.join(", ")}`,
  );
}

function usageErrorOf(error: CommanderError, path: readonly string[]): UsageError {
  const help = path.length === 0
    ? "opendca-platform --help lists the commands"
    : `opendca-platform ${path.join(" ")} --help lists its options`;
  // A group without a command, such as only `customer`, shows its help.
  if (error.code === "commander.help") {
    return new UsageError("Cannot run the command as it is incomplete", help, { cause: error });
  }
  const suggestion = parserSuggestion(error.message);
  const hint = suggestion === undefined ? help : `did you mean ${suggestion}?`;
  return new UsageError(`Cannot run the command: ${parserSentence(error.message)}`, hint, { cause: error });
}

function renderError(error: unknown): string {
  const hint = error instanceof Error && "hint" in error && typeof error.hint === "string" ? error.hint : undefined;
  const lines = [`error: ${oneLine(messageOf(error))}`];
  if (hint !== undefined) lines.push(`hint: ${oneLine(hint)}`);
  if (exitCodeFor(error) === 70) {
    lines.push("hint: this is a defect of opendca-platform; please report it with the lines below");
    if (error instanceof Error && error.stack !== undefined) lines.push(error.stack);
  }
  return lines.join("\n") + "\n";
}

/** Adds `completions` to the program; all other commands must have been added before. */
function addCompletionsCommand(program: Command, { host }: CommandContext): void {
  const command = program.command("completions").description("print the completions of a shell");
  for (const [shell, print] of Object.entries(completions)) {
    command.command(shell).description(`completions for ${shell}`)
      .addHelpText("after", completionsHelp(program.name()).trimEnd())
      .action(() => host.stdout(print(program)));
  }
}

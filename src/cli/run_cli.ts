/** The command line: which command, with which options, and what a failure looks like. */
import { Command, CommanderError } from "commander";
import { refuseWhenLocked } from "../activation/lock_gate.ts";
import { activationStore, likelyStateDirectory } from "../activation/store_options.ts";
import { ConfigMistakesError } from "../config/config_mistakes.ts";
import { configPath } from "../config/read_config.ts";
import { exitCodeFor, messageOf, UsageError } from "../core/errors.ts";
import { safeText } from "../core/safe_text.ts";
import { addActivateCommand } from "./activate_command.ts";
import { addConfigCommand } from "./config_command.ts";
import { addDoctorCommand } from "./doctor_command.ts";
import type { Host } from "./host.ts";
import { addExplainCommand } from "./explain_command.ts";
import { addLedgerCommand } from "./ledger_command.ts";
import { addPingCommand } from "./ping_command.ts";
import { addRecordCommand } from "./record_command.ts";
import { addRunCommand } from "./run_command.ts";
import { addScanCommand } from "./scan_command.ts";
import { addStatusCommand } from "./status_command.ts";
import { addUnlockCommand } from "./unlock_command.ts";
import { version } from "./version.ts";

/** Runs one command and returns the exit code: 0 done, 64 usage, 69 unreachable, 70 a bug, 77 not permitted, 78 configuration, 130 interrupted. */
export async function runCli(args: readonly string[], host: Host): Promise<number> {
  let exitCode = 0;
  let shown = "";
  const program = createProgram(host, { setExitCode: (code) => exitCode = code, show: (text) => shown += text });
  try {
    if (args.length === 0) {
      throw new UsageError("Cannot run as no command was given", "opendca scan 192.168.1.0/24, or opendca --help");
    }
    await program.parseAsync(args as string[], { from: "user" });
    return exitCode;
  } catch (error) {
    // Help and version end the parser by an error; they are written here, where they can be waited for.
    if (error instanceof CommanderError && error.exitCode === 0) {
      await host.stdout.write(shown);
      return 0;
    }
    const failure = error instanceof CommanderError ? usageErrorOf(error, args[0]) : error;
    await host.stderr.write(renderError(failure));
    return exitCodeFor(failure);
  }
}

interface ProgramHooks {
  setExitCode(code: number): void;
  /** Takes the text of --help and --version. */
  show(text: string): void;
}

function createProgram(host: Host, hooks: ProgramHooks): Command {
  const program = new Command("opendca")
    .description(
      "Data collection agent for managed print: finds the printers of a network and reads their meters,\nsupplies and alerts over SNMP.",
    )
    .version(`opendca ${version}`, "-V, --version", "print the version")
    .helpOption("-h, --help", "show this help")
    .helpCommand("help [command]", "show the help of a command")
    .showSuggestionAfterError(true)
    .exitOverride()
    .configureHelp({ helpWidth: Math.min(100, host.stdout.columns()) })
    .configureOutput({
      writeOut: hooks.show,
      // A mistake is reported by `runCli`, in one voice.
      writeErr: () => {},
    });
  addScanCommand(program, host, hooks.setExitCode);
  addExplainCommand(program, host, hooks.setExitCode);
  addRecordCommand(program, host, hooks.setExitCode);
  addConfigCommand(program, host);
  addActivateCommand(program, host, hooks.setExitCode);
  addUnlockCommand(program, host);
  addRunCommand(program, host);
  addStatusCommand(program, host);
  addLedgerCommand(program, host, hooks.setExitCode);
  addDoctorCommand(program, host, hooks.setExitCode);
  addPingCommand(program, host, hooks.setExitCode);
  program.hook("preAction", async (_, command) => {
    const { config } = command.opts<{ config?: string }>();
    const directory = await likelyStateDirectory(configPath(config, host.env), host);
    await refuseWhenLocked(nameOf(command), await activationStore(directory, host.env));
  });
  return program;
}

/** `config` for `opendca config check`. */
function nameOf(command: Command): string {
  return command.parent?.parent ? nameOf(command.parent) : command.name();
}

function usageErrorOf(error: CommanderError, command: string | undefined): UsageError {
  const [first = "", ...rest] = error.message.replace(/^error: /, "").split("\n");
  const suggestion = rest.join(" ").match(/Did you mean (.+)\?/)?.[1];
  const help = command !== undefined && /^[a-z]+$/.test(command) && !error.message.includes("unknown command")
    ? `opendca ${command} --help lists the options`
    : "opendca --help lists the commands";
  const hint = suggestion === undefined ? help : `did you mean ${suggestion}?`;
  return new UsageError(`Cannot run the command: ${first}`, hint, { cause: error });
}

function renderError(error: unknown): string {
  if (error instanceof ConfigMistakesError) return error.mistakes.map(renderError).join("");
  const hint = error instanceof Error && "hint" in error && typeof error.hint === "string" ? error.hint : undefined;
  const lines = [`error: ${safeText(messageOf(error))}`];
  if (hint !== undefined) lines.push(`hint: ${safeText(hint)}`);
  if (exitCodeFor(error) === 70) {
    lines.push("hint: this is a defect of opendca; please report it with the lines below");
    if (error instanceof Error && error.stack !== undefined) lines.push(error.stack);
  }
  return lines.join("\n") + "\n";
}

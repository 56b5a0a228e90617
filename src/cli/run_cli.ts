/** The command line: selects the command, parses options, and reports failures. */
import { Command, CommanderError } from "commander";
import { refuseWhenLocked } from "../activation/lock_gate.ts";
import { activationStore, likelyStateDirectory } from "../activation/store_options.ts";
import { ConfigMistakesError } from "../config/config_mistakes.ts";
import { configPath } from "../config/config_path.ts";
import { maybeActivationCode } from "../../common/core/activation_code.ts";
import { exitCodeFor, messageOf, namedError, ReaderGoneError, UsageError } from "../../common/core/errors.ts";
import { commandPath } from "../../common/cli/command_path.ts";
import { parserSentence, parserSuggestion } from "../../common/core/parser_message.ts";
import { safeText } from "../../common/core/safe_text.ts";
import { versionJson, versionText } from "./build_facts.ts";
import { addGlobalOptions, fromCommand, type GlobalOptions, verboseLine } from "./global_options.ts";
import type { Host } from "./host.ts";
import { version } from "./version.ts";

type AddCommand = (program: Command, host: Host, setExitCode: (code: number) => void) => void;

/**
 * In the order of the help. Only the requested one is loaded: otherwise a service would keep the others in memory for
 * years.
 */
const commands: Record<string, () => Promise<AddCommand>> = {
  scan: async () => (await import("./scan_command.ts")).addScanCommand,
  explain: async () => (await import("./explain_command.ts")).addExplainCommand,
  record: async () => (await import("./record_command.ts")).addRecordCommand,
  config: async () => (await import("./config_command.ts")).addConfigCommand,
  activate: async () => (await import("./activate_command.ts")).addActivateCommand,
  unlock: async () => (await import("./unlock_command.ts")).addUnlockCommand,
  run: async () => (await import("./run_command.ts")).addRunCommand,
  status: async () => (await import("./status_command.ts")).addStatusCommand,
  ledger: async () => (await import("./ledger_command.ts")).addLedgerCommand,
  sessions: async () => (await import("./sessions_command.ts")).addSessionsCommand,
  doctor: async () => (await import("./doctor_command.ts")).addDoctorCommand,
  update: async () => (await import("./update_command.ts")).addUpdateCommand,
  verify: async () => (await import("./verify_command.ts")).addVerifyCommand,
  "verify-statement": async () => (await import("./verify_statement_command.ts")).addVerifyStatementCommand,
  ping: async () => (await import("./ping_command.ts")).addPingCommand,
  completions: async () => (await import("./completions_command.ts")).addCompletionsCommand,
};

const examples = `
Examples:
  opendca scan 192.168.1.0/24
  opendca scan --help

Exit codes: 0 done, 64 wrong usage, 69 cannot be reached, 70 a bug, 74 the output cannot be written, 77 not
permitted, 78 bad configuration, 130 interrupted, 141 the output was closed. The help of each command has the details.
`;

/**
 * Runs one command and returns the exit code: 0 done, 64 usage, 69 unreachable, 70 a bug, 74 output, 77 not permitted,
 * 78 configuration, 130 interrupted, 141 reader of the output gone.
 */
export async function runCli(given: readonly string[], machine: Host): Promise<number> {
  const args = fromCommand(given);
  const host: Host = { ...machine, options: { color: "auto", verbose: false } };
  let exitCode = 0;
  let shown = "";
  const program = await createProgram(args, host, {
    setExitCode: (code) => exitCode = code,
    show: (text) => shown += text,
  });
  try {
    if (args.length === 0) {
      throw new UsageError("Cannot run as no command was given", "opendca scan 192.168.1.0/24, or opendca --help");
    }
    // The parser accepts `--json` only for a command.
    const isVersion = args.length === 2 && args.includes("--json") && args.some((arg) => /^(-V|--version)$/.test(arg));
    await program.parseAsync(isVersion ? ["--version"] : given as string[], { from: "user" });
    return exitCode;
  } catch (error) {
    // The parser ends help and version with an error; the text is written here, where the write can be awaited.
    if (error instanceof CommanderError && error.exitCode === 0) {
      const failure = await host.stdout.write(shown).then(() => undefined, (reason: unknown) => reason);
      if (failure === undefined) return 0;
      if (!(failure instanceof ReaderGoneError)) await host.stderr.write(renderError(failure));
      return exitCodeFor(failure);
    }
    if (error instanceof ReaderGoneError) return exitCodeFor(error);
    const failure = error instanceof CommanderError
      ? await maybeLockedError(program, args, host) ?? usageErrorOf(error, args, commandPath(program, args))
      : error;
    await host.stderr.write(renderError(namedError(failure)));
    return exitCodeFor(failure);
  }
}

/** The program with all its commands, for its description only; not to be run. */
export function allCommands(host: Host): Promise<Command> {
  return createProgram([], host, { setExitCode() {}, show() {} });
}

interface ProgramHooks {
  setExitCode(code: number): void;
  /** Receives the text of --help and --version. */
  show(text: string): void;
}

/** Adds the requested command only; if it is unknown or missing, all commands, for the help and for suggestions. */
async function createProgram(args: readonly string[], host: Host, hooks: ProgramHooks): Promise<Command> {
  const [name] = args;
  const program = new Command("opendca")
    .description(
      "Data collection agent for managed print: discovers the printers of a network and reads their meters, supplies and alerts over SNMP.",
    )
    .version(shownVersion(args, host), "-V, --version", "print the version; with --json, of the build and runtime too")
    .helpOption("-h, --help", "show this help")
    .helpCommand("help [command]", "show the help of a command")
    .addHelpText("after", examples)
    .showSuggestionAfterError(true)
    .exitOverride()
    .configureHelp({ helpWidth: Math.min(100, host.stdout.columns()), showGlobalOptions: true })
    .configureOutput({
      writeOut: hooks.show,
      // `runCli` reports all mistakes in the same form.
      writeErr: () => {},
    });
  addGlobalOptions(program);
  // Completions need all commands.
  const isKnown = name !== undefined && name !== "completions" && Object.hasOwn(commands, name);
  const added = await Promise.all(isKnown ? [commands[name]!()] : Object.values(commands).map((load) => load()));
  for (const add of added) add(program, host, hooks.setExitCode);
  program.hook("preAction", async (_, command) => {
    Object.assign(host.options!, program.opts<GlobalOptions>());
    await refuseLocked(nameOf(command), command.opts<{ config?: string }>(), host);
  });
  return program;
}

function shownVersion(args: readonly string[], host: Host): string {
  const program = { program: "opendca", version };
  const build = host.buildFacts();
  return args.includes("--json") ? versionJson(program, build) : versionText(program, build);
}

async function refuseLocked(command: string, { config }: { config?: string | undefined }, host: Host): Promise<void> {
  const directory = await likelyStateDirectory(configPath(config, host.env), host);
  await host.stderr.write(verboseLine(host, "commandBegun", { command, version, stateDirectory: directory }));
  refuseWhenLocked(command, activationStore(directory, host.env));
}

/** Checks the lock first: a mistake in the options would end the parser before any command runs. */
async function maybeLockedError(program: Command, args: readonly string[], host: Host): Promise<unknown> {
  const name = args.find((arg) => !arg.startsWith("-")) ?? "";
  if (!program.commands.some((command) => command.name() === name)) return undefined;
  const option = args.findIndex((arg) => arg === "--config" || arg.startsWith("--config="));
  const config = option < 0 ? undefined : args[option]!.slice("--config=".length) || args[option + 1];
  return await refuseLocked(name, { config }, host).then(() => undefined, (error: unknown) => error);
}

/** Name of the top-level command: `config` for `opendca config check`. */
function nameOf(command: Command): string {
  return command.parent?.parent ? nameOf(command.parent) : command.name();
}

function usageErrorOf(
  error: CommanderError,
  [command = "", next]: readonly string[],
  path: readonly string[],
): UsageError {
  // The parser's code if a command with subcommands was given none of them.
  const isHelp = error.code === "commander.help";
  const said = isHelp && command === "help"
    ? `unknown command '${next}'`
    : isHelp
    ? `${command} is none by itself`
    : parserSentence(error.message);
  const suggestion = parserSuggestion(error.message);
  const help = path.length > 0
    ? `opendca ${path.join(" ")} --help lists its options`
    : "opendca --help lists the commands";
  const hint = suggestion === undefined ? help : `did you mean ${suggestion}?`;
  return new UsageError(`Cannot run the command: ${withoutSecrets(said)}`, hint, { cause: error });
}

/**
 * Removes secrets from the parser's message, which quotes unknown words: one may be a password or an activation code in
 * the wrong place.
 */
function withoutSecrets(message: string): string {
  return message.replace(/(option '--?[A-Za-z][\w-]*)=[^']*'/g, "$1'")
    .replace(/[0-9A-Za-z*~$=]{4}([\s-]?[0-9A-Za-z*~$=]{4}){2}/g, (text) => maybeActivationCode(text) ? "[code]" : text);
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

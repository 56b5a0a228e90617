/** `opendca status`: what the agent is and does, from its state directory alone. */
import type { Command } from "commander";
import { activationStore, likelyStateDirectory } from "../activation/store_options.ts";
import { type FindingLimits, findingsOf, usualLimits } from "../service/findings.ts";
import { readStatus, type ShownStatus } from "../service/read_status.ts";
import { parseDuration } from "../../common/core/duration.ts";
import { configPath } from "../config/read_config.ts";
import { ValueSyntaxError } from "../../common/core/value_syntax_error.ts";
import { UsageError } from "../../common/core/errors.ts";
import { safeText, visibleText } from "../../common/core/safe_text.ts";
import { hanging } from "../../common/core/terminal_text.ts";
import { visibleJson } from "../../common/core/visible_json.ts";
import type { Host } from "./host.ts";
import { checkStatus, uncheckable } from "./status_check.ts";
import { factIndent, renderStatus } from "./status_text.ts";

const examples = `
Examples:
  opendca status
  opendca status --json | jq .state
  opendca status --check --warn-away 1h --crit-away 12h

States: running, stopped, crashed (it ended without saying so), unresponsive (it does not update its status), not-activated,
revoked, locked, foreign (the state directory comes from another machine).
Exit codes: 0 the state is known, 77 this user may not read it.
With --check: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN, and one line with numbers, as a Nagios plug-in. An agent that does
not run and lost readings are critical, other faults are warnings.
`;

interface StatusOptions {
  json?: boolean;
  config?: string;
  check?: boolean;
  warnAway?: string;
  critAway?: string;
  warnWaiting?: string;
  critWaiting?: string;
  warnUnread?: string;
  critUnread?: string;
}

/** Adds the command to the program. It works on a locked agent, and needs no sound configuration. */
export function addStatusCommand(program: Command, host: Host, setExitCode: (code: number) => void): void {
  program.command("status").description("show whether the agent runs, reaches the platform and has readings waiting")
    .option("--json", "print JSON")
    .option("--config <file>", "configuration file (default: $OPENDCA_CONFIG, /etc/opendca/agent.yaml)")
    .option("--check", "one line and an exit code for monitoring")
    .option(
      "--warn-away <duration>",
      "with --check: warn after this time without an answer of the platform (default: 30m)",
    )
    .option("--crit-away <duration>", "with --check: critical after this time without one (default: 24h)")
    .option(
      "--warn-waiting <duration>",
      "with --check: warn when a reading has waited this long to be sent (default: 6h)",
    )
    .option("--crit-waiting <duration>", "with --check: critical when one has waited this long (default: 3d)")
    .option(
      "--warn-unread <percent>",
      "with --check: warn when this share of the devices does not answer (default: 25)",
    )
    .option("--crit-unread <percent>", "with --check: critical when this share does not (default: never)")
    .addHelpText("after", examples)
    .action(async (options: StatusOptions) => {
      if (options.check === true) return setExitCode(await check(options, host));
      const unchecked = limitOptions.find(([name]) => options[name] !== undefined);
      if (unchecked !== undefined) {
        throw new UsageError(`Cannot use ${unchecked[1]} without --check`, "opendca status --check --help");
      }
      const status = await shownStatus(options, host);
      const now = host.clock.now();
      if (options.json === true) return await host.stdout.write(`${visibleJson(jsonOf(status, now), 2)}\n`);
      const lines = renderStatus(status, now);
      const width = host.stdout.isTerminal ? host.stdout.columns() : Infinity;
      const shown = lines.map((line) => hanging(visibleText(line), { indent: factIndent, width }));
      await host.stdout.write(shown.map((line) => `${line}\n`).join(""));
    });
}

const limitOptions = [
  ["warnAway", "--warn-away"],
  ["critAway", "--crit-away"],
  ["warnWaiting", "--warn-waiting"],
  ["critWaiting", "--crit-waiting"],
  ["warnUnread", "--warn-unread"],
  ["critUnread", "--crit-unread"],
] as const;

/** Monitoring reads one line of standard output, whatever happens. */
async function check(options: StatusOptions, host: Host): Promise<number> {
  let result, json: unknown;
  try {
    const limits = limitsOf(options);
    const status = await shownStatus(options, host);
    const now = host.clock.now();
    result = checkStatus(status, now, limits);
    json = { ...jsonOf(status, now, limits), check: result };
  } catch (error) {
    result = uncheckable(error);
    json = { check: result };
  }
  await host.stdout.write(options.json === true ? `${visibleJson(json, 2)}\n` : `${result.line}\n`);
  return result.exitCode;
}

function jsonOf(status: ShownStatus, now: Date, limits?: FindingLimits) {
  return { ...status, findings: findingsOf(status, now, limits) };
}

async function shownStatus(options: StatusOptions, host: Host): Promise<ShownStatus> {
  const directory = await likelyStateDirectory(configPath(options.config, host.env), host);
  await noteAbsentFile(options.config, { directory, host });
  const store = activationStore(directory, host.env);
  return readStatus(store, { ...host, ...host.agentMachine() });
}

/** Throws UsageError. */
function limitsOf(options: StatusOptions): FindingLimits {
  const of = (name: (typeof limitOptions)[number][0], usual: number, parse: (text: string) => number): number => {
    const text = options[name];
    if (text === undefined) return usual;
    try {
      return parse(text);
    } catch (error) {
      if (!(error instanceof ValueSyntaxError)) throw error;
      const option = limitOptions.find(([each]) => each === name)![1];
      throw new UsageError(`Cannot use ${option} as it ${error.reason}: current value is "${text}"`, error.hint);
    }
  };
  const { away, waiting, unread } = usualLimits;
  return {
    away: {
      warning: of("warnAway", away.warning, parseDuration),
      critical: of("critAway", away.critical, parseDuration),
    },
    waiting: {
      warning: of("warnWaiting", waiting.warning, parseDuration),
      critical: of("critWaiting", waiting.critical, parseDuration),
    },
    unread: {
      warning: of("warnUnread", unread.warning, parsePercent),
      critical: of("critUnread", unread.critical, parsePercent),
    },
  };
}

/** More than 0, as nobody wants to be told that 0 % do not answer. */
function parsePercent(text: string): number {
  const value = Number(/^\s*(\d{1,3}(?:\.\d+)?)\s*%?\s*$/.exec(text)?.[1] ?? NaN);
  if (value > 0 && value <= 100) return value;
  throw new ValueSyntaxError("is not a percentage from 1 to 100", "write a number such as 25");
}

/** A configuration that is named and not there would otherwise look like an agent that was never activated. */
async function noteAbsentFile(path: string | undefined, at: { directory: string; host: Host }): Promise<void> {
  if (path === undefined) return;
  const isThere = await at.host.readTextFile(path).then(() => true, () => false);
  if (isThere) return;
  await at.host.stderr.write(`${safeText(`note: cannot read "${path}", so this is of "${at.directory}"`)}\n`);
}

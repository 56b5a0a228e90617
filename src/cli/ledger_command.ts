/** `opendca ledger`: shows what was sent and which tasks were received, from the ledger in the state directory. */
import { type Command, InvalidArgumentError } from "commander";
import { likelyStateDirectory } from "../activation/store_options.ts";
import { configPath } from "../config/config_path.ts";
import { UsageError } from "../../common/core/errors.ts";
import { StorageError } from "../../common/host/sqlite.ts";
import { type Ledger, openLedger } from "../store/ledger.ts";
import type { LedgerEntry } from "../store/ledger_entry.ts";
import { hanging } from "../../common/core/terminal_text.ts";
import { parseDuration } from "../../common/core/duration.ts";
import { safeText } from "../../common/core/safe_text.ts";
import { ValueSyntaxError } from "../../common/core/value_syntax_error.ts";
import { visibleJson } from "../../common/core/visible_json.ts";
import type { Host } from "./host.ts";

interface LedgerOptions {
  since?: Date;
  json?: boolean;
  verify?: boolean;
  all?: boolean;
  config?: string;
}

/** EX_DATAERR of sysexits.h: the ledger was changed or damaged. */
const brokenExitCode = 65;

const examples = `
Examples:
  opendca ledger --since 7d
  opendca ledger --json --since 2026-11-01 | jq .summary
  opendca ledger --verify

Exit codes: 0 done, 64 no ledger, 65 an entry was changed or removed, 69 cannot be read, 70 a bug.
`;

/** Adds the command to the program. */
export function addLedgerCommand(program: Command, host: Host, setExitCode: (code: number) => void): void {
  program.command("ledger")
    .description("show everything that was sent, and every task that was received")
    .option(
      "--since <time>",
      "entries since: 2026-11-23, 2026-11-23T06:00Z, or an age such as 12h or 7d",
      timeOf(host),
    )
    .option("--all", "include polls with nothing but the agent's status")
    .option("--json", "one entry per line")
    .option("--verify", "check the hash chain, and show the first broken entry")
    .option("--config <file>", "configuration file (default: $OPENDCA_CONFIG, /etc/opendca/agent.yaml)")
    .addHelpText("after", examples)
    .action(async (options: LedgerOptions) => setExitCode(await showLedger(options, host)));
}

async function showLedger(options: LedgerOptions, host: Host): Promise<number> {
  const folder = await likelyStateDirectory(configPath(options.config, host.env), host);
  using ledger = openExisting(`${folder}/ledger.db`);
  if (options.verify === true) return await verify(ledger, options, host);
  let shown = 0, polls = 0;
  for (const entry of ledger.entries(options.since === undefined ? {} : { since: options.since })) {
    if (entry.kind === "poll" && options.all !== true) {
      polls++;
      continue;
    }
    await host.stdout.write(options.json === true ? `${visibleJson(entry)}\n` : lineOf(entry, host));
    shown++;
  }
  if (options.json === true) return 0;
  if (shown + polls === 0) await host.stderr.write("nothing was sent or received in this time\n");
  if (polls === 0) return 0;
  const left = polls === 1
    ? "1 poll with the agent's status alone is"
    : `${polls} polls with the agent's status alone are`;
  await host.stderr.write(`${left} not shown: add --all\n`);
  return 0;
}

async function verify(ledger: Ledger, options: LedgerOptions, host: Host): Promise<number> {
  const verdict = ledger.verify();
  if (options.json === true) await host.stdout.write(`${visibleJson(verdict)}\n`);
  else if (verdict.broken === null) {
    const pruned = verdict.pruned === 0 ? "" : `, ${verdict.pruned} earlier ones were pruned`;
    await host.stdout.write(`intact: ${verdict.entries} entries${pruned}; head ${safeText(verdict.head)}\n`);
  } else {
    await host.stdout.write(`broken at entry ${verdict.broken.number}: ${verdict.broken.reason}\n`);
  }
  return verdict.broken === null ? 0 : brokenExitCode;
}

function openExisting(path: string): Ledger {
  try {
    return openLedger(path, { readOnly: true });
  } catch (error) {
    if (!(error instanceof StorageError) || error.reason !== "cannotOpen") throw error;
    throw new UsageError(
      `Cannot read the ledger: there is no readable file at "${path}"`,
      "name the agent's configuration with --config, and run as the agent's user",
      { cause: error },
    );
  }
}

/** Escapes all texts: summaries may contain text of the platform or a device, and the file may have been edited. */
function lineOf({ number, at, kind, summary, size, sha256 }: LedgerEntry, { stdout }: Host): string {
  const time = safeText(at).replace("T", " ").replace(/\.\d+Z$/, "Z");
  const content = size === 0 ? "" : `  ${size} bytes  sha256 ${safeText(sha256).slice(0, 16)}`;
  const line = `${String(number).padStart(6)}  ${time}  ${safeText(kind).padEnd(10)}  ${safeText(summary)}${content}`;
  return `${hanging(line, { indent: 8, width: stdout.isTerminal ? stdout.columns() : Infinity })}\n`;
}

function timeOf(host: Host): (text: string) => Date {
  return (text) => {
    const ageMs = maybeDuration(text);
    if (ageMs !== undefined) return new Date(host.clock.now().getTime() - ageMs);
    const time = new Date(text);
    if (!/^\d{4}-\d{2}-\d{2}/.test(text) || Number.isNaN(time.getTime())) {
      throw new InvalidArgumentError("It must be a date, a time, or an age such as 12h or 7d.");
    }
    return time;
  };
}

function maybeDuration(text: string): number | undefined {
  try {
    return parseDuration(text, { max: "5000w" });
  } catch (error) {
    if (!(error instanceof ValueSyntaxError)) throw error;
    return undefined;
  }
}

/** Common parts of all commands: the opened store, and the output. */
import type { Command } from "commander";
import { hanging } from "../../../common/core/terminal_text.ts";
import { type DurationBounds, parseDuration } from "../../../common/core/duration.ts";
import { escapeInvisible } from "../../../common/core/escape_invisible.ts";
import { UsageError } from "../../../common/core/errors.ts";
import { ValueSyntaxError } from "../../../common/core/value_syntax_error.ts";
import { csvText } from "../../../common/report/csv_text.ts";
import type { OpenOptions, OpenPlatform } from "../../agents/platform.ts";
import { type DatabaseAddress, isDatabaseUrl, parseDatabaseUrl } from "../../store/postgres/database_url.ts";
import type { Actor } from "../../audit/audit_log.ts";
import type { By, TenantBy } from "../../audit/use_case.ts";
import { findCustomer } from "../../customers/customers.ts";
import type { PlatformHost } from "./host.ts";
import { csvCells } from "./csv_cells.ts";
import { jsonText, shown } from "./json_text.ts";
import type { Screen } from "./table.ts";

export interface Answer {
  /** Output of --json. */
  json: unknown;
  text: string | ((screen: Screen) => string);
  /** A note for readers of the JSON, on standard error, so that the output stays JSON. */
  note?: string | undefined;
  /** The next step, for a person at a terminal; on standard error, so that scripts only get the answer. */
  next?: string;
  /** The output was written already, as it is long. */
  silent?: true;
}

export interface CommandContext {
  host: PlatformHost;
  /** Who runs the commands. */
  actor: Actor;
  /** Runs a command on the opened platform and prints its answer. */
  run(command: Command, work: (platform: OpenPlatform, by: By) => Answer | Promise<Answer>): Promise<void>;
  /** As `run`, for one customer: that of --customer, or the only one. */
  runForCustomer(
    command: Command,
    work: (platform: OpenPlatform, by: TenantBy) => Answer | Promise<Answer>,
  ): Promise<void>;
  /** Prints the answer of a command that needs no opened platform. */
  answer(command: Command, answer: Answer): Promise<void>;
  /** Sets the exit code of a command that succeeds, but reports a result by its exit code. */
  setExitCode(code: number): void;
}

export const formats = ["table", "json", "csv"] as const;

/** Throws UsageError for an answer that is not a list. */
function csvOf(json: unknown): string {
  if (Array.isArray(json)) return escapeInvisible(csvText(csvCells(shown(json) as object[])));
  throw new UsageError("Cannot print CSV as the answer is not a list", "use --format json");
}

export interface GlobalOptions {
  format?: (typeof formats)[number];
  data?: string;
  database?: string;
  json?: boolean;
  wide?: boolean;
  customer?: string;
}

export function commandContext(host: PlatformHost, setExitCode: (code: number) => void): CommandContext {
  const actor: Actor = {
    kind: "operator",
    name: host.env("SUDO_USER") ?? host.env("USER") ?? host.env("LOGNAME") ?? host.account,
  };
  const run: CommandContext["run"] = async (command, work) => {
    await using platform = await host.openPlatform({
      ...storeOptions(host, command.optsWithGlobals<GlobalOptions>()),
      clock: host.clock,
      log() {},
    });
    await answer(command, await work(platform, { actor }));
  };
  const answer: CommandContext["answer"] = async (command, answer) => {
    if (answer.silent) return;
    const options = command.optsWithGlobals<GlobalOptions>();
    const format = options.format ?? (options.json ? "json" : "table");
    if (format !== "table") {
      await host.stdout(format === "json" ? jsonText(answer.json) : csvOf(answer.json));
      if (answer.note !== undefined) await host.stderr(`note: ${answer.note}\n`);
      return;
    }
    const screen = { width: host.tableWidth, wide: options.wide ?? false };
    const text = typeof answer.text === "string" ? answer.text : answer.text(screen);
    // A sentence instead of a table.
    const isOneLine = text.indexOf("\n") === text.length - 1;
    await host.stdout(isOneLine ? `${hanging(text.trimEnd(), { indent: 2, width: screen.width })}\n` : text);
    if (answer.next !== undefined && host.tableWidth !== Infinity) {
      await host.stderr(`${hanging(`next: ${answer.next}`, { indent: 2, width: screen.width })}\n`);
    }
  };
  return {
    host,
    actor,
    setExitCode,
    answer,
    run,
    runForCustomer: (command, work) =>
      run(command, async (platform, by) => {
        const { customer } = command.optsWithGlobals<GlobalOptions>();
        const { customer_id } = await findCustomer(platform, by, { customer });
        return await work(platform, { ...by, tenant: customer_id });
      }),
  };
}

export function dataDirectory(host: PlatformHost, options: GlobalOptions): string {
  return options.data ?? host.env("OPENDCA_PLATFORM_DATA") ?? host.env("STATE_DIRECTORY") ??
    "/var/lib/opendca-platform";
}

/** The database of --database or its variable; undefined for the SQLite file. Throws UsageError and ConfigError. */
export function maybeDatabase(host: PlatformHost, options: GlobalOptions): DatabaseAddress | undefined {
  const url = options.database ?? host.env("OPENDCA_DATABASE") ?? "";
  if (url === "") return undefined;
  if (isDatabaseUrl(url)) return parseDatabaseUrl(url, { passfile: host.env("PGPASSFILE") });
  throw new UsageError(
    "Cannot use --database or OPENDCA_DATABASE as a database: it does not begin with postgres://",
    "leave it out for the SQLite file in the data directory",
  );
}

/** The options for data directory and database. */
export function storeOptions(
  host: PlatformHost,
  options: GlobalOptions,
): Pick<OpenOptions, "dataDirectory" | "database"> {
  return { dataDirectory: dataDirectory(host, options), database: maybeDatabase(host, options) };
}

/** The common option of all commands for a customer. */
export const customerOption = ["--customer <customer>", "id or name; not needed where there is only one"] as const;

/** Help text for the argument of commands for one device. */
export const deviceHelp = "The device: its id, or a unique address, serial number or host name.";

/** A whole number of an option. Throws UsageError. */
export function wholeNumber(option: string, range: { min: number; max: number }): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= range.min && value <= range.max) return value;
    throw new UsageError(
      `Cannot use ${option} as a number from ${range.min} to ${range.max}: current value is "${text}"`,
      `${option} takes a whole number`,
    );
  };
}

/** Milliseconds of an option such as "12h" or "14d"; a number without a unit has `bareUnit`. Throws UsageError. */
export function timeOption(
  option: string,
  bounds: Required<DurationBounds>,
): (text: string) => number {
  return (text) => {
    try {
      return parseDuration(text, bounds);
    } catch (error) {
      if (!(error instanceof ValueSyntaxError)) throw error;
      throw new UsageError(
        `Cannot use ${option} as a time from ${bounds.min} to ${bounds.max}: current value is "${text}"`,
        `${option} takes a number with s, m, h, d or w, such as ${bounds.min} or 1h30m`,
      );
    }
  };
}

/** A name that people read: not empty, at most 100 characters. */
export function checkedName(name: string): string {
  const text = name.trim();
  if (text.length > 0 && text.length <= 100 && !/\p{Cc}/u.test(text)) return text;
  throw new UsageError(
    `Cannot use "${name}" as a name: it has 1 to 100 characters and no control characters`,
    "put a name with spaces in quotes",
  );
}

/** A text for the history and the audit log. */
export function checkedReason(text: string): string {
  const reason = text.trim();
  if (reason.length > 0 && reason.length <= 200 && !/\p{Cc}/u.test(reason)) return reason;
  throw new UsageError(
    `Cannot use --reason as a reason: it has 1 to 200 characters and no control characters`,
    "put a reason with spaces in quotes",
  );
}

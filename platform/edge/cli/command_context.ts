/** What every command has: the store opened for as long as it runs, and one way to print. */
import type { Command } from "commander";
import { hanging } from "../../../common/core/terminal_text.ts";
import { type DurationBounds, parseDuration } from "../../../common/core/duration.ts";
import { UsageError } from "../../../common/core/errors.ts";
import { ValueSyntaxError } from "../../../common/core/value_syntax_error.ts";
import type { OpenOptions, OpenPlatform } from "../../agents/platform.ts";
import { type DatabaseAddress, isDatabaseUrl, parseDatabaseUrl } from "../../store/postgres/database_url.ts";
import { appendAudit, type AuditEvent } from "../../audit/audit_log.ts";
import { listCustomers, maybeCustomer } from "../../customers/customers.ts";
import type { Tenant, Transaction, TransactionOptions } from "../../store/store.ts";
import type { PlatformHost } from "./host.ts";
import { jsonText } from "./json_text.ts";
import type { Screen } from "./table.ts";

export interface Answer {
  /** What --json prints. */
  json: unknown;
  text: string | ((screen: Screen) => string);
  /** For who reads the JSON: goes to standard error, so that it stays JSON. */
  note?: string | undefined;
  /** What one does next, for who sits at a terminal: standard error, so that a script gets the answer alone. */
  next?: string;
}

export interface CommandContext {
  host: PlatformHost;
  /** Runs a command that changes nothing on the opened platform and prints its answer. */
  run(command: Command, work: (platform: OpenPlatform, tx: Transaction) => Answer | Promise<Answer>): Promise<void>;
  /** As `run`, for one customer: the one of --customer, or the only one there is. */
  runForCustomer(
    command: Command,
    work: (platform: OpenPlatform, tenant: Tenant) => Answer | Promise<Answer>,
  ): Promise<void>;
  /** As `run` and `runForCustomer`, for what changes something: the change and its audit entry, or neither. */
  change(command: Command, work: (platform: OpenPlatform, tx: Transaction) => Promise<Answer>): Promise<void>;
  changeForCustomer(
    command: Command,
    work: (platform: OpenPlatform, tenant: Tenant) => Promise<Answer>,
  ): Promise<void>;
  /** Prints what a command found out without the opened platform. */
  answer(command: Command, answer: Answer): Promise<void>;
  audit(tx: Transaction, event: Omit<AuditEvent, "at" | "actor">): Promise<void>;
  /** Of a command that ends as it should and yet says something by its exit code. */
  setExitCode(code: number): void;
}

export interface GlobalOptions {
  data?: string;
  database?: string;
  json?: boolean;
  wide?: boolean;
  customer?: string;
}

export function commandContext(host: PlatformHost, setExitCode: (code: number) => void): CommandContext {
  async function inTransaction(
    command: Command,
    work: (platform: OpenPlatform, tx: Transaction) => Answer | Promise<Answer>,
    transaction: TransactionOptions,
  ): Promise<void> {
    await using platform = await host.openPlatform({
      ...storeOptions(host, command.optsWithGlobals<GlobalOptions>()),
      clock: host.clock,
      log() {},
    });
    await answer(command, await platform.store.transaction(async (tx) => await work(platform, tx), transaction));
  }
  const answer: CommandContext["answer"] = async (command, answer) => {
    const options = command.optsWithGlobals<GlobalOptions>();
    if (options.json) {
      await host.stdout(jsonText(answer.json));
      if (answer.note !== undefined) await host.stderr(`note: ${answer.note}\n`);
      return;
    }
    const screen = { width: host.tableWidth, wide: options.wide ?? false };
    const text = typeof answer.text === "string" ? answer.text : answer.text(screen);
    // A sentence in place of a table.
    const isOneLine = text.indexOf("\n") === text.length - 1;
    await host.stdout(isOneLine ? `${hanging(text.trimEnd(), { indent: 2, width: screen.width })}\n` : text);
    if (answer.next !== undefined && host.tableWidth !== Infinity) {
      await host.stderr(`${hanging(`next: ${answer.next}`, { indent: 2, width: screen.width })}\n`);
    }
  };
  const tenantOf = (tx: Transaction, command: Command) => customerOf(tx, command.optsWithGlobals<GlobalOptions>());
  const run: CommandContext["run"] = (command, work) => inTransaction(command, work, { readOnly: true });
  const change: CommandContext["change"] = (command, work) => inTransaction(command, work, {});
  return {
    host,
    setExitCode,
    answer,
    run,
    change,
    runForCustomer: (command, work) =>
      run(command, async (platform, tx) => await work(platform, await tenantOf(tx, command))),
    changeForCustomer: (command, work) =>
      change(command, async (platform, tx) => await work(platform, await tenantOf(tx, command))),
    audit: (tx, event) =>
      appendAudit(tx, {
        ...event,
        at: host.clock.now(),
        actor: `admin:${host.env("SUDO_USER") ?? host.env("USER") ?? host.env("LOGNAME") ?? host.account}`,
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

/** Where keys and rows are. */
export function storeOptions(
  host: PlatformHost,
  options: GlobalOptions,
): Pick<OpenOptions, "dataDirectory" | "database"> {
  return { dataDirectory: dataDirectory(host, options), database: maybeDatabase(host, options) };
}

/** The option that all commands of a customer share. */
export const customerOption = ["--customer <customer>", "id or name; not needed where there is only one"] as const;

async function customerOf(tx: Transaction, { customer }: GlobalOptions): Promise<Tenant> {
  if (customer !== undefined) {
    const row = await maybeCustomer(tx, customer);
    if (row !== undefined) return tx.tenant(row.customer_id);
    throw new UsageError(`Cannot find the customer "${customer}"`, "opendca-platform customer list shows them");
  }
  const [only, ...others] = await listCustomers(tx);
  if (only !== undefined && others.length === 0) return tx.tenant(only.customer_id);
  if (only === undefined) {
    throw new UsageError("Cannot run as there is no customer yet", "opendca-platform customer create NAME");
  }
  throw new UsageError(
    `Cannot tell which customer is meant as there are ${others.length + 1}`,
    "name one with --customer; opendca-platform customer list shows them",
  );
}

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

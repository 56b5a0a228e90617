import type { Command } from "commander";
import { ConfigError, UsageError } from "../../../common/core/errors.ts";
import { checkPostgres, checkSqlite } from "../../audit/check_store.ts";
import { copyInstallation } from "../../devices/move_readings.ts";
import { openDataDirectory } from "../../keys/data_directory.ts";
import type { DatabaseAddress } from "../../store/postgres/database_url.ts";
import { migrateDatabase } from "../../store/postgres/postgres_schema.ts";
import { type CommandContext, dataDirectory, type GlobalOptions, maybeDatabase } from "./command_context.ts";
import { type Column, renderTable } from "./table.ts";

interface OwnerOptions extends GlobalOptions {
  role: string;
}

const columns: Column[] = [{ heading: "TABLE" }, { heading: "ROWS" }];
const roleOption = ["--role <name>", "the platform's own role, which gets its rights", "opendca"] as const;

/** `database migrate|check|copy`. */
export function addDatabaseCommands(program: Command, context: CommandContext): void {
  const { host } = context;
  const database = program.command("database").description("PostgreSQL in place of SQLite: docs/database.md");
  const ownersDatabase = (options: GlobalOptions): DatabaseAddress => {
    const address = maybeDatabase(host, options);
    if (address !== undefined) return address;
    throw new UsageError(
      "Cannot run the command without a database",
      "name it as its owner: --database postgres://OWNER@HOST/DATABASE",
    );
  };
  database.command("migrate").description("make or update the tables of PostgreSQL, as their owner")
    .option(...roleOption)
    .action(async (_, command: Command) => {
      const options = command.optsWithGlobals<OwnerOptions>();
      const { from, to } = await migrateDatabase(ownersDatabase(options), options);
      const text = from === to
        ? `version ${to} already; ${options.role} has its rights\n`
        : `migrated from version ${from} to ${to}; ${options.role} has its rights\n`;
      await context.answer(command, { json: { from, to, role: options.role }, text });
    });
  database.command("check").description("whether the store is complete, durable, and keeps customers apart")
    .action(async (_, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const address = maybeDatabase(host, options);
      const findings = address === undefined
        ? await checkSqlite(sqliteFile(dataDirectory(host, options)))
        : await checkPostgres(address);
      const lines = findings.map(({ what, fault, hint }) =>
        `${what}: ${fault === undefined ? "ok" : `${fault}${hint === undefined ? "" : ` (${hint})`}`}\n`
      );
      await context.answer(command, { json: findings, text: lines.join("") });
      if (findings.some(({ fault }) => fault !== undefined)) context.setExitCode(78);
    });
  database.command("copy").description(
    "move the installation from SQLite to an empty PostgreSQL database, as its owner",
  )
    .option(...roleOption)
    .action(async (_, command: Command) => {
      const options = command.optsWithGlobals<OwnerOptions>();
      const target = ownersDatabase(options);
      const path = sqliteFile(dataDirectory(host, options));
      const tables = await copyInstallation({ path, target, role: options.role });
      await context.answer(command, {
        json: tables,
        text: (screen) => renderTable(columns, tables.map(({ name, rows }) => [name, rows]), screen),
        next: `set OPENDCA_DATABASE to this database as ${options.role}, and restart the server`,
      });
    });
}

function sqliteFile(folder: string): string {
  const directory = openDataDirectory(folder);
  if (directory.has("platform.db")) return directory.path("platform.db");
  throw new ConfigError(`Cannot find a store in "${folder}"`, "name the data directory with --data");
}

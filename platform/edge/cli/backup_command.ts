import type { Command } from "commander";
import { messageOf, UnavailableError, UsageError } from "../../../common/core/errors.ts";
import { maybeWriteFault } from "../../../common/core/write_fault.ts";
import { backUpKeys, openDataDirectory } from "../../keys/data_directory.ts";
import { backUpFile } from "../../store/sqlite/back_up_file.ts";
import { type CommandContext, dataDirectory, type GlobalOptions, maybeDatabase } from "./command_context.ts";

const store = "platform.db";

/** `backup FOLDER`: keys and store, as a data directory of their own. */
export function addBackupCommand(program: Command, context: CommandContext): void {
  program.command("backup <folder>")
    .description("copy keys and store into a new folder, while the server runs; with PostgreSQL, the keys alone")
    .addHelpText(
      "after",
      `
The folder is a data directory: to restore it, copy it to the place of the other
one. Anyone who has it can act as the platform: encrypt it. PostgreSQL is backed up
by pg_dump, right after this.`,
    )
    .action(async (folder: string, _, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const isPostgres = maybeDatabase(context.host, options) !== undefined;
      const data = dataDirectory(context.host, options);
      const from = openDataDirectory(data);
      if (!from.has("code-pepper.key") || !(isPostgres || from.has(store))) {
        throw new UsageError(
          `Cannot back up "${data}" as there is no platform in it`,
          "name its data directory with --data",
        );
      }
      let files: string[];
      try {
        // The store last: a backup that was interrupted has none, and cannot be taken for a complete one.
        files = backUpKeys(from, folder);
        if (!isPostgres) {
          await backUpFile(from.path(store), `${folder}/${store}`);
          files.push(store);
        }
      } catch (error) {
        if (error instanceof UsageError) throw error;
        const fault = maybeWriteFault(error);
        throw new UnavailableError(
          `Cannot write the backup "${folder}" as ${fault?.what ?? messageOf(error)}`,
          fault?.hint ?? "delete the folder, and try again",
          0,
          { cause: error },
        );
      }
      await context.answer(command, {
        json: { folder, files },
        text: isPostgres
          ? `${folder} has the keys: ${files.length} files; the database is backed up by pg_dump\n`
          : `${folder} has keys and store: ${files.length} files\n`,
        next: `opendca-platform database check --data ${folder}`,
      });
    });
}

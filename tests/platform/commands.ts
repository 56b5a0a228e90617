import { DatabaseSync } from "node:sqlite";
import { openPlatform, serve } from "../../platform/compose.ts";
import { parseDatabaseUrl } from "../../platform/store/postgres/database_url.ts";
import { openPostgresStore } from "../../platform/store/postgres/postgres_store.ts";
import { openSqliteStore } from "../../platform/store/sqlite/sqlite_store.ts";
import type { Store } from "../../platform/store/store.ts";
import { openDataDirectory } from "../../platform/keys/data_directory.ts";
import { keptKeys } from "../../platform/keys/kept_keys.ts";
import { copyMigratedStore, maybeTestDatabase } from "../fixtures/each_database.ts";
import { makeMemoryFolder } from "../fixtures/memory_folder.ts";
import type { OpenOptions, OpenPlatform } from "../../platform/agents/platform.ts";
import type { PlatformHost } from "../../platform/edge/cli/host.ts";
import { runPlatform } from "../../platform/edge/cli/run_platform.ts";

export const now = new Date("2026-03-02T08:00:00Z");

export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

export type RunCommand = (...args: string[]) => Promise<Ran>;

export interface Installation {
  /** The data directory. */
  folder: string;
  openStore(): Promise<Store>;
  /** Statements of its engine, by whom nothing is refused. */
  sql(text: string): Promise<Record<string, unknown>[]>;
  /** What commands have opened, which the next one uses; without it, the next one opens the installation as it is then. */
  close(): Promise<void>;
}

let madeKeys: Promise<Map<string, string>> | undefined;

/* Of all installations here: making them takes longer than most commands. */
async function makeKeys(): Promise<Map<string, string>> {
  const folder = await Deno.makeTempDir();
  try {
    await keptKeys(openDataDirectory(folder), { isUsed: false, now });
    return new Map([...Deno.readDirSync(folder)].map(({ name }) => [name, Deno.readTextFileSync(`${folder}/${name}`)]));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/*
 * Commands of one installation use what the first has opened: to open it takes longer than most of them. A command with
 * other options, as of another database, opens its own.
 */
function keptOpen(folder: string) {
  let first: { url: string | undefined; platform: Promise<OpenPlatform> } | undefined;
  return {
    async openPlatform(options: OpenOptions): Promise<OpenPlatform> {
      const url = options.database?.shown, { dataDirectory, pollSeconds, quotas, databaseLimits } = options;
      const isPlain = dataDirectory === folder && (pollSeconds ?? quotas ?? databaseLimits) === undefined;
      if (!isPlain || (first !== undefined && first.url !== url)) return await openPlatform(options);
      first ??= { url, platform: openPlatform(options) };
      try {
        return { ...await first.platform, [Symbol.asyncDispose]: () => Promise.resolve() };
      } catch (error) {
        first = undefined;
        throw error;
      }
    },
    async close(): Promise<void> {
      const closing = first?.platform;
      first = undefined;
      await (await closing)?.[Symbol.asyncDispose]();
    },
  };
}

/**
 * Runs commands one after the other on one installation that has keys and an empty store, in the database of the test
 * under way; it is 8 o'clock all the time.
 */
export async function withPlatform(
  body: (run: RunCommand, installation: Installation) => Promise<void>,
  files: Record<string, string> = {},
  environment: Record<string, string> = { USER: "eva" },
  tableWidth = Infinity,
): Promise<void> {
  await using database = await maybeTestDatabase();
  const folder = makeMemoryFolder();
  const path = `${folder}/platform.db`;
  for (const [name, text] of await (madeKeys ??= makeKeys())) {
    Deno.writeTextFileSync(`${folder}/${name}`, text, { mode: 0o600 });
  }
  if (database === undefined) await copyMigratedStore(path);
  const place: Record<string, string> = database === undefined ? {} : { OPENDCA_DATABASE: database.url };
  const kept = keptOpen(folder);
  const installation: Installation = {
    folder,
    close: kept.close,
    openStore: async () =>
      database === undefined ? openSqliteStore(path) : await openPostgresStore(parseDatabaseUrl(database.url)),
    sql(text) {
      if (database !== undefined) return database.sql(text);
      using file = new DatabaseSync(path);
      return Promise.resolve(/^SELECT/.test(text) ? file.prepare(text).all() : (file.exec(text), []));
    },
  };
  try {
    await body(async (...args) => {
      const ran: Ran = { code: 0, stdout: "", stderr: "" };
      const host: PlatformHost = {
        clock: { now: () => now, monotonicMs: () => 0 },
        env: (name) => ({ OPENDCA_PLATFORM_DATA: folder, ...place, ...environment })[name],
        account: "uid 7",
        columns: 100,
        tableWidth,
        stdout: (text) => Promise.resolve(void (ran.stdout += text)),
        stderr: (text) => Promise.resolve(void (ran.stderr += text)),
        readTextFile: (path) =>
          files[path] === undefined ? Promise.reject(new Deno.errors.NotFound(path)) : Promise.resolve(files[path]),
        untilStopped: () => Promise.resolve(),
        openPlatform: kept.openPlatform,
        serve,
      };
      ran.code = await runPlatform(args, host);
      return ran;
    }, installation);
  } finally {
    await kept.close();
    await Deno.remove(folder, { recursive: true });
  }
}

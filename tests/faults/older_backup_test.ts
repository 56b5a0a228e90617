/**
 * A backup that an older release made, restored under this one: nothing in it is lost, on either database. And one of a
 * later release is refused. The older store has a row in each of its tables.
 */
import assert from "node:assert/strict";
import { parseDatabaseUrl } from "../../platform/store/postgres/database_url.ts";
import { openPostgresStore } from "../../platform/store/postgres/postgres_store.ts";
import { inPostgres } from "../fixtures/each_database.ts";
import {
  assertBackupsKept,
  assertKeptIn,
  current,
  insertAll,
  later,
  makeOlder,
  migrateTo,
  oldest,
  versions,
  withFolder,
} from "../fixtures/older_store.ts";
import { maybePostgresFolder } from "../fixtures/peers.ts";
import { sharedPostgres, type TestDatabase } from "../fixtures/postgres_server.ts";
import { toolOutput } from "../fixtures/started_peer.ts";
import { withPlatform } from "../platform/commands.ts";

Deno.test("a backup by an older release is migrated when the platform opens it, and keeps every row", () =>
  assertBackupsKept([oldest, ...versions]));

/** As docs/database.md has it. */
async function dumpAndRestore(from: TestDatabase, to: TestDatabase, file: string): Promise<void> {
  const folder = maybePostgresFolder(), host = (await sharedPostgres()).folder;
  const connect = ["-h", host, "-U", "postgres"];
  await toolOutput(`${folder}/pg_dump`, [...connect, "-Fc", "-f", file, from.name]);
  await toolOutput(`${folder}/pg_restore`, [...connect, "--exit-on-error", "-d", to.name, file]);
}

inPostgres(
  "a dump by an older or a later release is restored: migrated with every row, or refused with what to do",
  () =>
    withFolder(async (folder) => {
      await Deno.chmod(folder, 0o755);
      const server = await sharedPostgres();
      for (const version of versions) {
        await using older = await server.database("empty");
        // What the tools of PostgreSQL do is the same for those in between.
        const isDumped = version === versions[0] || version === versions.at(-1);
        await using empty = isDumped ? await server.database("empty") : undefined;
        const restored = empty ?? older;
        await migrateTo(older, version);
        const before = makeOlder(`${folder}/${version}.db`, version);
        await insertAll(older, before);
        if (empty !== undefined) await dumpAndRestore(older, empty, `${folder}/${version}.dump`);
        await withPlatform(async (run) => {
          const early = await run("--database", restored.url, "customer", "list");
          assert.equal(early.code, 78);
          assert.match(early.stderr, /hint: run opendca-platform database migrate --role opendca/);
          const { code, stdout, stderr } = await run("--database", restored.ownerUrl, "database", "migrate");
          assert.deepEqual([code, stderr], [0, ""], `${version}: ${stdout}`);
          await assertKeptIn(restored, before, version);
          await (await openPostgresStore(parseDatabaseUrl(restored.url)))[Symbol.asyncDispose]();

          await restored.sql(`UPDATE store_version SET version = ${current + 1}`);
          for (const args of [[restored.url, "customer", "list"], [restored.ownerUrl, "database", "migrate"]]) {
            const { code, stderr } = await run("--database", ...args);
            assert.equal(code, 78, stderr);
            assert.match(stderr, later);
          }
        });
      }
    }),
);

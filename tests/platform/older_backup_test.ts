/** A backup that another release made, restored under this one; all versions, and dumps: tests/faults. */
import assert from "node:assert/strict";
import { backUpFile } from "../../platform/store/sqlite/back_up_file.ts";
import { inPostgres } from "../fixtures/each_database.ts";
import {
  assertBackupsKept,
  assertKeptIn,
  current,
  insertAll,
  later,
  makeOlder,
  migrateTo,
  versions,
  withFolder,
} from "../fixtures/older_store.ts";
import { sharedPostgres } from "../fixtures/postgres_server.ts";
import { withPlatform } from "./commands.ts";

Deno.test("a backup by the release before is migrated when the platform opens it, and keeps every row", () =>
  assertBackupsKept(versions.slice(-1)));

inPostgres("a database of the release before is migrated, and keeps every row", () =>
  withFolder(async (folder) => {
    await using database = await (await sharedPostgres()).database("empty");
    const version = versions.at(-1)!;
    await migrateTo(database, version);
    const before = makeOlder(`${folder}/older.db`, version);
    await insertAll(database, before);
    await migrateTo(database, current);
    await assertKeptIn(database, before, version);
  }));

Deno.test("a backup by a later release is refused with what to do, and stays as it is", () =>
  withPlatform(async (run, { folder, sql, close }) => {
    await run("customer", "create", "Acme");
    await close();
    await sql(`PRAGMA user_version = ${current + 1}`);
    await Deno.rename(`${folder}/platform.db`, `${folder}/later.db`);
    await backUpFile(`${folder}/later.db`, `${folder}/platform.db`);
    for (const args of [["customer", "list"], ["serve"], ["database", "check"]]) {
      const { code, stderr } = await run(...args);
      assert.equal(code, 78, stderr);
      assert.match(stderr, later);
    }
    assert.deepEqual((await sql("SELECT name FROM customers")).map(({ name }) => name), ["Acme"]);
  }));
